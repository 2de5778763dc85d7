import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Agent, MockAgent } from 'undici';
import { checkDatasets } from '../../../app/bigquery/datasets.ts';
import { type Load, loadPage } from '../../../app/bigquery/load.ts';
import { ensureStagingTable, stagedRows } from '../../../app/bigquery/tables.ts';
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

const BLOCK = Buffer.from(`"${'x'.repeat(1_000)}"\n`.repeat(1_000));

/** Two chunks of 16 MiB and a part of a third. */
async function* largePage(): AsyncGenerator<Buffer> {
  yield Buffer.from('"Id"\n');
  for (let block = 0; block < 37; block++) yield BLOCK;
}

async function* exactlyTwoChunks(): AsyncGenerator<Buffer> {
  const line = `"${'y'.repeat(61)}"\n`;
  yield Buffer.from(`"Id"\n`);
  yield Buffer.from(`"${'z'.repeat(56)}"\n`);
  const block = Buffer.from(line.repeat(1_024));
  for (let block_ = 1; block_ < 512; block_++) yield block;
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

describe('an upload of several chunks', () => {
  test.each([
    ['nothing', undefined],
    ['chunks of which a part is kept', { kind: 'partial-chunk', times: 3 }],
    ['chunks of which nothing is kept', { kind: 'partial-chunk', times: 2, keep: 0 }],
    ['chunks of which an odd number of bytes is kept', { kind: 'partial-chunk', times: 4, keep: 1_234_567 }],
    ['connections that are cut', { kind: 'upload-cut', times: 2 }],
    ['a service that is down', { kind: 'http', status: 503, reason: 'backendError', times: 2, match: 'PUT /upload' }],
    ['a final answer that is lost', { kind: 'lost-final-answer' }],
    ['answers that are lost', { kind: 'lost-answer', match: 'PUT /upload', times: 2 }],
  ])('arrives once, and whole, although it meets %s', async (_what, fault) => {
    const load = await newLoad();
    if (fault) await arm(fault);
    const outcome = await loadPage(warehouse, load, largePage());
    expect(outcome).toMatchObject({ succeeded: true, job: { outputRows: 37_000 } });
    expect(await stagedRows(warehouse, load.table)).toBe(37_000);
  });

  test('may end where a chunk ends', async () => {
    const load = await newLoad();
    expect(await loadPage(warehouse, load, exactlyTwoChunks())).toMatchObject({ succeeded: true });
    expect(await stagedRows(warehouse, load.table)).toBe(512 * 1_024);
  });

  test('under an id that was used before loads nothing', async () => {
    const load = await newLoad();
    await loadPage(warehouse, load, largePage());
    expect(await loadPage(warehouse, load, largePage())).toMatchObject({ succeeded: true, job: { outputRows: 37_000 } });
    expect(await stagedRows(warehouse, load.table)).toBe(37_000);
  });

  test('whose source breaks off loads nothing, and says what the source said', async () => {
    const load = await newLoad();
    async function* broken(): AsyncGenerator<Buffer> {
      for await (const part of largePage()) yield part;
      throw new Error('the source broke off');
    }
    await expect(loadPage(warehouse, load, broken())).rejects.toThrow('the source broke off');
    expect(await stagedRows(warehouse, load.table)).toBe(0);
  });
});

test.each(['http://127.0.0.1:1/session', 'http://upload.googleapis.com/', 'https://googleapis.com.example.org/', 'not a URL'])(
  'an upload sends nothing to the session URL %s of an untrusted host',
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

test('a page that arrives by a few bytes at a time is no activity', async () => {
  let activities = 0;
  async function* trickling(): AsyncGenerator<Buffer> {
    yield Buffer.from('"Id"\n');
    for (let row = 0; row < 500; row++) yield Buffer.from('"x"\n');
  }
  const watched = warehouse.during(new AbortController().signal, () => activities++);
  expect(await loadPage(watched, await newLoad(), trickling())).toMatchObject({ succeeded: true });
  expect(activities).toBeLessThan(100);
});

describe('an upload at once', () => {
  const atOnce = (): Warehouse => warehouse.uploadingBy('multipart');

  test.each([
    ['nothing', undefined],
    ['a service that is down', { kind: 'http', status: 503, reason: 'backendError', times: 2, match: 'POST /upload' }],
    ['an answer that is lost', { kind: 'lost-answer', match: 'POST /upload' }],
  ])('arrives once, and whole, although it meets %s', async (_what, fault) => {
    const load = await newLoad();
    if (fault) await arm(fault);
    const outcome = await loadPage(atOnce(), load, largePage());
    expect(outcome).toMatchObject({ succeeded: true, job: { outputRows: 37_000 } });
    expect(await stagedRows(warehouse, load.table)).toBe(37_000);
  });

  test('under an id that was used before loads nothing', async () => {
    const load = await newLoad();
    await loadPage(warehouse, load, largePage());
    expect(await loadPage(atOnce(), load, largePage())).toMatchObject({ succeeded: true, job: { outputRows: 37_000 } });
    expect(await stagedRows(warehouse, load.table)).toBe(37_000);
  });

  test('of more than it may hold is refused, and names the switch', async () => {
    const load = await newLoad();
    async function* tooLarge(): AsyncGenerator<Buffer> {
      yield* largePage();
      yield* largePage();
    }
    await expect(loadPage(atOnce(), load, tooLarge())).rejects.toThrow('BIGQUERY_UPLOAD');
    expect(await stagedRows(warehouse, load.table)).toBe(0);
  });
});
