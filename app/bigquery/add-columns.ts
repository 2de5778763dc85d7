import type { Column } from '../core/columns.ts';
import type { Table, TableField } from './resources.ts';
import type { TableName } from './sql/quote.ts';
import { patchTable } from './table.ts';
import type { Warehouse } from './warehouse.ts';

/**
 * Adds the columns that a table or view lacks, and describes the others as given. Changes no type and drops nothing.
 * @param found the table as BigQuery last described it
 * @returns whether it changed anything
 * @throws AppError
 */
export async function addColumns(warehouse: Warehouse, name: TableName, found: Table, columns: readonly Column[]): Promise<boolean> {
  const existing = found.schema?.fields ?? [];
  const wanted = new Map(columns.map((column) => [column.name.toLowerCase(), column]));
  const described = existing.map((field) => ({
    ...field,
    description: wanted.get(field.name!.toLowerCase())?.description ?? field.description,
  }));
  const known = new Set(existing.map((field) => field.name?.toLowerCase()));
  const added = columns.filter((column) => !known.has(column.name.toLowerCase())).map(toField);
  const changed = added.length > 0 || described.some((field, index) => field.description !== existing[index]?.description);
  if (changed) await patchTable(warehouse, name, { schema: { fields: [...described, ...added] } });
  return changed;
}

/** A column of a new table. Only Id is always present: Salesforce's "not nillable" is unreliable. */
export function toField({ name, type, description }: Column): TableField {
  return { name, type, mode: name === 'Id' ? 'REQUIRED' : 'NULLABLE', ...(description !== undefined && { description }) };
}
