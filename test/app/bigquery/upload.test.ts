import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Agent, MockAgent } from 'undici';
import { type Load, loadPage } from '../../../app/bigquery/load/load.ts';
import { checkDatasets } from '../../../app/bigquery/tables/datasets.ts';
import { countStagedRows, ensureStagingTable } from '../../../app/bigquery/tables/tables.ts';
import { openWarehouse, type Warehouse } from '../../../app/bigquery/warehouse.ts';
import { type BigQueryEmulator, startBigQuery } from '../../../app/local/emulators/bigquery/rest/bigquery.ts';

let bigquery: BigQueryEmulator;
let warehouse: Warehouse;
let dispatcher: Agent;
let number = 0;

beforeAll(async () => {
  bigquery = await startBigQuery();
  dispatcher = new Agent();
  const config = {
    project: bigquery.project,
    location: bigquery.location,
    endpoint: bigquery.url,
    stagingDataset: 'staging',
    federation: undefined,
  };
  warehouse = openWarehouse(config, dispatcher);
  await checkDatasets(warehouse, []);
});
afterAll(async () => {
  await bigquery.close();
  await dispatcher.close();
});

const BLOCK = Buffer.from(`"${'x'.repeat(10_000)}"\n`.repeat(100));

/** Two chunks of 16 MiB and part of a third. */
async function* largePage(): AsyncGenerator<Buffer> {
  yield Buffer.from('"Id"\n');
  for (let block = 0; block < 37; block++) yield BLOCK;
}

async function* exactlyTwoChunks(): AsyncGenerator<Buffer> {
  const line = `"${'y'.repeat(61)}"\n`;
  yield Buffer.from(`"Id"\n`);
  yield Buffer.from(`"${'z'.repeat(56)}"\n`);
  const block = Buffer.from(line.repeat(1_024));
  for (let index = 1; index < 512; index++) yield block;
  yield Buffer.from(line.repeat(1_023));
}

async function arm(fault: object): Promise<void> {
  const init = { method: 'POST', body: JSON.stringify(fault), headers: { 'content-type': 'application/json' } };
  expect((await fetch(`${bigquery.url}/emulator/faults`, init)).status).toBeLessThan(300);
}

async function newLoad(): Promise<Load> {
  const name = `page_${++number}`;
  const table = { project: bigquery.project, dataset: 'staging', table: name };
  await ensureStagingTable(warehouse, table, ['Id'], new Date(Date.now() + 86_400_000), {});
  return { jobId: name, table, columns: ['Id'], labels: {} };
}

describe('a resumable upload', () => {
  test.each([
    ['no fault', undefined],
    ['chunks that are stored in part', { kind: 'partial-chunk', times: 3 }],
    ['chunks that are not stored at all', { kind: 'partial-chunk', times: 2, keep: 0 }],
    ['chunks that are stored up to an odd byte', { kind: 'partial-chunk', times: 4, keep: 1_234_567 }],
    ['dropped connections', { kind: 'upload-cut', times: 2 }],
    ['an unavailable service', { kind: 'http', status: 503, reason: 'backendError', times: 2, match: 'PUT /upload' }],
    ['a service that demands a wait', { kind: 'http', status: 503, headers: { 'Retry-After': '1' }, match: 'PUT /upload' }],
    ['a lost final response', { kind: 'lost-final-answer' }],
    ['lost responses', { kind: 'lost-answer', match: 'PUT /upload', times: 2 }],
  ])('arrives exactly once and complete despite %s', async (_what, fault) => {
    const load = await newLoad();
    if (fault) await arm(fault);
    const outcome = await loadPage(warehouse, load, largePage());
    expect(outcome).toMatchObject({ succeeded: true, job: { outputRows: 3_700 } });
    expect(await countStagedRows(warehouse, load.table)).toBe(3_700);
  });

  test('may end at the end of a chunk', async () => {
    const load = await newLoad();
    expect(await loadPage(warehouse, load, exactlyTwoChunks())).toMatchObject({ succeeded: true });
    expect(await countStagedRows(warehouse, load.table)).toBe(512 * 1_024);
  });

  test('under an id that was used before loads nothing again', async () => {
    const load = await newLoad();
    await loadPage(warehouse, load, largePage());
    expect(await loadPage(warehouse, load, largePage())).toMatchObject({ succeeded: true, job: { outputRows: 3_700 } });
    expect(await countStagedRows(warehouse, load.table)).toBe(3_700);
  });

  test('whose source fails loads nothing and fails with the same error', async () => {
    const load = await newLoad();
    async function* broken(): AsyncGenerator<Buffer> {
      for await (const part of largePage()) yield part;
      throw new Error('the source failed');
    }
    await expect(loadPage(warehouse, load, broken())).rejects.toThrow('the source failed');
    expect(await countStagedRows(warehouse, load.table)).toBe(0);
  });
});

test.each(['http://127.0.0.1:1/session', 'http://upload.googleapis.com/', 'https://googleapis.com.example.org/', 'not a URL'])(
  'an upload sends nothing to the session URL %s on an untrusted host',
  async (location) => {
    const agent = new MockAgent();
    agent.disableNetConnect();
    agent
      .get(bigquery.url)
      .intercept({ path: /^\/upload/, method: 'POST' })
      .reply(200, '', { headers: { location } });
    const config = { project: 'p', location: 'EU', endpoint: bigquery.url, stagingDataset: 'staging', federation: undefined };
    const upload = loadPage(openWarehouse(config, agent), await newLoad(), largePage());
    await expect(upload).rejects.toMatchObject({ code: 'bigquery_unavailable', message: expect.stringContaining('session is at') });
    await agent.close();
  },
);

test('a page that trickles in a few bytes at a time does not count as activity', async () => {
  let activities = 0;
  async function* trickling(): AsyncGenerator<Buffer> {
    yield Buffer.from('"Id"\n');
    for (let row = 0; row < 500; row++) yield Buffer.from('"x"\n');
  }
  const watched = warehouse.withSignal(new AbortController().signal, () => activities++);
  expect(await loadPage(watched, await newLoad(), trickling())).toMatchObject({ succeeded: true });
  expect(activities).toBeLessThan(100);
});

describe('a multipart upload', () => {
  const multipart = (): Warehouse => warehouse.withUploadProtocol('multipart');

  test.each([
    ['no fault', undefined],
    ['an unavailable service', { kind: 'http', status: 503, reason: 'backendError', times: 2, match: 'POST /upload' }],
    ['a lost response', { kind: 'lost-answer', match: 'POST /upload' }],
  ])('arrives exactly once and complete despite %s', async (_what, fault) => {
    const load = await newLoad();
    if (fault) await arm(fault);
    const outcome = await loadPage(multipart(), load, largePage());
    expect(outcome).toMatchObject({ succeeded: true, job: { outputRows: 3_700 } });
    expect(await countStagedRows(warehouse, load.table)).toBe(3_700);
  });

  test('under an id that was used before loads nothing again', async () => {
    const load = await newLoad();
    await loadPage(warehouse, load, largePage());
    expect(await loadPage(multipart(), load, largePage())).toMatchObject({ succeeded: true, job: { outputRows: 3_700 } });
    expect(await countStagedRows(warehouse, load.table)).toBe(3_700);
  });

  test('that is too large is refused, and the error names the setting', async () => {
    const load = await newLoad();
    async function* tooLarge(): AsyncGenerator<Buffer> {
      yield* largePage();
      yield* largePage();
    }
    await expect(loadPage(multipart(), load, tooLarge())).rejects.toThrow('BIGQUERY_UPLOAD');
    expect(await countStagedRows(warehouse, load.table)).toBe(0);
  });
});

describe('a wait that BigQuery demands', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['a call', () => checkDatasets(warehouse, [])],
    ['an upload', async () => loadPage(warehouse, await newLoad(), largePage())],
  ])('is left to the run if it is long: %s', async (what, work) => {
    const match = what === 'a call' ? 'GET /bigquery' : 'PUT /upload';
    await arm({ kind: 'http', status: 503, headers: { 'Retry-After': '120' }, match });
    const startedAt = performance.now();
    await expect(work()).rejects.toMatchObject({ code: 'bigquery_unavailable', retryAfterMs: 120_000 });
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  test('delays the next try', async () => {
    await arm({ kind: 'http', status: 503, headers: { 'Retry-After': '1' }, match: 'GET /bigquery' });
    const startedAt = performance.now();
    await checkDatasets(warehouse, []);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1_000);
  });
});
