import { AppError } from '../errors.ts';
import type { SalesforceClient } from './client.ts';
import { parseKeepingNumbers } from './parse-keeping-numbers.ts';
import { isValidRowCount } from './soql.ts';

/** A row's values as text, in the order of the requested columns. */
export type RestRow = readonly (string | null)[];

/** Rows of a REST query. */
export interface RestPage {
  /** rows of the whole query, as reported by Salesforce */
  totalSize: number;
  rows: readonly RestRow[];
  /** path of the next page; null: this was the last page */
  nextPath: string | null;
  /** of the response that contained it, and perhaps other pages */
  bytes: number;
}

/** The number of rows of a query that has too many to read them here. */
export interface RowCount {
  totalSize: number;
  rows: null;
  /** of the response */
  bytes: number;
}

interface QueryResponse {
  /** a number's text */
  totalSize: string;
  done: boolean;
  nextRecordsUrl?: string | null;
  records: Record<string, unknown>[];
}

/** What a query does, for error messages. */
export const QUERY_ROWS = 'query rows';

/** Salesforce allows 16,384 bytes for URI and headers together, of which the token may take 2,000. */
export const MAX_URI_BYTES = 13_000;

/** The path of a query's first page, including deleted rows; undefined if the query is too long for a URI. */
export function queryPath(client: SalesforceClient, soql: string): string | undefined {
  const path = pathOfQuery(client, soql);
  return path.length <= MAX_URI_BYTES ? path : undefined;
}

/** The path of a query's first page, however long. */
export function pathOfQuery({ version }: SalesforceClient, soql: string): string {
  return `/services/data/v${version}/queryAll?q=${encodeURIComponent(soql)}`;
}

/**
 * Reads a page. Bypasses jsforce, which parses numbers: we keep their original text.
 * @param path from `queryPath`, or `nextPath` of the previous page
 * @throws AppError
 */
export async function readRestPage(
  client: SalesforceClient,
  path: string,
  columns: readonly string[],
  signal: AbortSignal,
): Promise<RestPage> {
  return parsePage(await getPage(client, path, signal), columns);
}

/**
 * Reads the first page of a query. If the query has more than `maxRows`, only their number is parsed.
 * @param path from `queryPath`
 * @throws AppError
 */
export async function readFirstRestPage(
  client: SalesforceClient,
  path: string,
  columns: readonly string[],
  maxRows: number,
  signal: AbortSignal,
): Promise<RestPage | RowCount> {
  const body = await getPage(client, path, signal);
  const totalSize = totalSizeAtStart(body);
  if (totalSize !== undefined && totalSize > maxRows) return { totalSize, rows: null, bytes: body.length };
  return parsePage(body, columns);
}

async function getPage(client: SalesforceClient, path: string, signal: AbortSignal): Promise<Buffer> {
  const headers = { accept: 'application/json', 'sforce-query-options': 'batchSize=2000' };
  return (await client.get(QUERY_ROWS, path, headers, signal)).body;
}

function parsePage(body: Buffer, columns: readonly string[]): RestPage {
  return { ...toPage(parseKeepingNumbers(body, 'read a page of rows'), columns), bytes: body.length };
}

/** The number of rows with which Salesforce starts a response that has further pages; undefined: it does not start so. */
function totalSizeAtStart(body: Buffer): number | undefined {
  const start = /^\s*\{\s*"totalSize"\s*:\s*(\d{1,15})\s*,\s*"done"\s*:\s*false\b/.exec(body.toString('latin1', 0, 200));
  return start ? Number(start[1]) : undefined;
}

/**
 * A page in the parsed body of a response.
 * @param body with the text of its numbers
 * @throws AppError salesforce_unavailable if it is malformed; salesforce_refused if a column is missing
 */
export function toPage(body: unknown, columns: readonly string[]): Omit<RestPage, 'bytes'> {
  const reply = requireQueryResponse(body);
  const keys = keysOf(reply.records[0], columns);
  return {
    totalSize: Number(reply.totalSize),
    rows: reply.records.map((record) => keys.map((key) => textOf(record, key))),
    nextPath: reply.done ? null : (reply.nextRecordsUrl ?? null),
  };
}

function requireQueryResponse(reply: unknown): QueryResponse {
  if (isQueryResponse(reply)) return reply;
  throw malformedError();
}

/** Runs are reconciled against `totalSize`, so a reply without a usable one is refused. */
function isQueryResponse(value: unknown): value is QueryResponse {
  const { totalSize, done, nextRecordsUrl, records } = (value ?? {}) as Record<string, unknown>;
  const isRecord = (record: unknown): boolean => typeof record === 'object' && record !== null && !Array.isArray(record);
  if (!Array.isArray(records) || !records.every(isRecord)) return false;
  if (typeof totalSize !== 'string' || !/^\d+$/.test(totalSize) || !isValidRowCount(Number(totalSize), records.length)) return false;
  if (nextRecordsUrl === undefined || nextRecordsUrl === null) return done === true;
  // A path, as a number's text is a string, too.
  return typeof nextRecordsUrl === 'string' && /^\/[^/\\]/.test(nextRecordsUrl);
}

/** The columns as spelled in the records, which may differ from the describe. A missing one must not be treated as empty. */
function keysOf(record: Record<string, unknown> | undefined, columns: readonly string[]): readonly string[] {
  if (!record) return columns;
  const keys = new Map(Object.keys(record).map((key) => [key.toLowerCase(), key]));
  return columns.map((column) => {
    const key = keys.get(column.toLowerCase());
    if (key !== undefined) return key;
    throw new AppError(
      'salesforce_refused',
      `Salesforce returned rows without the requested field ${column}. Call handle_importing_job again.`,
    );
  });
}

/** A field that a record lacks must not be treated as empty, either. */
function textOf(record: Record<string, unknown>, key: string): string | null {
  const value = record[key];
  if (value === undefined) throw malformedError();
  if (value === null) return null;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function malformedError(): AppError {
  return new AppError('salesforce_unavailable', 'Salesforce returned a malformed query response.');
}
