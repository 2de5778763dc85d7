import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Agent } from 'undici';
import { query } from '../../../app/bigquery/jobs.ts';
import { loadPage } from '../../../app/bigquery/load/load.ts';
import { checkDatasets } from '../../../app/bigquery/tables/datasets.ts';
import { openWarehouse, type Warehouse } from '../../../app/bigquery/warehouse.ts';

/** Where google-auth-library searches for credentials: files in the home folder, and a metadata server that does not exist here. */
const ENVIRONMENT = { CLOUDSDK_CONFIG: '', GCE_METADATA_HOST: '127.0.0.1:1', GOOGLE_APPLICATION_CREDENTIALS: '' };

let before: NodeJS.ProcessEnv;
let home: string;
let google: Server;
let calls: number;

beforeEach(async () => {
  before = { ...process.env };
  home = mkdtempSync(join(tmpdir(), 'home-'));
  Object.assign(process.env, ENVIRONMENT, { HOME: home });
  calls = 0;
  google = createServer((_request, response) => {
    calls++;
    response.writeHead(401).end('{}');
  }).listen(0, '127.0.0.2');
  await once(google, 'listening');
});

afterEach(() => {
  for (const name of [...Object.keys(ENVIRONMENT), 'HOME']) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
  google.close();
  google.closeAllConnections();
  rmSync(home, { recursive: true });
});

/** BigQuery at an address that does not count as an emulator's. */
function open(): Warehouse {
  const endpoint = `http://127.0.0.2:${(google.address() as AddressInfo).port}`;
  return openWarehouse({ project: 'acme', location: 'EU', endpoint, stagingDataset: 'staging', federation: undefined }, new Agent());
}

async function* page(): AsyncGenerator<Buffer> {
  yield Buffer.from('"Id"\n');
}

test.each<[string, (warehouse: Warehouse) => Promise<unknown>]>([
  ['the check of the datasets', (warehouse) => checkDatasets(warehouse, ['salesforce'])],
  ['a statement', (warehouse) => query(warehouse, 'SELECT 1', {})],
  [
    'an upload',
    (warehouse) => {
      const table = { project: 'acme', dataset: 'staging', table: 'stage' };
      return loadPage(warehouse, { jobId: 'load', table, columns: ['Id'], labels: {} }, page());
    },
  ],
])('without Google credentials, %s says how to log in and makes no call', async (_what, use) => {
  await expect(use(open())).rejects.toMatchObject({
    code: 'bigquery_refused',
    message: expect.stringContaining('Run gcloud auth application-default login'),
  });
  expect(calls).toBe(0);
});

test('an unusable credentials file is named by its variable, and its content is not shown', async () => {
  const file = join(home, 'key.json');
  writeFileSync(file, 's3cret and not JSON');
  process.env.GOOGLE_APPLICATION_CREDENTIALS = file;
  const error = await query(open(), 'SELECT 1', {}).catch((thrown: Error) => thrown);
  expect(error).toMatchObject({ message: expect.stringContaining('The file in GOOGLE_APPLICATION_CREDENTIALS') });
  expect((error as Error).message).not.toContain('s3cret');
});
