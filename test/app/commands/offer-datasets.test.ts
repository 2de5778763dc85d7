import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Agent } from 'undici';
import { checkDatasets } from '../../../app/bigquery/tables/datasets.ts';
import { openWarehouse, type Warehouse } from '../../../app/bigquery/warehouse.ts';
import { offerDatasets } from '../../../app/commands/offer-datasets.ts';
import { type BigQueryEmulator, startBigQuery } from '../../../app/local/emulators/bigquery/rest/bigquery.ts';
import { clientOf } from '../../support/bigquery.ts';

let bigquery: BigQueryEmulator;
let warehouse: Warehouse;
beforeEach(async () => {
  bigquery = await startBigQuery();
  const { project, location, url } = bigquery;
  warehouse = openWarehouse({ project, location, endpoint: url, stagingDataset: 'staging', federation: undefined }, new Agent());
  // At a local endpoint, the service creates the datasets without a prompt.
  Object.defineProperty(warehouse, 'uploadUrl', { value: 'https://bigquery.googleapis.com/upload' });
});
afterEach(() => bigquery.close());

const datasets = async (): Promise<unknown[]> => (await clientOf(bigquery).getDatasets())[0].map(({ id }) => id).sort();
const bq = (name: string): string => `  bq --location=EU mk --dataset local:${name}`;

interface Prompt {
  isTTY?: boolean;
  /** what the user types; undefined: the input ends at once */
  typed?: string;
  yes?: boolean;
  stop?: AbortSignal;
}

/** @returns what the terminal shows */
async function offer({ isTTY = true, typed, yes = false, stop = new AbortController().signal }: Prompt): Promise<string> {
  const [input, output] = [Object.assign(new PassThrough(), { isTTY }), new PassThrough()];
  if (typed === undefined) input.end();
  else input.write(`${typed}\n`);
  await offerDatasets(warehouse, ['salesforce', 'marketing'], { yes, terminal: { input, output }, stop });
  return String(output.read() ?? '');
}

describe('datasets that are missing in BigQuery', () => {
  test('are all listed, with the commands that create them', async () => {
    await clientOf(bigquery).createDataset('marketing', { location: 'EU' });
    await expect(checkDatasets(warehouse, ['salesforce', 'marketing'])).rejects.toMatchObject({
      code: 'bigquery_refused',
      message: `The datasets salesforce and staging do not exist in the project local. Create them:\n${bq('salesforce')}\n${bq('staging')}`,
    });
    expect(await datasets()).toEqual(['marketing']);
  });

  test('are created after one confirmation', async () => {
    expect(await offer({ typed: 'y' })).toBe('Create salesforce and marketing and staging in project local, location EU? [y/N] ');
    expect(await datasets()).toEqual(['marketing', 'salesforce', 'staging']);
    await checkDatasets(warehouse, ['salesforce', 'marketing']);
    expect(await offer({})).toBe('');
  });

  test('are created without confirmation with --yes', async () => {
    expect(await offer({ isTTY: false, yes: true })).toBe('');
    expect(await datasets()).toEqual(['marketing', 'salesforce', 'staging']);
  });

  test.each<[string, Prompt]>([
    ['no', { typed: 'n' }],
    ['nothing', { typed: '' }],
    ['the end of the input', {}],
    ['Ctrl-C', { typed: '', stop: AbortSignal.abort() }],
  ])('are not created if the answer is %s', async (_answer, prompt) => {
    await expect(offer(prompt)).rejects.toThrow(bq('marketing'));
    expect(await datasets()).toEqual([]);
  });

  test('are not created without a terminal', async () => {
    await expect(offer({ isTTY: false, typed: 'y' })).rejects.toThrow(
      `${bq('staging')}\nOr start with --yes to create them automatically.`,
    );
    expect(await datasets()).toEqual([]);
  });
});
