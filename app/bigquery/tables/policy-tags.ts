import { estimate } from '../estimate.ts';
import type { Table } from '../resources.ts';
import { quoteAnyName, quoteTable, type TableName } from '../sql/quote.ts';
import type { Warehouse } from '../warehouse.ts';
import { getTable } from './table.ts';

/** The columns of a table that have a policy tag. */
export function taggedColumns({ schema }: Table): string[] {
  return (schema?.fields ?? []).flatMap(({ name = '', policyTags }) => (policyTags?.names?.length ? [name] : []));
}

/**
 * Checks that the service may read and update the columns of a table that have a policy tag: BigQuery requires Fine-Grained Reader for both.
 * By a dry run, which is free.
 * @returns how many such columns there are
 * @throws AppError bigquery_refused
 */
export async function checkTaggedColumns(warehouse: Warehouse, name: TableName): Promise<number> {
  const table = await getTable(warehouse, name);
  const tagged = table ? taggedColumns(table) : [];
  if (tagged.length > 0) await estimate(warehouse, updateTaggedStatement(name, tagged));
  return tagged.length;
}

/** Reads and updates columns of no row. @param columns at least one */
export function updateTaggedStatement(name: TableName, columns: readonly string[]): string {
  const names = columns.map(quoteAnyName);
  return `UPDATE ${quoteTable(name)} AS _target\nSET ${names.map((column) => `${column} = _target.${column}`).join(', ')}\nWHERE FALSE`;
}
