import { isOurs, OUR_LABELS } from '../our-labels.ts';
import type { Table } from '../resources.ts';
import { INVALID_VALUES_COLUMNS } from '../sql/invalid-values-statements.ts';
import type { TableName } from '../sql/quote.ts';
import type { Warehouse } from '../warehouse.ts';
import { type Expirations, ensureExpirations } from './expirations.ts';
import { createTable, getTable, patchTable } from './table.ts';

const EXPIRE: Expirations = { time: null, partitionsMs: 30 * 24 * 60 * 60 * 1000 };

const DESCRIPTION = 'Salesforce values that their column cannot store: the column is NULL or a rounded number instead. Kept for 30 days.';

/**
 * Creates a dataset's table of invalid values if it does not exist. Its rows expire after 30 days.
 * @returns false if a table or view of the user has this name; it is left unchanged
 * @throws AppError
 */
export async function ensureInvalidValuesTable(warehouse: Warehouse, name: TableName): Promise<boolean> {
  const fields = INVALID_VALUES_COLUMNS.map((column) => ({ ...column, mode: 'NULLABLE' }));
  const timePartitioning = { type: 'DAY', field: 'seen_at', expirationMs: String(EXPIRE.partitionsMs) };
  const metadata = { schema: { fields }, timePartitioning, description: DESCRIPTION, labels: OUR_LABELS };
  const table = (await getTable(warehouse, name)) ?? (await createTable(warehouse, name, metadata)) ?? (await getTable(warehouse, name));
  if (!table) return true;
  if (!isInvalidValuesTable(table)) return false;
  if (!table.labels) await patchTable(warehouse, name, { labels: OUR_LABELS });
  await ensureExpirations(warehouse, name, table, EXPIRE);
  return true;
}

/** Whether a dataset has our table of invalid values, with rows. @throws AppError */
export async function hasInvalidValues(warehouse: Warehouse, name: TableName): Promise<boolean> {
  const table = await findInvalidValuesTable(warehouse, name);
  return Number(table?.numRows ?? 0) > 0;
}

/** A dataset's table of invalid values, if it has one of ours. @throws AppError */
export async function findInvalidValuesTable(warehouse: Warehouse, name: TableName): Promise<Table | undefined> {
  const table = await getTable(warehouse, name);
  return table && isInvalidValuesTable(table) ? table : undefined;
}

/** Ours by its label, or by its description: earlier releases set no label. */
function isInvalidValuesTable(table: Table): boolean {
  return isOurs(table, 'TABLE') || (table.type === 'TABLE' && table.description === DESCRIPTION);
}
