import { AppError } from '../../errors.ts';
import { fallbackOnStatus } from '../fallback-on-status.ts';
import type { Dataset } from '../resources.ts';
import { isLoopback, type Warehouse } from '../warehouse.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/** A dataset's default expirations for new tables and their partitions, in days; null: none. */
export interface DefaultExpirations {
  dataset: string;
  tableDays: number | null;
  partitionDays: number | null;
}

/**
 * Checks the datasets against the configuration before any work starts: a wrong location would later surface as "not found".
 * Creates missing datasets on a local endpoint; elsewhere, the error says how to create them.
 * @returns the target datasets that have default expirations; the staging dataset may have one
 * @throws AppError bigquery_refused
 */
export async function checkDatasets(warehouse: Warehouse, datasets: readonly string[]): Promise<DefaultExpirations[]> {
  const found = await findDatasets(warehouse, datasets);
  const missing = missingOf(found);
  if (missing.length > 0 && !isLoopback(warehouse.uploadUrl)) throw missingDatasetsError(warehouse, missing);
  for (const name of missing) await createDataset(warehouse, name);
  return datasets.flatMap((name) => defaultsOf(name, found.get(name) ?? {})).filter(hasDefaults);
}

/**
 * The names of the datasets, including staging, that do not exist.
 * @throws AppError bigquery_refused if one is not in BIGQUERY_LOCATION
 */
export async function findMissingDatasets(warehouse: Warehouse, datasets: readonly string[]): Promise<string[]> {
  return missingOf(await findDatasets(warehouse, datasets));
}

function missingOf(found: ReadonlyMap<string, Dataset | undefined>): string[] {
  return [...found].flatMap(([name, dataset]) => (dataset ? [] : [name]));
}

/** @returns the datasets, including staging, by name; undefined for one that does not exist */
async function findDatasets(warehouse: Warehouse, datasets: readonly string[]): Promise<Map<string, Dataset | undefined>> {
  const found = new Map<string, Dataset | undefined>();
  for (const name of new Set([...datasets, warehouse.stagingDataset])) {
    const dataset = await findDataset(warehouse, name);
    found.set(name, dataset);
    const location = dataset?.location ?? warehouse.location;
    if (location.toLowerCase() !== warehouse.location.toLowerCase()) {
      throw new AppError(
        'bigquery_refused',
        `The dataset ${name} is in ${location}, but BIGQUERY_LOCATION is ${warehouse.location}. Set it to ${location}.`,
      );
    }
  }
  return found;
}

/** The error that says which datasets are missing and how to create them. */
export function missingDatasetsError(warehouse: Warehouse, names: readonly string[], orElse?: string): AppError {
  const { project, location } = warehouse;
  const what = names.length === 1 ? `The dataset ${names[0]} does` : `The datasets ${names.join(' and ')} do`;
  const commands = names.map((name) => `  bq --location=${location} mk --dataset ${project}:${name}`);
  const lines = [`${what} not exist in the project ${project}. Create ${names.length === 1 ? 'it' : 'them'}:`, ...commands];
  return new AppError('bigquery_refused', [...lines, ...(orElse ? [orElse] : [])].join('\n'));
}

/** Creates a dataset in the configured location, unless another process already did. */
export async function createDataset(warehouse: Warehouse, name: string): Promise<void> {
  const { location } = warehouse;
  await warehouse.call(`create the dataset ${name}`, (client) =>
    fallbackOnStatus(409, undefined, client.createDataset(name, { location })),
  );
}

/** The default expirations of a dataset; undefined if it has none. @throws AppError */
export async function findDefaultExpirations(warehouse: Warehouse, name: string): Promise<DefaultExpirations | undefined> {
  const dataset = await findDataset(warehouse, name);
  const defaults = dataset && defaultsOf(name, dataset);
  return defaults && hasDefaults(defaults) ? defaults : undefined;
}

/** For example: salesforce has a default table expiration of 60 days. */
export function describeDefaultExpirations({ dataset, tableDays, partitionDays }: DefaultExpirations): string {
  const parts = [
    ...(tableDays === null ? [] : [`a default table expiration of ${tableDays} days`]),
    ...(partitionDays === null ? [] : [`a default partition expiration of ${partitionDays} days`]),
  ];
  return `${dataset} has ${parts.join(' and ')}`;
}

/** BigQuery's default, and its maximum. */
const TIME_TRAVEL_HOURS = 168;

/** For how long queries can read what a dataset's tables contained. BigQuery keeps it for seven more days. @throws AppError */
export async function timeTravelHours(warehouse: Warehouse, name: string): Promise<number> {
  const { maxTimeTravelHours = TIME_TRAVEL_HOURS } = (await findDataset(warehouse, name)) ?? {};
  return Number(maxTimeTravelHours);
}

/** The command that removes a dataset's default expirations. */
export function removeDefaultExpirationsCommand(project: string, dataset: string): string {
  return `bq update --default_table_expiration 0 --default_partition_expiration 0 ${project}:${dataset}`;
}

async function findDataset(warehouse: Warehouse, name: string): Promise<Dataset | undefined> {
  const found = await warehouse.call(`get the dataset ${name}`, (client) =>
    fallbackOnStatus(404, undefined, client.dataset(name).getMetadata()),
  );
  return found?.[0] as Dataset | undefined;
}

function defaultsOf(dataset: string, { defaultTableExpirationMs, defaultPartitionExpirationMs }: Dataset): DefaultExpirations {
  return { dataset, tableDays: days(defaultTableExpirationMs), partitionDays: days(defaultPartitionExpirationMs) };
}

function hasDefaults({ tableDays, partitionDays }: DefaultExpirations): boolean {
  return tableDays !== null || partitionDays !== null;
}

function days(ms: string | undefined): number | null {
  return Number(ms ?? 0) > 0 ? Number((Number(ms) / DAY_MS).toFixed(2)) : null;
}
