import { BigQuery } from '@google-cloud/bigquery';
import { afterAll } from '@jest/globals';
import { PassThroughClient } from 'google-auth-library';
import { type BigQueryEmulator, startBigQuery } from '../../app/local/emulators/bigquery/rest/bigquery.ts';

/** A client of an emulator that tries each call once. */
export const clientOf = ({ url, project }: Pick<BigQueryEmulator, 'url' | 'project'>): BigQuery =>
  new BigQuery({ projectId: project, apiEndpoint: url, authClient: new PassThroughClient() as never, maxRetries: 0 });

/** Starts an emulator with one dataset for the tests of a file, and closes it after them. */
export async function bigQueryWith(dataset: string): Promise<{ emulator: BigQueryEmulator; client: BigQuery }> {
  const emulator = await startBigQuery();
  afterAll(() => emulator.close());
  const client = clientOf(emulator);
  await client.createDataset(dataset);
  return { emulator, client };
}
