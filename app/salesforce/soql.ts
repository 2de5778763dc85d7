import { chunk } from '../core/chunk.ts';
import type { SliceRange } from '../core/runs/slices.ts';
import { AppError, isAppError } from '../errors.ts';
import type { SalesforceClient } from './client.ts';
import { isTimeout, refusalCode } from './errors.ts';

/** The rows of an object to query. */
export interface RowRange extends SliceRange {
  objectName: string;
  /** null: all rows, by Id alone */
  cursorField: string | null;
  /** whether the object has CreatedDate, which bounds an open range */
  createdDate: boolean;
}

/** No ORDER BY and no LIMIT: either disables Salesforce's chunking of large queries. */
export function selectRows(range: RowRange, fields: readonly string[]): string {
  return `SELECT ${fields.join(', ')} FROM ${range.objectName}${condition(range)}`;
}

/** The query of the rows with these Ids. */
export function selectIds(objectName: string, fields: readonly string[], ids: readonly string[]): string {
  return `SELECT ${fields.join(', ')} FROM ${objectName} WHERE ${idCondition(ids)}`;
}

/** As many as fit the URI of a count, with a margin. */
const MAX_COUNTED_IDS = 500;

/** Salesforce's own count of the rows in a range, including deleted rows. @throws AppError */
export async function countRows(client: SalesforceClient, range: RowRange): Promise<number> {
  const parts = range.ids ? chunk(range.ids, MAX_COUNTED_IDS).map((ids) => ({ ...range, ids })) : [range];
  let rows = 0;
  for (const part of parts) rows += await countPart(client, part);
  return rows;
}

async function countPart(client: SalesforceClient, range: RowRange): Promise<number> {
  const soql = `SELECT COUNT() FROM ${range.objectName}${condition(range)}`;
  const reply = await client.call(`count ${range.objectName}`, (connection) => connection.query(soql, { scanAll: true }));
  if (!isValidRowCount(reply.totalSize, reply.records.length)) {
    throw new AppError('salesforce_unavailable', `Could not count ${range.objectName}: Salesforce returned a malformed query response.`);
  }
  return reply.totalSize;
}

/** Whether a query's `totalSize` is a number of rows, no less than the rows that came with it. */
export function isValidRowCount(totalSize: unknown, records: number): boolean {
  return Number.isSafeInteger(totalSize) && (totalSize as number) >= records;
}

/** The Id of any row in a range, using the same condition as a window; undefined if the range is empty. @throws AppError */
export async function findAnyId(client: SalesforceClient, range: RowRange): Promise<string | undefined> {
  const soql = `${selectRows(range, ['Id'])} LIMIT 1`;
  const reply = await client.call(`query ${range.objectName}`, (connection) => connection.query<{ Id: string }>(soql, { scanAll: true }));
  return reply.records[0]?.Id;
}

/** The first and last Id in a range; undefined if the range is empty. @throws AppError */
export async function findFirstAndLastId(client: SalesforceClient, range: RowRange): Promise<{ first: string; last: string } | undefined> {
  const at = async (order: 'ASC' | 'DESC'): Promise<string | undefined> => {
    const soql = `SELECT Id FROM ${range.objectName}${condition(range)} ORDER BY Id ${order} LIMIT 1`;
    const reply = await client.call(`find an Id of ${range.objectName}`, (connection) =>
      connection.query<{ Id: string }>(soql, { scanAll: true }),
    );
    return reply.records[0]?.Id;
  };
  const [first, last] = [await at('ASC'), await at('DESC')];
  return first && last ? { first, last } : undefined;
}

/**
 * Whether an object has rows without a cursor, regardless of its describe. False if Salesforce refuses such a query; true if the query times
 * out, because an extra query is better than missing rows.
 * @throws AppError
 */
export async function hasNullCursors(client: SalesforceClient, objectName: string, cursorField: string): Promise<boolean> {
  const soql = `SELECT Id FROM ${objectName} WHERE ${cursorField} = null LIMIT 1`;
  try {
    const reply = await client.call(`find ${objectName} without ${cursorField}`, (connection) => connection.query(soql, { scanAll: true }));
    return reply.records.length > 0;
  } catch (error) {
    if (isTimeout(error) || refusalCode(error) === 'QUERY_TIMEOUT') return true;
    if (isAppError(error) && error.code === 'salesforce_refused' && error.recovery === 'give-up') return false;
    throw error;
  }
}

/** The WHERE clause, after a space; empty if the range is the whole object. */
function condition(range: RowRange): string {
  const { cursorField, idFrom, idTo, ids } = range;
  if (ids) return ` WHERE ${idCondition(ids)}`;
  const conditions = [
    ...(cursorField === null ? [] : [cursorCondition(range, cursorField)]),
    ...(idFrom ? [`Id >= '${idFrom}'`] : []),
    ...(idTo ? [`Id < '${idTo}'`] : []),
  ];
  return conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : '';
}

function idCondition(ids: readonly string[]): string {
  return `Id IN (${ids.map((id) => `'${id}'`).join(',')})`;
}

function cursorCondition({ cursorFrom, cursorTo, open, createdDate, nullCursor }: RowRange, cursorField: string): string {
  if (nullCursor) {
    const created = `CreatedDate >= ${literal(cursorFrom)} AND CreatedDate < ${literal(cursorTo)}`;
    return createdDate ? `${cursorField} = null AND ${created}` : `${cursorField} = null`;
  }
  const lower = `${cursorField} >= ${literal(cursorFrom)}`;
  const upper = `${cursorField} < ${literal(cursorTo)}`;
  if (!open || cursorField === 'CreatedDate') return `${lower} AND ${upper}`;
  // Otherwise a row edited between `cursorTo` and our query would have left the window and never be imported.
  return createdDate ? `${lower} AND (${upper} OR CreatedDate < ${literal(cursorTo)})` : lower;
}

/** A SOQL datetime literal. Both stamps and our bounds are whole seconds. */
function literal(instant: Date): string {
  return `${instant.toISOString().slice(0, 19)}Z`;
}
