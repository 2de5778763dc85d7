import type { MetadataTable } from '../../core/fields/metadata-tables.ts';
import { AppError } from '../../errors.ts';
import { isOurs, OUR_LABELS } from '../our-labels.ts';
import type { Table } from '../resources.ts';
import { FRESHNESS_COLUMNS, freshnessQuery } from '../sql/freshness-query.ts';
import type { TableName } from '../sql/quote.ts';
import type { Warehouse } from '../warehouse.ts';
import { addColumns, toFields } from './add-columns.ts';
import { ensureExpirations, NEVER_EXPIRES } from './expirations.ts';
import { ensureInvalidValuesTable } from './invalid-values-table.ts';
import { createTable, formatTableName, getTable, patchTable } from './table.ts';

const INVALID_VALUES = '_invalid_values';
const FRESHNESS = '_freshness';
const JOBS = '_jobs';

const FRESHNESS_DESCRIPTION =
  'One row per import job of salesforce-bigquery-sync: through when its table is complete, and how long ago that is at the time of the query.';

/**
 * Creates the metadata tables of a dataset, its table of invalid values and its view `_freshness`, if they do not exist, and updates their
 * columns. Leaves a table or view of the user with one of these names unchanged.
 * @param tables the metadata tables of this dataset
 * @returns the names that are not ours
 * @throws AppError
 */
export async function ensureMetadataTables(warehouse: Warehouse, dataset: string, tables: readonly MetadataTable[]): Promise<string[]> {
  const named = (table: string): TableName => ({ project: warehouse.project, dataset, table });
  const foreign: string[] = [];
  for (const table of tables) if (!(await ensureTable(warehouse, named(table.name), table))) foreign.push(table.name);
  if (!(await ensureInvalidValuesTable(warehouse, named(INVALID_VALUES)))) foreign.push(INVALID_VALUES);
  if (!foreign.includes(JOBS) && !(await ensureFreshnessView(warehouse, named(FRESHNESS), named(JOBS)))) foreign.push(FRESHNESS);
  return foreign;
}

async function ensureTable(warehouse: Warehouse, name: TableName, table: MetadataTable): Promise<boolean> {
  const { columns, description, partitionField } = table;
  const found = await findOrCreate(warehouse, name, {
    schema: { fields: toFields(columns) },
    description,
    labels: OUR_LABELS,
    ...(partitionField && { timePartitioning: { type: 'MONTH', field: partitionField } }),
  });
  if (!isOurs(found, 'TABLE')) return false;
  await ensureExpirations(warehouse, name, found, NEVER_EXPIRES);
  await addColumns(warehouse, name, found, columns, { table: description });
  return true;
}

async function ensureFreshnessView(warehouse: Warehouse, name: TableName, jobs: TableName): Promise<boolean> {
  const view = { query: freshnessQuery(jobs), useLegacySql: false };
  const found = await findOrCreate(warehouse, name, { view, description: FRESHNESS_DESCRIPTION, labels: OUR_LABELS });
  if (!isOurs(found, 'VIEW')) return false;
  await ensureExpirations(warehouse, name, found, NEVER_EXPIRES);
  const isCurrent = found.view?.query === view.query;
  if (!isCurrent) await patchTable(warehouse, name, { view });
  // A view gets its columns from its query, and their descriptions afterwards.
  const current = isCurrent ? found : await getTable(warehouse, name);
  if (current) await addColumns(warehouse, name, current, FRESHNESS_COLUMNS, { table: FRESHNESS_DESCRIPTION });
  return true;
}

async function findOrCreate(warehouse: Warehouse, name: TableName, metadata: object): Promise<Table> {
  const found = (await getTable(warehouse, name)) ?? (await createTable(warehouse, name, metadata)) ?? (await getTable(warehouse, name));
  if (found) return found;
  throw new AppError('bigquery_unavailable', `The table ${formatTableName(name)} was created but is not visible yet.`);
}
