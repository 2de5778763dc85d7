import { readRows, runQueryJob } from './jobs.ts';
import { listInvalidValuesQuery } from './sql/invalid-values-statements.ts';
import type { TableName } from './sql/quote.ts';
import { findInvalidValuesTable } from './tables/invalid-values-table.ts';
import type { Warehouse } from './warehouse.ts';

/** A value that its column could not store. */
export interface InvalidValue {
  /** of its record */
  id: string;
  /** the text as returned by Salesforce */
  value: string;
  /** the run that found it */
  run: string;
  seenAt: Date;
}

/** The table keeps 30 days: a query of more than this would mean that most values are invalid. */
const MAX_BYTES_BILLED = 1e9;

/**
 * Reads the newest invalid values of a column by a query, which is billed at least 10 MiB.
 * @returns none if the dataset has no such table of ours
 * @throws AppError bigquery_budget if the query would be billed for more than 1 GB
 */
export async function listInvalidValues(
  warehouse: Warehouse,
  table: TableName,
  of: { objectName: string; column: string },
  limit: number,
): Promise<InvalidValue[]> {
  if (!(await findInvalidValuesTable(warehouse, table))) return [];
  const id = `query_${crypto.randomUUID()}`;
  const sql = listInvalidValuesQuery(table, of.objectName, of.column, limit);
  const outcome = await runQueryJob(warehouse, { id, sql, labels: {}, maxBytesBilled: MAX_BYTES_BILLED });
  if (!outcome.succeeded) throw outcome.error;
  const rows = await readRows<Omit<InvalidValue, 'seenAt'> & { seen_at: { value: string } }>(warehouse, id);
  return rows.map(({ seen_at, ...found }) => ({ ...found, seenAt: new Date(seen_at.value) }));
}
