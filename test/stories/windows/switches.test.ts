import { afterEach, describe, expect, test } from '@jest/globals';
import { type JobView, startService, type TestService } from '../../support/service.ts';
import { dueRecords } from '../../support/whole-table.ts';

/** Where an assumption about Salesforce or BigQuery does not hold, a switch goes another way: the table is the same. */
let service: TestService;

/** Small enough that the few rows of these windows are read by Bulk, in many pages. */
const BULK = { restRows: 0, firstPageRows: 10, pageTextBytes: 5_000 };
const REST = {};

async function start(env: NodeJS.ProcessEnv, limits: object): Promise<void> {
  service = await startService({ limits, env });
  const userId = await service.connect();
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });
}

afterEach(() => service[Symbol.asyncDispose]());

async function armFault(fault: object): Promise<void> {
  const init = { method: 'POST', body: JSON.stringify(fault), headers: { 'content-type': 'application/json' } };
  expect((await fetch(`${service.bigquery.url}/emulator/faults`, init)).status).toBeLessThan(300);
}

const GZIP_FAILS = { kind: 'gzip-unknown', times: 1_000 };
const RESUMABLE_FAILS = { kind: 'http', reason: 'badRequest', times: 1_000, match: 'uploadType=resumable' };

async function job(): Promise<JobView> {
  return (await service.jobs())[0]!;
}

async function expectComplete(): Promise<void> {
  const expected = dueRecords(service);
  const rows = await service.rows('SELECT Id, Name FROM salesforce.Account ORDER BY Id');
  const [ids, names] = [rows.map((row) => row.Id), rows.map((row) => row.Name)];
  expect(ids).toEqual(expected.map((record) => record.Id).sort());
  expect(names.sort()).toEqual(expected.map((record) => record.Name).sort());
  expect((await job()).last_date).toBe('2023-03-20');
  expect((await job()).run!.receipt!.staged).toBe(expected.length);
}

describe.each([
  ['SALESFORCE_GZIP=off', { SALESFORCE_GZIP: 'off' }, [GZIP_FAILS]],
  ['BIGQUERY_UPLOAD=multipart', { BIGQUERY_UPLOAD: 'multipart' }, [RESUMABLE_FAILS]],
  ['both', { SALESFORCE_GZIP: 'off', BIGQUERY_UPLOAD: 'multipart' }, [GZIP_FAILS, RESUMABLE_FAILS]],
])('with %s, where the other way is closed, a window is imported whole', (_name, env, faults) => {
  test.each([
    ['by Bulk', BULK],
    ['by REST', REST],
  ])('%s', async (_method, limits) => {
    await start(env, limits);
    for (const fault of faults) await armFault(fault);
    await service.tickAt('2023-03-20T00:10:00Z');
    await expectComplete();
  });
});

test('without the switch, a window whose pages BigQuery cannot decompress fails', async () => {
  await start({}, BULK);
  await armFault(GZIP_FAILS);
  await service.tickAt('2023-03-20T00:10:00Z');
  expect((await job()).last_date).toBe('2023-03-01');
  expect((await job()).run!.failures).toBeGreaterThan(0);
});

test('with BIGQUERY_UPLOAD=multipart a page whose response was lost is loaded once', async () => {
  await start({ BIGQUERY_UPLOAD: 'multipart' }, BULK);
  await armFault({ kind: 'lost-answer', match: 'POST /upload', times: 2 });
  await service.tickAt('2023-03-20T00:10:00Z');
  await expectComplete();
});
