import { AppError } from '../errors.ts';
import { unlessStatus } from './unless-status.ts';
import { isLoopback, type Warehouse } from './warehouse.ts';

/**
 * Compares the datasets with the configuration, before any work: a wrong location shows later as "not found", far from its cause.
 * On a local endpoint, missing datasets are created; elsewhere the error says how to create all of them.
 * @throws AppError bigquery_refused
 */
export async function checkDatasets(warehouse: Warehouse, datasets: readonly string[]): Promise<void> {
  const missing = await findMissingDatasets(warehouse, datasets);
  if (missing.length > 0 && !isLoopback(warehouse.uploadUrl)) throw missingDatasets(warehouse, missing);
  for (const name of missing) await createDataset(warehouse, name);
}

/**
 * The names of those datasets, staging included, that do not exist.
 * @throws AppError bigquery_refused when one is in another location than BIGQUERY_LOCATION
 */
export async function findMissingDatasets(warehouse: Warehouse, datasets: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const name of new Set([...datasets, warehouse.stagingDataset])) {
    const location = await datasetLocation(warehouse, name);
    if (location === undefined) missing.push(name);
    else if (location.toLowerCase() !== warehouse.location.toLowerCase()) {
      throw new AppError(
        'bigquery_refused',
        `The dataset ${name} is in ${location} and BIGQUERY_LOCATION is ${warehouse.location}: set it to ${location}.`,
      );
    }
  }
  return missing;
}

/** The error that says which datasets are missing and how to create them. */
export function missingDatasets(warehouse: Warehouse, names: readonly string[], orElse?: string): AppError {
  const { project, location } = warehouse;
  const what = names.length === 1 ? `The dataset ${names[0]} is` : `The datasets ${names.join(' and ')} are`;
  const commands = names.map((name) => `  bq --location=${location} mk --dataset ${project}:${name}`);
  const lines = [`${what} missing in the project ${project}. Create ${names.length === 1 ? 'it' : 'them'}:`, ...commands];
  return new AppError('bigquery_refused', [...lines, ...(orElse ? [orElse] : [])].join('\n'));
}

/** Creates a dataset in the configured location, unless another process was quicker. */
export async function createDataset(warehouse: Warehouse, name: string): Promise<void> {
  const { location } = warehouse;
  await warehouse.call(`create the dataset ${name}`, (client) => unlessStatus(409, undefined, client.createDataset(name, { location })));
}

/** Where a dataset is; undefined: it does not exist. */
async function datasetLocation(warehouse: Warehouse, name: string): Promise<string | undefined> {
  const found = await warehouse.call(`look at the dataset ${name}`, (client) =>
    unlessStatus(404, undefined, client.dataset(name).getMetadata()),
  );
  return found && ((found[0] as { location?: string }).location ?? '');
}
