import { afterEach, describe, expect, test } from '@jest/globals';
import type { Limits } from '../../../app/core/connections/limits.ts';
import type { SalesforceOptions } from '../../../app/local/emulators/salesforce/salesforce.ts';
import { startService, type TestService } from '../../support/service.ts';
import { dueRecords } from '../../support/whole-table.ts';

/** A BigQuery that takes a call or a job, and is never heard of again. */
let service: TestService;

afterEach(() => service[Symbol.asyncDispose]());

const TICK = '2023-03-20T00:10:00Z';

async function start(limits: Partial<Limits>, salesforce: SalesforceOptions = {}): Promise<void> {
  service = await startService({ limits, salesforce });
  const user_id = await service.connect();
  await service.call('create_importing_job', { user_id, object_name: 'Account', start_date: '2023-03-01' });
}

async function fault(given: object): Promise<void> {
  const init = { method: 'POST', body: JSON.stringify(given), headers: { 'content-type': 'application/json' } };
  expect((await fetch(`${service.bigquery.url}/emulator/faults`, init)).status).toBe(200);
}

async function expectComplete(): Promise<void> {
  const rows = await service.rows('SELECT Id FROM salesforce.Account');
  expect(rows.map((row) => row.Id).sort()).toEqual(
    dueRecords(service, 'Account')
      .map((record) => record.Id)
      .sort(),
  );
  expect((await service.jobs())[0]).toMatchObject({ last_date: '2023-03-20', run: { state: 'succeeded' } });
}

async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

const logged = (): string => service.logged.join('');

async function jobsOf(step: string): Promise<{ id: string; error: unknown }[]> {
  const [jobs] = await service.client.getJobs({ allUsers: true });
  return jobs
    .map((job) => ({ id: job.id!, error: job.metadata.status.errorResult?.reason }))
    .filter(({ id }) => id.includes(`_${step}_`))
    .sort((one, other) => (one.id < other.id ? -1 : 1));
}

describe('a BigQuery call without a response', () => {
  test.each([
    ['that looks at a job', 'GET /bigquery/v2/projects/local/jobs/'],
    ['that creates a job', 'POST /bigquery/v2/projects/local/jobs'],
    ['that looks at a table', 'GET /bigquery/v2/projects/local/datasets/'],
    ['that creates a table', 'POST /bigquery/v2/projects/local/datasets/'],
    ['that reads the counts', 'GET /bigquery/v2/projects/local/queries/'],
    ['that begins an upload', 'POST /upload/'],
    ['that ends an upload', 'PUT /upload/'],
  ])('%s times out and is retried', async (_what, match) => {
    await start({ bigqueryCallMs: 300 });
    await fault({ kind: 'stall', match });
    await service.tickAt(TICK);
    await expectComplete();
  });

  test('does not keep the service from stopping', async () => {
    await start({});
    await fault({ kind: 'stall', match: 'POST /bigquery/v2/projects/local/jobs' });
    service.salesforce.clock.set(new Date(TICK));
    await service.call('handle_importing_job');
    await waitUntil(async () => !(await pending()).includes('stall'));
    await service.stopWorker();
    expect((await service.jobs())[0]!.run).toMatchObject({ state: 'queued', failures: 0 });
  });
});

async function pending(): Promise<string> {
  const { pending: faults } = (await (await fetch(`${service.bigquery.url}/emulator/faults`)).json()) as { pending: object[] };
  return JSON.stringify(faults);
}

/** The first try was stopped, and a later one succeeded: the next, unless the machine is busy. */
async function expectRunAgain(step: string): Promise<void> {
  const jobs = await jobsOf(step);
  expect(jobs.at(0)).toEqual({ id: expect.stringMatching(/_1$/), error: 'stopped' });
  expect(jobs.at(-1)).toEqual({ id: expect.stringMatching(/_[2-9]$/), error: undefined });
}

describe('a BigQuery job that never ends', () => {
  test.each(['load', 'delta', 'merge'])('(%s) is stopped by its own time limit and retried under the next id', async (step) => {
    await start({ bigqueryJobMs: 700 });
    await fault({ kind: 'job-stuck', match: `_${step}_` });
    await service.tickAt(TICK);
    await expectComplete();
    await expectRunAgain(step);
  });

  test.each(['load', 'merge'])('(%s) and ignores its time limit is cancelled and retried once it has ended', async (step) => {
    await start({ bigqueryJobMs: 400, bigqueryCallMs: 400 });
    await fault({ kind: 'job-overruns', match: `_${step}_` });
    await service.tickAt(TICK);
    await expectComplete();
    await expectRunAgain(step);
  });

  test('is prevented by a time limit on every job', async () => {
    await start({ bigqueryJobMs: 77_000 });
    await service.tickAt(TICK);
    const [jobs] = await service.client.getJobs({ allUsers: true });
    const timeouts = jobs.filter((job) => job.id!.startsWith('sync_')).map((job) => job.metadata.configuration.jobTimeoutMs);
    expect(timeouts.length).toBeGreaterThan(3);
    expect(new Set(timeouts)).toEqual(new Set(['77000']));
  });
});

describe('the lease of a run', () => {
  test('is not extended without progress: the run is stopped and retried', async () => {
    await start({ noProgressMs: 300 });
    await fault({ kind: 'stall', match: 'POST /bigquery/v2/projects/local/jobs' });
    await service.tickAt(TICK);
    await expectComplete();
    expect(logged()).toContain('"error_code":"no_progress"');
  });

  test.each(['long requests', 'uploads'])('is extended while other runs finish their %s before it', async (what) => {
    await start({ noProgressMs: 3_000, restRows: 0, longRequests: 1, uploads: 1 });
    const { longRequests, uploads, database } = service.context;
    const { rows } = await database.query<{ org_id: string }>('SELECT org_id FROM connections');
    const { signal } = new AbortController();
    for (let other = 0; other < 4; other++) {
      const taken = what === 'uploads' ? uploads.acquire(signal) : longRequests.acquire(rows[0]!.org_id, signal);
      void taken.then((held) => setTimeout(() => held[Symbol.dispose](), 2_000));
    }
    await service.tickAt(TICK);
    await expectComplete();
    expect(logged()).not.toContain('run_interrupted');
  });

  test('is extended while Salesforce responds slowly', async () => {
    await start({ noProgressMs: 2_000, restRows: 0 }, { bulkDelayMs: 1_000 });
    await service.tickAt(TICK);
    await expectComplete();
    expect(logged()).not.toContain('run_interrupted');
  });
});
