import { fallbackOnStatus } from '../fallback-on-status.ts';
import type { Table } from '../resources.ts';
import type { TableName } from '../sql/quote.ts';
import type { Warehouse } from '../warehouse.ts';

/** Gets a table or view; undefined if it does not exist. @throws AppError */
export async function getTable(warehouse: Warehouse, { project, dataset, table }: TableName): Promise<Table | undefined> {
  const found = await warehouse.call(`get the table ${dataset}.${table}`, (client) =>
    fallbackOnStatus(404, undefined, client.dataset(dataset, { projectId: project }).table(table).getMetadata()),
  );
  return found?.[0] as Table | undefined;
}

/** Creates a table or a view. @returns BigQuery's resource; undefined if one with this name already exists @throws AppError */
export async function createTable(
  warehouse: Warehouse,
  { project, dataset, table }: TableName,
  metadata: object,
): Promise<Table | undefined> {
  const created = await warehouse.call(`create the table ${dataset}.${table}`, (client) =>
    fallbackOnStatus(409, undefined, client.dataset(dataset, { projectId: project }).createTable(table, metadata)),
  );
  return created?.[0].metadata as Table | undefined;
}

/** @param metadata the changes; null removes a value @throws AppError */
export async function patchTable(warehouse: Warehouse, { project, dataset, table }: TableName, metadata: object): Promise<void> {
  await warehouse.call(`update the table ${dataset}.${table}`, (client) =>
    client.dataset(dataset, { projectId: project }).table(table).setMetadata(metadata),
  );
}

/** Deletes a table, if it exists. @throws AppError */
export async function deleteTable(warehouse: Warehouse, { project, dataset, table }: TableName): Promise<void> {
  await warehouse.call(`delete the table ${dataset}.${table}`, (client) =>
    fallbackOnStatus(404, undefined, client.dataset(dataset, { projectId: project }).table(table).delete()),
  );
}

/** A table's name for messages. */
export function formatTableName({ dataset, table }: TableName): string {
  return `${dataset}.${table}`;
}
