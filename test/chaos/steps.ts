import type { IncomingMessage } from 'node:http';

/** Whether a call or statement is on its way there, or its reply on its way back. */
export type Point = 'before' | 'after';

/** A service that the processes call through a proxy. */
export type Side = 'salesforce' | 'bigquery' | 'postgres';

/** A request whose body has arrived. */
export interface HttpCall {
  method: string;
  /** path and query */
  url: string;
  body: Buffer;
  headers: IncomingMessage['headers'];
}

/** Parts of a path that differ from one call to the next, and the word that stands for them. */
const VARIABLE: [RegExp, string][] = [
  [/\b(stage|delta)_[0-9a-f]{32}\w*/g, '$1'],
  [/\bsync_[0-9a-f]{32}_([a-z]+)\w*/g, '$1'],
  [/\bquery_[0-9a-f-]{36}/g, 'query'],
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<id>'],
  [/\b750\w{12,15}\b/g, '<bulk-job>'],
  [/\b01g\w+-\d+/g, '<locator>'],
  [/\/00D\w{15}\/005\w{15}/g, '/<user>'],
  [/\/(sobjects|tables)\/(?!_)[A-Z]\w*?(_live)?(?=\/|$)/g, '/$1/<object>$2'],
];

/** The step of a call: its side, method, and path without what varies. */
export function httpStep(side: Side, { method, url, body }: HttpCall): string {
  const { pathname, searchParams } = new URL(url, 'http://any');
  const path = VARIABLE.reduce((text, [pattern, word]) => text.replace(pattern, word), pathname)
    .replace(/^\/bigquery\/v2\/projects\/[^/]+/, '')
    .replace(/^\/upload\/bigquery\/v2\/projects\/[^/]+/, '/upload')
    .replace(/^\/services\/data\/v[\d.]+/, '');
  const soql = searchParams.get('q') ?? '';
  const what = [
    soql && (/^SELECT (COUNT\(\)|\w+)/.exec(soql)?.[1] ?? 'query'),
    searchParams.has('locator') && 'next page',
    side === 'bigquery' && method === 'POST' && path === '/jobs' && jobKind(body),
    path === '/upload/jobs' && (method === 'PUT' ? 'bytes' : searchParams.get('uploadType')),
  ];
  return [side, method, path, ...what.filter(Boolean)].join(' ');
}

/** What a BigQuery job that is being created is for, from its id. */
function jobKind(body: Buffer): string {
  const id = /"jobId":"([^"]*)"/.exec(body.toString())?.[1] ?? '';
  const kind = /^sync_[0-9a-f]{32}_([a-z]+)/.exec(id)?.[1] ?? 'query';
  return body.includes('"query":"SELECT 1"') ? `fence of ${kind}` : kind;
}

/** A statement that writes, or ends a transaction; the leading words by which it is known. */
const WRITES = [/^INSERT INTO \w+/, /^UPDATE \w+ SET \w+( = '\w+')?/, /^DELETE FROM \w+/, /^WITH \w+/, /^COMMIT/];

/** The step of a statement of Postgres; undefined if it writes nothing. */
export function postgresStep(sql: string): string | undefined {
  const text = sql.replace(/\s+/g, ' ').trim();
  const words = WRITES.map((pattern) => pattern.exec(text)?.[0]).find(Boolean);
  return words && `postgres ${words}`;
}
