import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createQueryJob, fetchPage, getQueryJob, waitForQueryJob } from '../../../app/salesforce/bulk.ts';
import { SalesforceClient, type SessionSource } from '../../../app/salesforce/client.ts';
import { readFirstPages } from '../../../app/salesforce/composite.ts';
import { describeObject } from '../../../app/salesforce/describe.ts';
import { renewTokens } from '../../../app/salesforce/oauth.ts';
import { readPageHeader } from '../../../app/salesforce/page-header.ts';
import { estimateRecordCount } from '../../../app/salesforce/record-count.ts';
import { requireApiVersion } from '../../../app/salesforce/require-api-version.ts';
import { readFirstRestPage, readRestPage } from '../../../app/salesforce/rest.ts';
import { countRows, hasNullCursors } from '../../../app/salesforce/soql.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;

beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server[Symbol.asyncDispose]());

function client(): SalesforceClient {
  const session = { accessToken: 'access', instanceUrl: server.url };
  const sessions: SessionSource = { current: async () => session, renew: async () => session };
  return new SalesforceClient(sessions, server.dispatcher, {
    version: '66.0',
    gzip: false,
    limits: { idleMs: 5_000, pollMs: 5 },
    trustedHosts: [server.url],
    onCall: () => {},
  });
}

function reply(body: string, status = 200): void {
  server.answer = (_incoming, outgoing) => outgoing.writeHead(status, { 'content-type': 'application/json' }).end(body);
}

const malformed = { code: 'salesforce_unavailable', recovery: 'retry', message: expect.stringContaining('malformed') };
const range = {
  objectName: 'Account',
  cursorField: 'SystemModstamp',
  cursorFrom: new Date(0),
  cursorTo: new Date(1_000),
  createdDate: true,
  open: false,
  idFrom: null,
  idTo: null,
  nullCursor: false,
};

describe('a page of rows', () => {
  const readPage = () => readRestPage(client(), '/page', ['Id'], AbortSignal.timeout(5_000));

  test.each([
    '{"done":true,"records":[{"Id":"1"}]}',
    '{"totalSize":null,"done":true,"records":[{"Id":"1"}]}',
    '{"totalSize":1.5,"done":true,"records":[{"Id":"1"}]}',
    '{"totalSize":-1,"done":true,"records":[]}',
    '{"totalSize":9007199254740993,"done":true,"records":[]}',
    '{"totalSize":1,"done":true,"records":[{"Id":"1"},{"Id":"2"}]}',
    '{"totalSize":1,"done":true,"records":[null]}',
    '{"totalSize":1,"done":true,"records":["1"]}',
    '{"totalSize":2,"done":true,"records":[{"Id":"1"},{}]}',
    '{"totalSize":2,"done":true,"records":[{"Id":"1"},{"id":"2"}]}',
    '{"totalSize":2,"done":false,"nextRecordsUrl":5,"records":[{"Id":"1"}]}',
    '{"totalSize":2,"done":false,"records":[{"Id":"1"}]}',
    '{"totalSize":2,"done":false,"nextRecordsUrl":"https://evil.example/next","records":[{"Id":"1"}]}',
    '{"totalSize":2,"done":false,"nextRecordsUrl":"//evil.example/next","records":[{"Id":"1"}]}',
    '{"totalSize":2,"done":false,"nextRecordsUrl":"/\\\\evil.example/next","records":[{"Id":"1"}]}',
    '{"totalSize":2,"done":false,"nextRecordsUrl":"@evil.example/next","records":[{"Id":"1"}]}',
    '{"totalSize":2,"done":false,"nextRecordsUrl":".evil.example/next","records":[{"Id":"1"}]}',
    'null',
    '5',
  ])('is malformed: %s', async (body) => {
    reply(body);
    await expect(readPage()).rejects.toMatchObject(malformed);
  });

  test('may have fewer rows than its query', async () => {
    reply('{"totalSize":2,"done":false,"nextRecordsUrl":"/next","records":[{"Id":"1"}]}');
    expect(await readPage()).toMatchObject({ totalSize: 2, rows: [[expect.any(String)]], nextPath: '/next' });
  });
});

describe('the first page of a query', () => {
  const readFirst = (maxRows: number) => readFirstRestPage(client(), '/page', ['Id'], maxRows, AbortSignal.timeout(5_000));
  const UNREADABLE = '{"totalSize": 3, "done": false,"nextRecordsUrl":"/next","records":[{"Id":"1"},{"Id":2x}]}';

  test('is not parsed if Bulk reads the rows: only their number', async () => {
    reply(UNREADABLE);
    expect(await readFirst(2)).toEqual({ totalSize: 3, rows: null, bytes: UNREADABLE.length });
    await expect(readFirst(3)).rejects.toMatchObject({ code: 'salesforce_unavailable' });
  });

  test.each([
    ['has all rows', '{"totalSize":3,"done":true,"records":[{"Id":"1"},{"Id":"2"},{"Id":"3"}]}'],
    ['starts in another way', '{"records":[{"Id":"\\"totalSize\\":9"}],"totalSize":3,"done":false,"nextRecordsUrl":"/next"}'],
  ])('is parsed if it %s', async (_, body) => {
    reply(body);
    expect(await readFirst(2)).toMatchObject({ totalSize: 3, rows: expect.arrayContaining([[expect.any(String)]]) });
  });
});

test.each([
  '{"done":true,"records":[]}',
  '{"totalSize":null,"done":true,"records":[]}',
  '{"totalSize":"7","done":true,"records":[]}',
  '{}',
])('a row count is malformed: %s', async (body) => {
  reply(body);
  await expect(countRows(client(), range)).rejects.toMatchObject(malformed);
});

describe('rows without a cursor', () => {
  const has = () => hasNullCursors(client(), 'Account', 'LastModifiedDate');

  test('are ruled out by a permanent refusal', async () => {
    reply('[{"errorCode":"INVALID_FIELD","message":"no such field"}]', 400);
    expect(await has()).toBe(false);
  });

  test('are assumed to exist if the query times out', async () => {
    reply('[{"errorCode":"QUERY_TIMEOUT","message":"too long"}]', 400);
    expect(await has()).toBe(true);
  });

  test.each([
    ['salesforce_unavailable', '[{"errorCode":"SERVER_UNAVAILABLE","message":"busy"}]', 503],
    ['salesforce_quota', '[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests Limit exceeded."}]', 403],
  ])('remain unknown after %s', async (code, body, status) => {
    reply(body, status);
    await expect(has()).rejects.toMatchObject({ code });
  });
});

test.each<[string, (client: SalesforceClient) => Promise<unknown>, string[]]>([
  ['a created Bulk job', (by) => createQueryJob(by, 'SELECT Id FROM Account', 'Account'), ['null', '{}', '{"id":5}']],
  [
    'a Bulk job',
    (by) => getQueryJob(by, '750'),
    ['null', '{"state":"JobComplete"}', '{"id":"750"}', '{"id":"750","state":"Failed","errorMessage":5}'],
  ],
  [
    'a description',
    (by) => describeObject(by, 'Account'),
    ['null', '{"name":"Account"}', '{"name":"Account","fields":[null]}', '{"name":"Account","fields":[{}]}'],
  ],
  ['a list of API versions', requireApiVersion, ['[null]', '[{}]', '[{"version":66}]']],
])('%s that is malformed is retried', async (_what, read, bodies) => {
  for (const body of bodies) {
    reply(body);
    await expect(read(client())).rejects.toMatchObject(malformed);
  }
});

describe.each<[string, (client: SalesforceClient) => Promise<unknown>]>([
  ['a query', (by) => countRows(by, range)],
  ['rows without a cursor', (by) => hasNullCursors(by, 'Account', 'LastModifiedDate')],
  ['an estimate', (by) => estimateRecordCount(by, 'Account')],
  ['a Bulk job', (by) => getQueryJob(by, '750')],
  ['a description', (by) => describeObject(by, 'Account')],
  ['a page of rows', (by) => readRestPage(by, '/page', ['Id'], AbortSignal.timeout(5_000))],
  ['a result page', (by) => fetchPage(by, '750', null, 1, AbortSignal.timeout(5_000))],
  [
    'the first pages of several queries',
    (by) => readFirstPages(by, [{ objectName: 'Account', soql: 'SELECT Id', columns: ['Id'] }], { signal: undefined, totalMs: 5_000 }),
  ],
])('an error without a Salesforce code instead of %s', (_what, read) => {
  test.each([500, 502, 503, 504, 429, 408, 404, 400, 403, 405])('is transient with HTTP %i', async (status) => {
    const text = '<html><body>busy</body></html>';
    for (const body of [
      '',
      '[]',
      'null',
      '{}',
      '5',
      '"busy"',
      'busy',
      '[null]',
      '["busy"]',
      '[{}]',
      '[[]]',
      '[{},{}]',
      '[{"errorCode":5}]',
      text,
    ]) {
      reply(body, status);
      await expect(read(client())).rejects.toMatchObject({ code: 'salesforce_unavailable', recovery: 'retry' });
    }
  });

  test('is transient with HTTP 500 and a code that the service does not know', async () => {
    for (const body of ['[{"errorCode":"OUT_OF_ORDER","message":"x"}]', '{"errorCode":"OUT_OF_ORDER","message":"x"}']) {
      reply(body, 500);
      await expect(read(client())).rejects.toMatchObject({ details: { salesforce_code: 'OUT_OF_ORDER' }, recovery: 'retry' });
    }
  });
});

test('a session that is refused right after its renewal is not retried', async () => {
  let calls = 0;
  server.answer = (_incoming, outgoing) => {
    calls++;
    outgoing.writeHead(401, { 'content-type': 'application/json' }).end('[{"errorCode":"INVALID_SESSION_ID","message":"expired"}]');
  };
  await expect(describeObject(client(), 'Account')).rejects.toMatchObject({ code: 'salesforce_refused', recovery: 'defer' });
  expect(calls).toBe(1);
});

test('a 304 to an unconditional describe is malformed', async () => {
  reply('', 304);
  await expect(describeObject(client(), 'Account')).rejects.toMatchObject(malformed);
});

test.each(['null', '{}', '{"sObjects":[null]}', '{"sObjects":[{"count":"7"}]}'])('a malformed record count %s is null', async (body) => {
  reply(body);
  expect(await estimateRecordCount(client(), 'Account')).toBeNull();
});

test('a result page that is not gzip is malformed', async () => {
  const body = Readable.from([Buffer.from('"Id"\n"1"\n'.repeat(10))]);
  await expect(readPageHeader(body, true, ['Id'], 10)).rejects.toMatchObject(malformed);
});

test('a step of the clock does not make a Bulk job take too long', async () => {
  const now = Date.now;
  let polls = 0;
  server.answer = (incoming, outgoing) => {
    Date.now = () => now() + 12 * 60 * 60_000;
    const state = incoming.method === 'GET' && ++polls === 3 ? 'JobComplete' : 'InProgress';
    outgoing.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id: '750', state, numberRecordsProcessed: 1 }));
  };
  try {
    const job = await waitForQueryJob(client(), '750', new Date(now() + 6 * 60 * 60_000), AbortSignal.timeout(5_000));
    expect(job).toMatchObject({ state: 'JobComplete', processed: 1 });
  } finally {
    Date.now = now;
  }
});

describe('a result page', () => {
  const fetchFirst = () => fetchPage(client(), '750', null, 10, AbortSignal.timeout(5_000));
  function replyPage(headers: Record<string, string>): void {
    const page = { 'content-type': 'text/csv', 'sforce-locator': 'null', 'sforce-numberofrecords': '1', ...headers };
    server.answer = (_incoming, outgoing) => outgoing.writeHead(200, page).end(gzipSync('"Id"\n"1"\n'));
  }

  test.each(['gzip', 'GZIP', 'x-gzip', ' gzip '])('may be encoded as %j', async (encoding) => {
    replyPage({ 'content-encoding': encoding });
    const { body, gzip, rows } = await fetchFirst();
    expect(gzip).toBe(true);
    expect((await readPageHeader(body, gzip, ['Id'], rows)).columns).toEqual(['Id']);
    body.destroy();
  });

  test.each([
    { 'content-encoding': 'br' },
    { 'content-encoding': 'gzip, gzip' },
    { 'sforce-numberofrecords': '' },
    { 'sforce-numberofrecords': '-1' },
    { 'sforce-numberofrecords': '1e3' },
    { 'sforce-numberofrecords': '0x10' },
    { 'sforce-numberofrecords': '1.0' },
  ])('with %j is requested again', async (headers) => {
    replyPage(headers);
    await expect(fetchFirst()).rejects.toMatchObject({ code: 'salesforce_unavailable', recovery: 'retry' });
  });
});

describe('a token endpoint', () => {
  const renew = () =>
    renewTokens(server.dispatcher, { loginUrl: server.url, clientId: 'id', clientSecret: 'secret' }, 'refresh', AbortSignal.timeout(5_000));

  test.each([
    [500, '{"error":"invalid_grant","error_description":"expired access/refresh token"}'],
    [503, '{"error":"server_error"}'],
    [400, '{}'],
    [400, '[]'],
    [400, 'null'],
    [400, '"invalid_grant"'],
    [400, '{"error":null}'],
    [400, '{"error":{"code":"invalid_grant"}}'],
    [400, 'no JSON'],
    [429, '{"error":"invalid_grant","error_description":"expired access/refresh token"}'],
    [408, '{"error":"invalid_grant"}'],
    [200, ''],
    [200, 'no JSON'],
    [200, 'null'],
    [200, '[]'],
    [200, '"access"'],
    [200, '{"access_token":5}'],
    [204, ''],
    [304, ''],
  ])('that returns HTTP %i with %s is retried', async (status, body) => {
    reply(body, status);
    await expect(renew()).rejects.toMatchObject({ code: 'salesforce_unavailable', recovery: 'retry' });
  });

  test.each([
    ['application/json', '{"error":"rate_limit_exceeded"}'],
    ['text/html', '<html></html>'],
  ])('may demand a wait in %s', async (type, body) => {
    server.answer = (_incoming, outgoing) => outgoing.writeHead(429, { 'content-type': type, 'retry-after': '90' }).end(body);
    await expect(renew()).rejects.toMatchObject({ code: 'salesforce_unavailable', retryAfterMs: 90_000 });
  });

  test('may refuse a grant without a description', async () => {
    reply('{"error":"invalid_grant","error_description":{"text":"inactive user"}}', 400);
    await expect(renew()).rejects.toMatchObject({ code: 'needs_login', message: expect.stringContaining('(invalid_grant)') });
  });
});
