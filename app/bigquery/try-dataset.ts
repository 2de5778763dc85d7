import { createTable } from './table.ts';
import type { Warehouse } from './warehouse.ts';

/**
 * Makes a table in a dataset and deletes it again: that it can be seen does not mean that it may be written to.
 * @param table a name that no other table has; were it not deleted, it would go within the hour
 * @throws AppError
 */
export async function tryDataset(warehouse: Warehouse, dataset: string, table: string): Promise<void> {
  const metadata = { schema: { fields: [{ name: 'Id', type: 'STRING' }] }, expirationTime: String(Date.now() + 3_600_000) };
  await createTable(warehouse, { project: warehouse.project, dataset, table }, metadata);
  await warehouse.call(`delete a table in the dataset ${dataset}`, (client) =>
    client.dataset(dataset).table(table).delete({ ignoreNotFound: true }),
  );
}
