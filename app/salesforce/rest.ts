import { AppError } from '../errors.ts';
import type { SalesforceClient } from './client.ts';
import { translateSalesforceError } from './errors.ts';
import { isValidRowCount } from './soql.ts';
import type { SalesforceResponse } from './transport.ts';

/** A row's values as text, in the order of the requested columns. */
export type RestRow = readonly (string | null)[];

/** Rows of a REST query. */
export interface RestPage {
  /** rows of the whole query, as reported by Salesforce */
  totalSize: number;
  rows: readonly RestRow[];
  /** path of the next page; null: this was the last page */
  nextPath: string | null;
}

interface QueryResponse {
  /** a number's text */
  totalSize: string;
  done: boolean;
  nextRecordsUrl?: string | null;
  records: Record<string, unknown>[];
}

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
  const headers = { accept: 'application/json', 'sforce-query-options': 'batchSize=2000' };
  const reply = parseResponse(await client.get('query rows', path, headers, signal));
  const keys = keysOf(reply.records[0], columns);
  return {
    totalSize: Number(reply.totalSize),
    rows: reply.records.map((record) => keys.map((key) => textOf(record, key))),
    nextPath: reply.done ? null : (reply.nextRecordsUrl ?? null),
  };
}

/** Translates the error if the body is not a page. */
function parseResponse({ body }: SalesforceResponse): QueryResponse {
  try {
    return parse(body);
  } catch (error) {
    throw translateSalesforceError(error, 'read a page of rows');
  }
}

function parse(body: Buffer): QueryResponse {
  type Revive = (key: string, value: unknown, context: { source: string }) => unknown;
  const keepNumberText: Revive = (_key, value, { source }) => (typeof value === 'number' ? source : value);
  const reply: unknown = JSON.parse(body.toString('utf8'), keepNumberText as (key: string, value: unknown) => unknown);
  if (isQueryResponse(reply)) return reply;
  throw new AppError('salesforce_unavailable', 'Salesforce returned a malformed query response.');
}

/** Runs are reconciled against `totalSize`, so a reply without a usable one is refused. */
function isQueryResponse(value: unknown): value is QueryResponse {
  const { totalSize, done, nextRecordsUrl, records } = (value ?? {}) as Record<string, unknown>;
  const isRecord = (record: unknown): boolean => typeof record === 'object' && record !== null && !Array.isArray(record);
  if (!Array.isArray(records) || !records.every(isRecord)) return false;
  if (typeof totalSize !== 'string' || !/^\d+$/.test(totalSize) || !isValidRowCount(Number(totalSize), records.length)) return false;
  if (nextRecordsUrl === undefined || nextRecordsUrl === null) return done === true;
  // A path, as a number's text is a string, too.
  return typeof nextRecordsUrl === 'string' && nextRecordsUrl.startsWith('/');
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

function textOf(record: Record<string, unknown>, key: string): string | null {
  const value = record[key];
  if (value === null || value === undefined) return null;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
