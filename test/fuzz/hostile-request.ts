import { ENDPOINTS } from '../../app/http/endpoints.ts';
import { Dice, textSeed } from '../../app/local/emulators/salesforce/org/dice.ts';

/** A request as bytes, and how they are sent. */
export interface HostileRequest {
  number: number;
  bytes: Buffer;
  /** sent in two parts, with a pause between them */
  slow: boolean;
  /** the sender closes its side after the bytes */
  halfClosed: boolean;
}

/** What a request may name that exists in the service. */
export interface Target {
  host: string;
  /** API keys, by role */
  keys: Readonly<Record<string, string>>;
  userId: string;
  jobId: string;
  runId: string;
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT', 'LINK', 'get', 'G E T', 'X'.repeat(300)];

const PATHS = [
  ...new Set(ENDPOINTS.map(({ name }) => name)),
  'healthz',
  'readyz',
  'metrics',
  'openapi.json',
  'docs',
  'oauth/start',
  'oauth/callback',
  'connect/x',
  'connect/done/x',
  '',
  '../../etc/passwd',
  'v1',
];

const FIELDS = [
  ...new Set(ENDPOINTS.flatMap(({ request }) => Object.keys(request.shape))),
  'code',
  '__proto__',
  'constructor',
  'toString',
  'x',
];

const VALUES = [
  '',
  '0',
  '-1',
  '1e309',
  'NaN',
  'null',
  'true',
  '{}',
  '[]',
  '\u0000',
  '\ud800',
  '%',
  '%00',
  '%ff',
  "' OR 1=1 --",
  '"; DROP TABLE jobs; --',
  '{{7*7}}',
  '<script>alert(1)</script>',
  '../../../etc/passwd',
  'Account',
  'account',
  'Account__c',
  'all',
  '2023-03-01',
  '9999-12-31',
  '0000-00-00',
  '275760-09-13',
  'day',
  '15m',
  '99999999999999999999',
  '00000000-0000-0000-0000-000000000000',
  'https://evil.example/',
  'javascript:alert(1)',
  'http://127.0.0.1:1/',
  'https://a@b.my.salesforce.com',
  'é\u0301🙂',
  'a'.repeat(10_000),
  '\r\nX-Injected: 1',
];

const PATH_TRICKS = ['%00', '%2f', '%2e%2e%2f', '..;/', '//', '/./', '%zz', '%c0%ae', '\t', '?', '#', ';a=b', 'x'.repeat(9_000)];

const TYPES = [
  'application/json',
  'application/json; charset=utf-7',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'text/plain',
  '',
  'multipart/form-data; boundary=b',
  'multipart/form-data; boundary="',
  'application/json, text/html',
  'x'.repeat(2_000),
  'image/png',
];

const HEADERS = [
  'X-Forwarded-For: 1.2.3.4, 5.6.7.8',
  `X-Forwarded-For: ${'a,'.repeat(500)}`,
  'Origin: https://evil.example',
  'Origin: null',
  'Cookie: a=b; a=c',
  `Cookie: __Host-login=${'x'.repeat(500)}`,
  'Accept: application/json',
  `Accept: ${'*/*,'.repeat(300)}`,
  'Range: bytes=0-1,2-3',
  'Expect: 100-continue',
  'Upgrade: websocket',
  'Content-Encoding: gzip',
  'Content-Encoding: br',
  'X-HTTP-Method-Override: DELETE',
  'Forwarded: for=1',
  'Sec-Fetch-Site: cross-site',
  'If-None-Match: *',
  'Authorization: Basic !!!',
  'Authorization: Bearer',
  'X-API-Key: ',
  'Transfer-Encoding: identity',
  'Host: other.example',
  'Bad Header: x',
  ': x',
  `X-Long: ${'y'.repeat(20_000)}`,
  'X-Null: a\u0000b',
  ' folded: x',
  'X-Id: é',
];

/** Shapes that servers and proxies may read differently: smuggling. `{body}` is the body. */
const SHAPES = [
  'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /jobs HTTP/1.1\r\nHost: x\r\n\r\n',
  'Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n',
  'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
  'Transfer-Encoding: not-chunked\r\n\r\n0\r\n\r\n',
  'Transfer-Encoding: chunked\r\n\r\nZZ\r\n{body}\r\n0\r\n\r\n',
  'Transfer-Encoding: chunked\r\n\r\n-1\r\n{body}\r\n0\r\n\r\n',
  'Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n{body}',
  'Transfer-Encoding: chunked\r\n\r\n5;ext="\r\n{body}\r\n0\r\n\r\n',
  'Content-Length: 0\r\nContent-Length: 10\r\n\r\n{body}',
  'Content-Length: -5\r\n\r\n{body}',
  'Content-Length: 1e3\r\n\r\n{body}',
  'Content-Length: 99999999999999999999\r\n\r\n{body}',
  'Content-Length: +3\r\n\r\n{body}',
  'X: 1\n\n{body}',
  'X: 1\r\n folded\r\n\r\n{body}',
];

/** The hostile request with this number, the same for the same seed. */
export function hostileRequest(seed: number, number: number, target: Target): HostileRequest {
  const dice = new Dice(seed, number, textSeed('request'));
  // Half of the requests are hostile in their fields and body alone, so that they come further.
  const isTame = dice.onceIn(2);
  const method = !isTame && dice.onceIn(2) ? dice.pick(METHODS) : dice.pick(['GET', 'POST', 'PATCH', 'DELETE']);
  const body = bodyOf(dice, target);
  const head = [
    `${method} ${pathOf(dice, target, isTame)} ${!isTame && dice.onceIn(20) ? 'HTTP/9.9' : 'HTTP/1.1'}`,
    ...headersOf(dice, target, isTame),
  ].join('\r\n');
  const text =
    !isTame && dice.onceIn(3)
      ? `${head}\r\n${dice.pick(SHAPES).replace('{body}', body.text)}`
      : `${head}\r\nContent-Type: ${body.type}\r\nContent-Length: ${lengthOf(dice, body.text)}\r\n\r\n${body.text}`;
  const bytes = Buffer.from(text, dice.onceIn(20) ? 'latin1' : 'utf8');
  return { number, bytes: dice.onceIn(25) ? garbled(bytes, dice) : bytes, slow: dice.onceIn(50), halfClosed: dice.onceIn(10) };
}

/** Usually right. A claim of more bytes than come makes the server wait for them. */
function lengthOf(dice: Dice, body: string): number {
  const length = Buffer.byteLength(body);
  return dice.onceIn(60) ? length + dice.between(1, 1_000) : dice.onceIn(30) ? Math.floor(length / 2) : length;
}

function pathOf(dice: Dice, { jobId, runId }: Target, isTame: boolean): string {
  const path = `/${dice.pick(PATHS)}`
    .replace('{job_id}', dice.onceIn(3) ? dice.pick(VALUES) : jobId)
    .replace('{run_id}', dice.onceIn(3) ? dice.pick(VALUES) : runId)
    .replace('{connection}', dice.onceIn(3) ? dice.pick(VALUES) : '1')
    .replace('{link_id}', dice.onceIn(3) ? dice.pick(VALUES) : runId)
    .replace('{object_name}', dice.onceIn(3) ? dice.pick(VALUES) : 'Account');
  const tricked =
    !isTame && dice.onceIn(2)
      ? path.slice(0, dice.between(1, path.length)) + dice.pick(PATH_TRICKS) + path.slice(dice.between(1, path.length))
      : path;
  const query = dice.onceIn(2)
    ? `?${pairsOf(dice)
        .map(([name, value]) => `${name}=${dice.onceIn(2) ? encode(value) : value}`)
        .join('&')}`
    : '';
  return (tricked + query).replaceAll(/[\r\n ]/g, dice.onceIn(30) ? ' ' : '%20') || '/';
}

/** Also of texts that are no valid Unicode. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

function headersOf(dice: Dice, { host, keys }: Target, isTame: boolean): string[] {
  if (isTame) return [`Host: ${host}`, `X-API-Key: ${dice.pick(Object.values(keys))}`, 'Connection: close'];
  const names = Object.keys(keys);
  const key = dice.onceIn(4) ? dice.pick(['', 'wrong', 'x'.repeat(3_000)]) : keys[dice.pick(names)]!;
  const extra = Array.from({ length: dice.onceIn(20) ? 150 : dice.between(0, 3) }, () => dice.pick(HEADERS));
  return [
    `Host: ${dice.onceIn(15) ? dice.pick(['evil.example', '', '127.0.0.1@evil', `${host}, ${host}`, '[::1]:x']) : host}`,
    ...(dice.onceIn(10) ? [] : [dice.onceIn(2) ? `X-API-Key: ${key}` : `Authorization: Bearer ${key}`]),
    ...(dice.onceIn(8) ? [] : ['Connection: close']),
    ...extra,
  ];
}

function pairsOf(dice: Dice): [string, string][] {
  return Array.from({ length: dice.between(0, 5) }, () => [dice.pick(FIELDS), dice.pick(VALUES)]);
}

function bodyOf(dice: Dice, { userId }: Target): { type: string; text: string } {
  const pairs = pairsOf(dice);
  if (dice.onceIn(3)) pairs.push(['user_id', userId], ['object_name', dice.pick(VALUES)]);
  switch (dice.between(0, 7)) {
    case 0:
      return { type: 'application/json', text: JSON.stringify(Object.fromEntries(pairs)) };
    case 1:
      return { type: 'application/json', text: `{${pairs.map(([name, value]) => `"${name}":${value || '{'}`).join(',')}` };
    case 2:
      return { type: 'application/json', text: `${'['.repeat(dice.between(1, 50_000))}` };
    case 3:
      return { type: 'application/x-www-form-urlencoded', text: pairs.map(([name, value]) => `${name}=${encode(value)}`).join('&') };
    case 4:
      return { type: 'multipart/form-data; boundary=b', text: multipart(dice, pairs) };
    case 5:
      return { type: dice.pick(TYPES), text: dice.pick(VALUES).repeat(dice.between(0, 20)) };
    case 6:
      return { type: dice.pick(TYPES), text: 'x'.repeat(dice.onceIn(10) ? 3_000_000 : dice.between(0, 70_000)) };
    default:
      return { type: dice.pick(TYPES), text: '' };
  }
}

/** Correct, or broken in one way. */
function multipart(dice: Dice, pairs: readonly [string, string][]): string {
  const parts = pairs.map(([name, value]) => {
    const file = dice.onceIn(5) ? '; filename="../../x.csv"' : '';
    return `--b\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n${value}\r\n`;
  });
  const text = `${parts.join('')}--b--\r\n`;
  const broken = [
    text.slice(0, dice.between(0, text.length)),
    text.replaceAll('\r\n', '\n'),
    text.replaceAll('name=', 'nome='),
    text.replaceAll('--b--', '--c--'),
    `${'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n'.repeat(2_000)}--b--`,
  ];
  return dice.onceIn(2) ? dice.pick(broken) : text;
}

/** A few bytes changed. */
function garbled(bytes: Buffer, dice: Dice): Buffer {
  const copy = Buffer.from(bytes);
  for (let left = dice.between(1, 6); left > 0; left--) copy[dice.between(0, copy.length - 1)] = dice.between(0, 255);
  return copy;
}
