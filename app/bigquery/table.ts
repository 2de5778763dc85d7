import type { Table } from './resources.ts';
import type { TableName } from './sql.ts';
import { unlessStatus } from './unless-status.ts';
import type { Warehouse } from './warehouse.ts';

/** A table's or view's resource. Undefined where there is none. @throws AppError */
export async function getTable(warehouse: Warehouse, { project, dataset, table }: TableName): Promise<Table | undefined> {
  const found = await warehouse.call(`look at the table ${dataset}.${table}`, (client) =>
    unlessStatus(404, undefined, client.dataset(dataset, { projectId: project }).table(table).getMetadata()),
  );
  return found?.[0] as Table | undefined;
}

/** Creates a table or a view. @returns it as BigQuery answers it; undefined where there is one of this name @throws AppError */
export async function createTable(
  warehouse: Warehouse,
  { project, dataset, table }: TableName,
  metadata: object,
): Promise<Table | undefined> {
  const created = await warehouse.call(`create the table ${dataset}.${table}`, (client) =>
    unlessStatus(409, undefined, client.dataset(dataset, { projectId: project }).createTable(table, metadata)),
  );
  return created?.[0].metadata as Table | undefined;
}

/** @param metadata what changes; null takes a value away @throws AppError */
export async function patchTable(warehouse: Warehouse, { project, dataset, table }: TableName, metadata: object): Promise<void> {
  await warehouse.call(`change the table ${dataset}.${table}`, (client) =>
    client.dataset(dataset, { projectId: project }).table(table).setMetadata(metadata),
  );
}

/** A table's name, as messages have it. */
export function display({ dataset, table }: TableName): string {
  return `${dataset}.${table}`;
}
