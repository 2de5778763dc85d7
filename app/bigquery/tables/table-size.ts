import type { TableName } from '../sql/quote.ts';
import type { Warehouse } from '../warehouse.ts';
import { getTable } from './table.ts';

/** A table's bytes, and those of a row on average; undefined if it does not exist. @throws AppError */
export async function readTableSize(warehouse: Warehouse, name: TableName): Promise<{ bytes: number; rowBytes: number } | undefined> {
  const table = await getTable(warehouse, name);
  if (!table) return undefined;
  const [bytes, rows] = [Number(table.numBytes ?? 0), Number(table.numRows ?? 0)];
  return { bytes, rowBytes: rows === 0 ? 0 : bytes / rows };
}
