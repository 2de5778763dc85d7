import { withoutValues } from '../core/fields/dictionary.ts';
import type { TableName } from './sql/quote.ts';
import { addColumns } from './tables/add-columns.ts';
import { getTable } from './tables/table.ts';
import type { Warehouse } from './warehouse.ts';

/**
 * Removes the values of picklists from the descriptions of these columns, in a table or view of a job. Leaves another one unchanged.
 * @throws AppError
 */
export async function hideValues(warehouse: Warehouse, name: TableName, jobId: string, columns: readonly string[]): Promise<void> {
  const found = await getTable(warehouse, name);
  if (found?.labels?.job !== jobId) return;
  const hidden = new Set(columns.map((column) => column.toLowerCase()));
  const descriptions = (found.schema?.fields ?? []).flatMap(({ name: column = '', description }): [string, string][] =>
    description !== undefined && hidden.has(column.toLowerCase()) ? [[column.toLowerCase(), withoutValues(description)]] : [],
  );
  await addColumns(warehouse, name, found, [], { columns: new Map(descriptions) });
}
