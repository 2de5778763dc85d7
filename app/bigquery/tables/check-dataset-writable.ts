import type { Warehouse } from '../warehouse.ts';
import { createTable } from './table.ts';

/**
 * Creates a table in a dataset and deletes it again, because a visible dataset may not be writable.
 * @param table an unused name; the table expires within the hour if it cannot be deleted
 * @throws AppError
 */
export async function checkDatasetWritable(warehouse: Warehouse, dataset: string, table: string): Promise<void> {
  const metadata = { schema: { fields: [{ name: 'Id', type: 'STRING' }] }, expirationTime: String(Date.now() + 3_600_000) };
  await createTable(warehouse, { project: warehouse.project, dataset, table }, metadata);
  await warehouse.call(`delete a table in the dataset ${dataset}`, (client) =>
    client.dataset(dataset).table(table).delete({ ignoreNotFound: true }),
  );
}
