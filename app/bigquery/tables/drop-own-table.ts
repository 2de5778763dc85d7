import type { TableName } from '../sql/quote.ts';
import type { Warehouse } from '../warehouse.ts';
import { deleteTable, getTable } from './table.ts';

/** Drops a table or view that has the label of this job. @returns whether it did @throws AppError */
export async function dropOwnTable(warehouse: Warehouse, name: TableName, jobId: string): Promise<boolean> {
  const found = await getTable(warehouse, name);
  if (found?.labels?.job !== jobId) return false;
  await deleteTable(warehouse, name);
  return true;
}
