import { AppError } from '../errors.ts';
import { httpStatus, translateBigQueryError } from './errors.ts';
import { isLoopback, type Warehouse } from './warehouse.ts';

/**
 * Holds the datasets against the configuration, before any work: a wrong location shows later as "not found", far from its cause.
 * On a local endpoint, missing datasets are made; elsewhere they are the operator's to make.
 * @throws AppError bigquery_refused
 */
export async function checkDatasets(warehouse: Warehouse, datasets: readonly string[]): Promise<void> {
  for (const name of [...datasets, warehouse.stagingDataset]) {
    const location = await datasetLocation(warehouse, name);
    if (location.toLowerCase() !== warehouse.location.toLowerCase()) {
      throw new AppError(
        'bigquery_refused',
        `The dataset ${name} is in ${location} and BIGQUERY_LOCATION is ${warehouse.location}: set it to ${location}.`,
      );
    }
  }
}

async function datasetLocation(warehouse: Warehouse, name: string): Promise<string> {
  try {
    const [metadata] = await warehouse.client.dataset(name).getMetadata();
    return (metadata as { location?: string }).location ?? '';
  } catch (error) {
    if (httpStatus(error) !== 404) throw translateBigQueryError(error, `look at the dataset ${name}`);
    if (!isLoopback(warehouse.uploadUrl)) {
      throw new AppError(
        'bigquery_refused',
        `There is no dataset ${name} in the project ${warehouse.project}: make it, in ${warehouse.location}.`,
      );
    }
  }
  try {
    await warehouse.client.createDataset(name, { location: warehouse.location });
    return warehouse.location;
  } catch (error) {
    if (httpStatus(error) === 409) return warehouse.location;
    throw translateBigQueryError(error, `make the dataset ${name}`);
  }
}
