import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { uploadPage } from '../../../app/bigquery/load/load.ts';
import { ensureStagingTable } from '../../../app/bigquery/tables/tables.ts';
import { sliceWhole } from '../../../app/core/runs/slices.ts';
import { insertPage } from '../../../app/store/runs/pages.ts';
import { saveRunTable } from '../../../app/store/runs/run-tables.ts';
import { readSlices, saveSlices, startGeneration } from '../../../app/store/runs/slices.ts';
import { saveTableWrite, takeTable } from '../../../app/store/runs/table-writes.ts';
import { loadJobId, stagingExpiry, stagingTable } from '../../../app/sync/names.ts';
import { dropEarlierGenerations } from '../../../app/sync/repairs/drop-earlier-generations.ts';
import { syncRun } from '../../../app/sync/sync-run.ts';
import { claimRun } from '../../support/claim-run.ts';
import { requestsDuring } from '../../support/requests.ts';
import { type JobView, startService, type TestService } from '../../support/service.ts';
import { dueRecords } from '../../support/whole-table.ts';

/** What happens to the staging and delta tables of a run that has ended. */
let service: TestService;
let userId: string;

beforeEach(async () => {
  // A run is not retried during a test, unless the test says so.
  service = await startService({ limits: { retryMs: 60_000 } });
  userId = await service.connect();
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });
});
afterEach(() => service[Symbol.asyncDispose]());

const TICK = '2023-03-20T00:10:00Z';

async function fault(given: object): Promise<void> {
  const init = { method: 'POST', body: JSON.stringify(given), headers: { 'content-type': 'application/json' } };
  expect((await fetch(`${service.bigquery.url}/emulator/faults`, init)).status).toBe(200);
}

const noFaults = () => fetch(`${service.bigquery.url}/emulator/faults`, { method: 'DELETE' });
const DELETES = 'DELETE /bigquery/v2/projects/local/datasets/salesforce_staging/tables/';

/** The kinds of the tables in the staging dataset: `stage` and `delta`. */
async function tables(): Promise<string[]> {
  const [found] = await service.client.dataset('salesforce_staging').getTables();
  return found.map(({ id }) => id!.split('_')[0]!).sort();
}

/** The tables that the job store still knows. */
async function known(): Promise<string[]> {
  const { rows } = await service.database.pool.query<{ kind: string }>(
    `SELECT split_part(name, '_', 1) AS kind FROM run_tables ORDER BY 1`,
  );
  return rows.map(({ kind }) => kind);
}

async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}

async function expectDropped(): Promise<void> {
  await waitUntil(async () => (await known()).length === 0);
  expect(await tables()).toEqual([]);
}

/** As if the run's lease, and the pause before another try to drop its tables, had ended; then a process starts. */
async function restartLater(): Promise<void> {
  await service.stopWorker();
  await service.database.pool.query(`UPDATE runs SET lease_until = now() - interval '1 second'`);
  await service.database.pool.query('UPDATE run_tables SET drop_at = now()');
  service.startWorker();
}

/** Fencing a job id starts a BigQuery job, so the table is dropped in one of the passes after that. */
async function expectDroppedLater(): Promise<void> {
  do {
    await restartLater();
    await sleep(100);
  } while ((await known()).length > 0);
  expect(await tables()).toEqual([]);
}

const job = async (): Promise<JobView> => (await service.jobs())[0]!;
const logged = (event: string): Record<string, unknown>[] =>
  service.logged.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line.event === event);

async function startWindow(): Promise<void> {
  service.salesforce.clock.set(new Date(TICK));
  await service.call('handle_importing_job');
}

async function expectComplete(): Promise<void> {
  expect(await service.rows('SELECT COUNT(*) AS n FROM salesforce.Account')).toEqual([{ n: dueRecords(service, 'Account').length }]);
  expect(await job()).toMatchObject({ last_date: '2023-03-20', run: { state: 'succeeded' } });
}

describe('the tables of a run that succeeds', () => {
  test('are dropped at once, each by one call', async () => {
    const requests = await requestsDuring(async () => {
      expect((await service.tickAt(TICK)).text).toMatch(/^OK/);
      await expectDropped();
    });
    const dropped = requests.filter((request) => request.startsWith(DELETES)).map((request) => request.slice(DELETES.length).split('_')[0]);
    expect(dropped.sort()).toEqual(['delta', 'stage']);
    // No statement, and no job, is needed.
    const [jobs] = await service.client.getJobs({ allUsers: true });
    expect(jobs.filter(({ id }) => /_merge_|_delta_/.test(id!))).toHaveLength(2);
    await expectComplete();
    // Less than the minute after which the service checks in any case.
  }, 30_000);

  test('are dropped with those of every slice and generation', async () => {
    await service[Symbol.asyncDispose]();
    service = await startService({ limits: { restRows: 0, firstPageRows: 10, pageTextBytes: 5_000, sliceRows: 15 } });
    userId = await service.connect();
    await service.call('create_importing_job', { user_id: userId, object_name: 'Task', start_date: '2023-03-01' });
    const wrongCount = { method: 'POST', body: JSON.stringify({ kind: 'wrong-count' }), headers: { 'content-type': 'application/json' } };
    expect((await fetch(`${service.salesforce.instanceUrl}/emulator/faults`, wrongCount)).status).toBeLessThan(300);
    const requests = await requestsDuring(() => service.tickAt(TICK));
    await expectDropped();
    const created = requests.filter((request) => /^POST \S*\/salesforce_staging\/tables(\?|$)/.test(request));
    const { rows: slices } = await service.database.pool.query<{ generation: number }>('SELECT generation FROM slices');
    expect(slices.length).toBeGreaterThan(1);
    expect(created.length).toBeGreaterThan(slices.length);
  });

  test('are dropped by another process if this one dies after the receipt', async () => {
    await service.stopWorker();
    await startWindow();
    const { context } = service;
    const run = (await claimRun(context.database, 60, 1))!;
    await syncRun(context, run, new AbortController().signal);
    await expectComplete();
    expect(await tables()).toEqual(['delta', 'stage']);
    service.startWorker();
    await expectDropped();
  });

  test('stay if BigQuery refuses to delete them, which is reported, and are dropped later', async () => {
    await fault({ kind: 'http', status: 403, reason: 'accessDenied', times: 1000, match: DELETES });
    expect((await service.tickAt(TICK)).text).toMatch(/^OK/);
    await expectComplete();
    await waitUntil(async () => logged('tables_not_dropped').length > 0);
    const { rows } = await service.database.pool.query<{ run: string; job: string }>('SELECT id AS run, job_id AS job FROM runs');
    expect(logged('tables_not_dropped')).toMatchObject([
      { ...rows[0], level: 'warn', object: 'Account', error_code: 'bigquery_refused', error_message: expect.stringContaining('delete') },
    ]);
    expect(await tables()).toEqual(['delta', 'stage']);
    await noFaults();
    await restartLater();
    await expectDropped();
    expect(logged('run_interrupted')).toEqual([]);
  });

  test('do not delay the next run, nor the end of the service, if BigQuery does not respond', async () => {
    await fault({ kind: 'stall', times: 1000, match: DELETES });
    expect((await service.tickAt(TICK)).text).toMatch(/^OK/);
    expect((await service.tickAt('2023-03-21T00:10:00Z')).text).toMatch(/^OK/);
    await service.stopWorker();
    expect(logged('tables_not_dropped')).toEqual([]);
    await noFaults();
    await restartLater();
    await expectDropped();
  });

  test('are dropped if one of them is missing', async () => {
    await fault({ kind: 'http', status: 403, reason: 'accessDenied', times: 1000, match: DELETES });
    await service.tickAt(TICK);
    await waitUntil(async () => logged('tables_not_dropped').length > 0);
    await noFaults();
    const [[first]] = await service.client.dataset('salesforce_staging').getTables();
    await first!.delete();
    await restartLater();
    await expectDropped();
    expect(logged('tables_not_dropped')).toHaveLength(1);
  });
});

describe('the staging table of an earlier generation', () => {
  const names = async (): Promise<string[]> => {
    const [found] = await service.client.dataset('salesforce_staging').getTables();
    return found.map(({ id }) => id!.replace(/_[0-9a-f]{32}/, '')).sort();
  };
  /** Bulk announces more rows than its page has, once. */
  const repeatFirst = async (): Promise<void> => {
    await service[Symbol.asyncDispose]();
    service = await startService({ limits: { restRows: 0, retryMs: 60_000 } });
    userId = await service.connect();
    await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });
    const wrongCount = { method: 'POST', body: JSON.stringify({ kind: 'wrong-count' }), headers: { 'content-type': 'application/json' } };
    expect((await fetch(`${service.salesforce.instanceUrl}/emulator/faults`, wrongCount)).status).toBeLessThan(300);
  };

  test('is dropped once the next one is loaded, while the run goes on', async () => {
    await repeatFirst();
    await fault({ kind: 'job-overruns', match: '_delta_' });
    await startWindow();
    await waitUntil(async () => (await known()).includes('delta'));
    await waitUntil(async () => !(await names()).includes('stage_0_0_1'));
    expect((await names()).filter((name) => name.startsWith('stage'))).toEqual(['stage_0_0_2']);
    expect((await job()).run!.state).toBe('running');
  });

  test('stays until the end of the run if BigQuery refuses to delete it, which is reported', async () => {
    await repeatFirst();
    await fault({ kind: 'http', status: 403, reason: 'accessDenied', match: DELETES });
    expect((await service.tickAt(TICK)).text).toMatch(/^OK/);
    await expectComplete();
    await expectDropped();
    expect(logged('tables_not_dropped')).toMatchObject([{ object: 'Account', error_code: 'bigquery_refused' }]);
    expect(logged('run_interrupted')).toEqual([]);
  });

  test('stays while a load may still write it', async () => {
    await service.stopWorker();
    await startWindow();
    const { context } = service;
    const run = (await claimRun(context.database, 60, 1))!;
    const columns = ['Id'];
    await saveSlices(context.database, run, [{ ...sliceWhole(run.window), ordinal: 0, fieldGroup: 0 }]);
    const [first] = await readSlices(context.database, run);
    const table = stagingTable(context, run.runId, first!);
    await saveRunTable(context.database, run, { name: table.table, createdBy: null });
    await ensureStagingTable(context.warehouse, table, columns, stagingExpiry(run.createdAt), {});
    const page = await insertPage(context.database, run, { slice: 0, fieldGroup: 0, generation: 1, number: 0, locator: null });
    const load = { jobId: loadJobId(run.runId, page, page.loadTry), table, columns, labels: {} };
    await fault({ kind: 'job-overruns', match: '_load_' });
    await uploadPage(context.warehouse, load, Readable.from([Buffer.from('"Id"\n"1"\n')]));
    const next = await startGeneration(context.database, run, first!);

    await dropEarlierGenerations(context, run, next);
    expect(await names()).toEqual(['stage_0_0_1']);
    const [jobs] = await service.client.getJobs({ allUsers: true });
    await jobs.find(({ id }) => id === load.jobId)!.cancel();
    await waitUntil(async () => {
      await dropEarlierGenerations(context, run, next);
      return (await names()).length === 0;
    });
    expect(logged('tables_not_dropped')).toEqual([]);
  });
});

describe('the tables of a run that does not succeed', () => {
  const running = async (id: string): Promise<boolean> => {
    const [jobs] = await service.client.getJobs({ allUsers: true });
    return jobs.some((found) => found.id!.includes(id) && (found.metadata as { status: { state: string } }).status.state === 'RUNNING');
  };
  const cancelRun = () => service.database.pool.query(`UPDATE runs SET state = 'cancelled', finished_at = now()`);

  test('stay while it may be resumed', async () => {
    await fault({ kind: 'http', status: 503, times: 4, match: 'POST /bigquery/v2/projects/local/jobs' });
    await startWindow();
    await waitUntil(async () => (await job()).run!.failures > 0);
    await restartLater();
    await sleep(300);
    // The job that creates the delta table was not accepted.
    expect(await tables()).toEqual(['stage']);
    expect(await known()).toEqual(['delta', 'stage']);
    await service.database.pool.query('UPDATE runs SET run_at = now()');
    await waitUntil(async () => (await job()).run!.state === 'succeeded');
    await expectDropped();
    await expectComplete();
  });

  test('are dropped if it failed, once its lease has expired', async () => {
    await fault({ kind: 'job-failed', reason: 'invalid', message: 'An invalid statement.', match: '_merge_' });
    expect((await service.tickAt(TICK)).text).toMatch(/^Not complete/);
    expect((await job()).run).toMatchObject({ state: 'failed' });
    await sleep(200);
    expect(await tables()).toEqual(['delta', 'stage']);
    await expectDroppedLater();
    // Its window is imported again.
    expect((await service.tickAt('2023-03-20T00:20:00Z')).text).toMatch(/^OK/);
    await expectDropped();
    await expectComplete();
  });

  test('are dropped if its job was paused while it waited for a retry', async () => {
    await fault({ kind: 'job-failed', reason: 'jobBackendError', atOnce: true, match: '_delta_' });
    await startWindow();
    await waitUntil(async () => (await job()).run!.failures > 0);
    await service.call('pause_importing_job', { user_id: userId, object_name: 'Account' });
    expect((await job()).run!.state).toBe('cancelled');
    await expectDroppedLater();
  });

  test.each(['merge', 'delta'])('keep the delta table while a %s job may still run', async (step) => {
    await fault({ kind: 'job-overruns', match: `_${step}_` });
    await startWindow();
    await waitUntil(() => running(`_${step}_`));
    await cancelRun();
    await restartLater();
    await waitUntil(async () => !(await tables()).includes('stage'));
    await waitUntil(async () => (await known()).join() === 'delta');
    expect(await tables()).toEqual(step === 'merge' ? ['delta'] : []);

    const [jobs] = await service.client.getJobs({ allUsers: true });
    await jobs.find(({ id }) => id!.includes(`_${step}_`))!.cancel();
    await waitUntil(async () => !(await running(`_${step}_`)));
    await expectDroppedLater();
    // The cancelled run does not stand in the way of the next one.
    await service.tickAt('2023-03-20T00:20:00Z');
    await expectComplete();
  });

  test('are dropped only after its MERGE can no longer start', async () => {
    await service.stopWorker();
    await startWindow();
    const { context } = service;
    const run = (await claimRun(context.database, 60, 1))!;
    // The worker is lost with its MERGE requested, or not: the response never arrived.
    const lost = new AbortController();
    await fault({ kind: 'stall', match: 'POST /bigquery/v2/projects/local/jobs', times: 1000 });
    const work = syncRun({ ...context, warehouse: context.warehouse.withSignal(lost.signal) }, run, lost.signal);
    await waitUntil(async () => (await known()).includes('delta'));
    lost.abort();
    await expect(work).rejects.toThrow();
    await noFaults();
    await takeTable(context.database, run);
    await saveTableWrite(context.database, run, `sync_${run.runId.replaceAll('-', '')}_merge_1`);
    await cancelRun();
    await expectDroppedLater();
    const jobId = `sync_${run.runId.replaceAll('-', '')}_merge_1`;
    const late = { jobId, location: 'EU', configuration: { query: { query: 'SELECT 1', useLegacySql: false } } };
    await expect(service.client.createJob(late)).rejects.toMatchObject({ code: 409 });
  });
});
