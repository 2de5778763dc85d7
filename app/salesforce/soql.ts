import type { SalesforceClient } from './client.ts';

/** Which rows of an object are asked for. */
export interface RowRange {
  objectName: string;
  cursorField: string;
  from: Date;
  to: Date;
  /** also rows that existed before `to` and were stamped after it */
  open: boolean;
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

function condition({ cursorField, from, to, open, createdDate }: RowRange): string {
  const lower = `${cursorField} >= ${literal(from)}`;
  const upper = `${cursorField} < ${literal(to)}`;
  if (!open || cursorField === 'CreatedDate') return `${lower} AND ${upper}`;
  // A row edited again between `to` and our reading has left [from, to) and would never be imported.
  return createdDate ? `${lower} AND (${upper} OR CreatedDate < ${literal(to)})` : lower;
}

/** SOQL's datetime literal. Stamps have whole seconds, and so have our bounds. */
function literal(instant: Date): string {
  return `${instant.toISOString().slice(0, 19)}Z`;
}
