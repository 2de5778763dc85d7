import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { failRun, succeedRun } from '../../../app/store/runs/end-run.ts';
import { CLAIMANT, claimRun } from '../../support/claim-run.ts';
import { startGateway } from '../../support/gateway.ts';
import { type Answer, type JobView, readAnswer, startService, type TestService, type TestServiceOptions } from '../../support/service.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** What an operator can do with a run: cancel it, or retry it without waiting. */
let service: TestService;
let fields: { user_id: string; object_name: string };

afterEach(() => service[Symbol.asyncDispose]());

async function start(options: TestServiceOptions = {}): Promise<void> {
  service = await startService(options);
  fields = { user_id: await service.connect(), object_name: 'Account' };
  const { text } = await service.call('create_importing_job', { ...fields, start_date: '2023-03-01' });
  expect(text).toBe('OK');
}

const job = async (): Promise<JobView> => (await service.jobs())[0]!;
const runId = async (): Promise<string> => (await job()).run!.id;

/** Sets the clock, and ticks without waiting. @returns the id of the job's latest run */
async function tickAndLeave(now: string): Promise<string> {
  service.salesforce.clock.set(new Date(now));
  await service.call('handle_importing_job');
  return await runId();
}

type RunView = NonNullable<JobView['run']> & { job_id: string; object_name: string; finished_at: string | null };

async function post(action: 'cancel' | 'retry', id: string): Promise<Answer & { run: RunView }> {
  const answer = await readAnswer(await fetch(`${service.url}/v1/runs/${id}/${action}`, { method: 'POST' }));
  return { ...answer, run: JSON.parse(answer.text) as RunView };
}

async function waitUntil(condition: () => unknown): Promise<void> {
  while (!(await condition())) await sleep(20);
}

const count = async (sql: string): Promise<number> => (await service.database.pool.query(sql)).rowCount!;

function logged(event: string): Record<string, unknown>[] {
  return service.logged.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line.event === event);
}

const workerStopped = (): boolean => logged('run_interrupted').some((line) => line.error_code === 'lease_lost');

/** The Ids and versions in the target table. */
const tableNow = async (): Promise<string[]> =>
  (await service.rows('SELECT Id, UNIX_MILLIS(SystemModstamp) AS stamp, _run FROM salesforce.Account'))
    .map((row) => JSON.stringify(row))
    .sort();

const BULK = { restRows: 0, firstPageRows: 10, pageTextBytes: 5_000 };

describe('cancelling', () => {
  test('a run between two pages keeps all of it out of the table, and the next tick completes it', async () => {
    await start({ limits: BULK });
    await service.tickAt('2023-03-10T00:10:00Z');
    const before = await tableNow();
    service.salesforce.faults.arm({ kind: 'slow-page', times: 1_000, afterBytes: 400, everyMs: 20 });
    const id = await tickAndLeave('2023-03-20T00:10:00Z');
    await waitUntil(() => count(`SELECT FROM pages WHERE loaded IS NOT NULL AND run_id = '${id}'`));
    const { status, run } = await post('cancel', id);
    expect(status).toBe(200);
    expect(run).toMatchObject({
      id,
      object_name: 'Account',
      from: '2023-03-10',
      to: '2023-03-20',
      state: 'cancelled',
      error: { code: 'cancelled', message: 'Cancelled by request (local). The next tick starts again from last_date.' },
      actions: [{ action: 'cancel', by: 'local', at: expect.any(String) }],
      finished_at: expect.any(String),
    });
    await waitUntil(workerStopped);
    service.salesforce.faults.clear();
    expect(await tableNow()).toEqual(before);
    expect(await job()).toMatchObject({ last_date: '2023-03-10', active: 1, run: { id, state: 'cancelled' } });
    expect(logged('run_cancelled_by_request')).toMatchObject([{ run: id, job: run.job_id, object: 'Account', by: 'local' }]);
    expect((await service.tickAt('2023-03-20T00:20:00Z')).text).toMatch(/^OK: /);
    await expectWholeTable(service);
  });

  test('a run that only waits stops its worker at the next extension of its lease', async () => {
    // Leases are extended as often as this.
    await start({ limits: { ...BULK, noProgressMs: 1_000 } });
    service.salesforce.faults.arm({ kind: 'job-stuck' });
    const id = await tickAndLeave('2023-03-20T00:10:00Z');
    await waitUntil(() => count('SELECT FROM slices WHERE bulk_job_id IS NOT NULL'));
    expect((await post('cancel', id)).status).toBe(200);
    await waitUntil(workerStopped);
    expect(await job()).toMatchObject({ last_date: '2023-03-01', run: { id, state: 'cancelled' } });
    expect((await service.tickAt('2023-03-20T00:20:00Z')).text).toMatch(/^OK: /);
    await expectWholeTable(service);
  });

  test('a run whose MERGE has started makes the next run wait for that MERGE', async () => {
    await start({ limits: { noProgressMs: 1_000 } });
    const stuck = { kind: 'job-stuck', match: '_merge_' };
    await fetch(`${service.bigquery.url}/emulator/faults`, { method: 'POST', body: JSON.stringify(stuck) });
    const id = await tickAndLeave('2023-03-20T00:10:00Z');
    const merge = service.client.job(`sync_${id.replaceAll('-', '')}_merge_1`, { location: service.bigquery.location });
    await waitUntil(async () => (await merge.exists())[0]);
    expect((await post('cancel', id)).status).toBe(200);
    await waitUntil(workerStopped);
    expect((await service.call('handle_importing_job', { wait: '2' })).text).toContain('Account is running.');
    expect(await runId()).not.toBe(id);
    expect((await service.client.getJobs())[0].filter((each) => each.id!.includes('_merge_'))).toHaveLength(1);
    await merge.cancel();
    expect((await service.tickAt('2023-03-20T00:20:00Z')).text).toMatch(/^OK/);
    await expectWholeTable(service);
  });

  test('a run just before its MERGE keeps the MERGE from being requested', async () => {
    let target = '';
    const gateway = await startGateway(() => target);
    await start({
      beforeBigQuery: async (url) => {
        target = url;
        return gateway.url;
      },
    });
    const failing = { kind: 'job-failed', reason: 'jobBackendError', atOnce: true, match: '_merge_' };
    await fetch(`${service.bigquery.url}/emulator/faults`, { method: 'POST', body: JSON.stringify(failing) });
    const merges = (): number => gateway.calls.filter(({ method, body }) => method === 'POST' && body.includes('"MERGE ')).length;
    let cancelled: Answer | undefined;
    // The next attempt finds everything counted, and only looks up the target table before its MERGE.
    gateway.handler = async ({ method, url }, pass) => {
      const isLookup = method === 'GET' && url.includes('/salesforce/tables/Account?');
      if (isLookup && merges() === 1) cancelled ??= await post('cancel', await runId());
      return await pass();
    };
    await tickAndLeave('2023-03-20T00:10:00Z');
    await waitUntil(workerStopped);
    expect(cancelled).toMatchObject({ status: 200 });
    expect(merges()).toBe(1);
    expect(await service.rows('SELECT Id FROM salesforce.Account')).toEqual([]);
    expect((await service.tickAt('2023-03-20T00:20:00Z')).text).toMatch(/^OK: /);
    await expectWholeTable(service);
    await gateway.close();
  });

  test('a run between two tries of its MERGE keeps the second from being requested', async () => {
    await start({ limits: { retryMs: 4_000 } });
    const failing = { kind: 'job-failed', reason: 'jobBackendError', match: '_merge_' };
    await fetch(`${service.bigquery.url}/emulator/faults`, { method: 'POST', body: JSON.stringify(failing) });
    const id = await tickAndLeave('2023-03-20T00:10:00Z');
    await waitUntil(() => count('SELECT FROM runs WHERE merge_try = 2'));
    expect((await post('cancel', id)).status).toBe(200);
    await waitUntil(workerStopped);
    expect((await service.client.getJobs())[0].filter((each) => each.id!.includes('_merge_'))).toHaveLength(1);
    expect(await service.rows('SELECT Id FROM salesforce.Account')).toEqual([]);
    expect((await service.tickAt('2023-03-20T00:20:00Z')).text).toMatch(/^OK: /);
    await expectWholeTable(service);
  });

  test('a run whose worker then fails for another reason is not logged as unsettled', async () => {
    let target = '';
    const gateway = await startGateway(() => target);
    await start({
      beforeBigQuery: async (url) => {
        target = url;
        return gateway.url;
      },
    });
    let cancelled: Answer | undefined;
    gateway.handler = async ({ method, url }, pass) => {
      if (cancelled || method !== 'GET' || !url.includes('/salesforce/tables/Account?')) return await pass();
      cancelled = await post('cancel', await runId());
      return { ...(await pass()), status: 403, body: '{"error": {"code": 403, "message": "no", "errors": [{"reason": "accessDenied"}]}}' };
    };
    const id = await tickAndLeave('2023-03-20T00:10:00Z');
    await waitUntil(() => logged('run_interrupted').length);
    await service.stopWorker();
    expect(cancelled).toMatchObject({ status: 200 });
    expect(logged('run_interrupted')).toMatchObject([{ run: id, error_code: 'bigquery_refused' }]);
    expect(logged('run_not_settled')).toEqual([]);
    expect(logged('run_failed')).toEqual([]);
    expect(await job()).toMatchObject({ run: { id, state: 'cancelled' } });
    await gateway.close();
  });

  test('a queued run ends it; the next tick starts another', async () => {
    await start({ worker: false });
    const id = await tickAndLeave('2023-03-20T00:10:00Z');
    expect(await post('cancel', id.toUpperCase())).toMatchObject({ status: 200, run: { id, state: 'cancelled' } });
    expect(logged('run_cancelled_by_request')).toMatchObject([{ run: id }]);
    expect(await post('cancel', id)).toMatchObject({ status: 409, code: 'conflict', text: expect.stringContaining('(cancelled)') });
    service.startWorker();
    await sleep(200);
    expect(await job()).toMatchObject({ last_date: '2023-03-01', state: 'unfinished', run: { id, state: 'cancelled' } });
    expect((await service.tickAt('2023-03-20T00:20:00Z')).text).toMatch(/^OK: /);
    await expectWholeTable(service);
    const succeeded = await runId();
    expect(await post('cancel', succeeded)).toMatchObject({ status: 409, text: expect.stringContaining('(succeeded)') });
  });
});

test('cancelling a run of a paused job does not promise that the next tick starts again', async () => {
  await start({ worker: false });
  const id = await tickAndLeave('2023-03-20T00:10:00Z');
  await claimRun(service.database.pool, 60, 1);
  await service.call('pause_importing_job', fields);
  const { run } = await post('cancel', id);
  expect(run.error!.message).toBe('Cancelled by request (local). Once the job is resumed, the next tick starts again from last_date.');
});

describe('retrying', () => {
  /** Ticks, and waits until the run has failed once and waits for ten minutes. */
  async function backOff(): Promise<string> {
    await start({ limits: { retryMs: 600_000 } });
    service.salesforce.faults.arm({ kind: 'http', times: 20, match: { path: '/query' } });
    const id = await tickAndLeave('2023-03-20T00:10:00Z');
    await waitUntil(async () => (await job()).run!.failures === 1);
    service.salesforce.faults.clear();
    expect(await job()).toMatchObject({ state: 'deferred', run: { id, state: 'queued' } });
    return id;
  }

  test('a run that backs off lets it finish without waiting', async () => {
    const id = await backOff();
    const { status, run } = await post('retry', id);
    expect(status).toBe(200);
    expect(run).toMatchObject({ id, object_name: 'Account', failures: 1, error: { code: 'salesforce_unavailable' } });
    expect(run.actions).toEqual([{ action: 'retry', by: 'local', at: expect.any(String) }]);
    expect(Date.parse(run.run_at)).toBeLessThanOrEqual(Date.now());
    expect((await service.call('handle_importing_job', { wait: '50' })).text).toMatch(/^OK: /);
    await expectWholeTable(service);
    expect(logged('run_retry_requested')).toMatchObject([{ run: id, due_run: id, object: 'Account', by: 'local' }]);
    expect(await post('retry', id)).toMatchObject({ status: 409, text: expect.stringContaining('complete through 2023-03-20') });
  });

  test('is also what a tick of just this job does, but not a tick of all', async () => {
    const id = await backOff();
    expect((await service.call('handle_importing_job', { wait: '1' })).text).toContain('Account is deferred');
    const { user_id } = fields;
    expect((await service.call('handle_importing_job', { user_id, wait: '1' })).text).toContain('Account is deferred');
    expect(await job()).toMatchObject({ run: { id, failures: 1 } });
    expect((await service.call('handle_importing_job', { ...fields, wait: '50' })).text).toMatch(/^OK: /);
    expect(await runId()).toBe(id);
    expect(logged('run_retry_requested')).toHaveLength(1);
  });

  test('is not what a tick with the key of the schedule does', async () => {
    const id = await backOff();
    const sha256 = createHash('sha256').update('tick-key').digest('hex');
    const keyed = await startService({
      local: true,
      worker: false,
      env: { API_KEYS: `clock:tick:${sha256}`, DATABASE_URL: service.database.url },
    });
    const headers = { authorization: 'Bearer tick-key' };
    const answer = await fetch(`${keyed.url}/handle_importing_job`, { method: 'POST', headers, body: new URLSearchParams(fields) });
    await keyed[Symbol.asyncDispose]();
    expect(answer.status).toBe(200);
    expect(await job()).toMatchObject({ state: 'deferred', run: { id } });
  });

  test('a failed or cancelled run queues the next one from last_date', async () => {
    await start({ worker: false });
    const first = await tickAndLeave('2023-03-20T00:10:00Z');
    await failRun(service.database.pool, (await claimRun(service.database.pool, 60, 1))!, 20, { code: 'internal', message: 'no' });
    const second = await post('retry', first.toUpperCase());
    expect(second).toMatchObject({ status: 200, run: { from: '2023-03-01', to: '2023-03-20', state: 'queued', failures: 0, error: null } });
    expect(second.run.id).not.toBe(first);
    expect(logged('run_retry_requested')).toMatchObject([{ run: first, due_run: second.run.id }]);
    expect(await post('retry', first)).toMatchObject({ status: 409, text: expect.stringContaining('Another run') });
    await post('cancel', second.run.id);
    const third = await post('retry', second.run.id);
    expect(third).toMatchObject({ status: 200, run: { state: 'queued' } });
    // Due already.
    expect(await post('retry', third.run.id)).toMatchObject({ status: 200, run: { id: third.run.id } });
    service.startWorker();
    await waitUntil(async () => (await job()).run!.state === 'succeeded');
    await expectWholeTable(service);
    expect(await post('retry', first)).toMatchObject({ status: 409, text: expect.stringContaining('has been imported') });
  });

  test('is refused while the run runs, needs a login, or waits for Salesforce to commit, or its job is paused', async () => {
    await start({ worker: false });
    const id = await tickAndLeave('2023-03-20T00:01:00Z');
    const early = await post('retry', id);
    expect(early).toMatchObject({ status: 409, code: 'conflict' });
    expect(early.text).toMatch(/starts by itself at .* UTC: until then, Salesforce may still commit/);
    await service.database.pool.query(`UPDATE connections SET status = 'needs_login'`);
    expect(await post('retry', id)).toMatchObject({ status: 409, code: 'needs_login' });
    await service.database.pool.query(`UPDATE connections SET status = 'active'; UPDATE runs SET run_at = now()`);
    const run = (await claimRun(service.database.pool, 60, 1))!;
    expect(await post('retry', id)).toMatchObject({ status: 409, code: 'conflict', text: expect.stringContaining('already running') });
    await service.call('pause_importing_job', fields);
    await failRun(service.database.pool, run, 20, { code: 'internal', message: 'no' });
    expect(await post('retry', id)).toMatchObject({ status: 409, text: expect.stringContaining('resume_importing_job') });
  });
});

test('a run shows its state by its id, also after later runs', async () => {
  await start({ worker: false });
  const id = await tickAndLeave('2023-03-20T00:10:00Z');
  const path = `v1/runs/${id}`;
  expect(JSON.parse((await service.call(path)).text)).toMatchObject({
    id,
    ...fields,
    state: 'queued',
    error: null,
    receipt: null,
    worker: null,
    version: null,
  });
  await succeedRun(service.database.pool, (await claimRun(service.database.pool, 60, 1))!, { verdict: 'exact' });
  await tickAndLeave('2023-03-21T00:10:00Z');
  const ended = { state: 'succeeded', receipt: { verdict: 'exact' }, worker: CLAIMANT.host, version: CLAIMANT.version };
  expect(JSON.parse((await service.call(path)).text)).toMatchObject({ id, ...ended });
  expect(JSON.parse((await service.call('v1/runs?state=succeeded')).text)).toMatchObject({ runs: [{ id, ...ended }] });
});
