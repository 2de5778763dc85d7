import type { SliceRange } from '../core/slices.ts';
import type { SalesforceClient } from './client.ts';
import { isTimeOut, refusalCode } from './errors.ts';

/** Which rows of an object are asked for. */
export interface RowRange extends SliceRange {
  objectName: string;
  cursorField: string;
  /** whether the object has CreatedDate, by which an open range ends */
  createdDate: boolean;
}

/** No ORDER BY and no LIMIT: either turns Salesforce's own chunking of large queries off. */
export function selectRows(range: RowRange, fields: readonly string[]): string {
  return `SELECT ${fields.join(', ')} FROM ${range.objectName} WHERE ${condition(range)}`;
}

/** How many rows Salesforce itself counts in a range, deleted ones included. @throws AppError */
export async function countRows(client: SalesforceClient, range: RowRange): Promise<number> {
  const soql = `SELECT COUNT() FROM ${range.objectName} WHERE ${condition(range)}`;
  const reply = await client.call(`count ${range.objectName}`, (connection) => connection.query(soql, { scanAll: true }));
  return reply.totalSize;
}

/** The Id of any row in a range, found by the very condition of a window; undefined where it has no rows. @throws AppError */
export async function firstId(client: SalesforceClient, range: RowRange): Promise<string | undefined> {
  const soql = `${selectRows(range, ['Id'])} LIMIT 1`;
  const reply = await client.call(`query ${range.objectName}`, (connection) => connection.query<{ Id: string }>(soql, { scanAll: true }));
  return reply.records[0]?.Id;
}

/** The first and the last Id in a range; undefined where it has no rows. @throws AppError */
export async function firstAndLastId(client: SalesforceClient, range: RowRange): Promise<{ first: string; last: string } | undefined> {
  const at = async (order: 'ASC' | 'DESC'): Promise<string | undefined> => {
    const soql = `SELECT Id FROM ${range.objectName} WHERE ${condition(range)} ORDER BY Id ${order} LIMIT 1`;
    const reply = await client.call(`look for an Id of ${range.objectName}`, (connection) =>
      connection.query<{ Id: string }>(soql, { scanAll: true }),
    );
    return reply.records[0]?.Id;
  };
  const [first, last] = [await at('ASC'), await at('DESC')];
  return first && last ? { first, last } : undefined;
}

/** Whether an object has rows without a cursor, whatever its describe says; false where Salesforce does not answer that. @throws AppError */
export async function hasNullCursors(client: SalesforceClient, objectName: string, cursorField: string): Promise<boolean> {
  const soql = `SELECT Id FROM ${objectName} WHERE ${cursorField} = null LIMIT 1`;
  try {
    const reply = await client.call(`look for ${objectName} without ${cursorField}`, (connection) =>
      connection.query(soql, { scanAll: true }),
    );
    return reply.records.length > 0;
  } catch (error) {
    if (refusalCode(error) !== undefined || isTimeOut(error)) return false;
    throw error;
  }
}

function condition(range: RowRange): string {
  const { idFrom, idTo } = range;
  return [stamped(range), ...(idFrom ? [`Id >= '${idFrom}'`] : []), ...(idTo ? [`Id < '${idTo}'`] : [])].join(' AND ');
}

function stamped({ cursorField, cursorFrom, cursorTo, open, createdDate, nullCursor }: RowRange): string {
  if (nullCursor) {
    const created = `CreatedDate >= ${literal(cursorFrom)} AND CreatedDate < ${literal(cursorTo)}`;
    return createdDate ? `${cursorField} = null AND ${created}` : `${cursorField} = null`;
  }
  const lower = `${cursorField} >= ${literal(cursorFrom)}`;
  const upper = `${cursorField} < ${literal(cursorTo)}`;
  if (!open || cursorField === 'CreatedDate') return `${lower} AND ${upper}`;
  // A row edited again between `cursorTo` and our reading has left the window and would never be imported.
  return createdDate ? `${lower} AND (${upper} OR CreatedDate < ${literal(cursorTo)})` : lower;
}

/** SOQL's datetime literal. Stamps have whole seconds, and so have our bounds. */
function literal(instant: Date): string {
  return `${instant.toISOString().slice(0, 19)}Z`;
}
