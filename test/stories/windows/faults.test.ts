import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Limits } from '../../../app/core/connections/limits.ts';
import type { Fault } from '../../../app/local/emulators/salesforce/faults.ts';
import { claimRun } from '../../support/claim-run.ts';
import { requestsDuring } from '../../support/requests.ts';
import { type JobView, startService, type TestService } from '../../support/service.ts';
import { dueRecords } from '../../support/whole-table.ts';

/** What goes wrong on the way, and what an operator then sees. Every test ends with the table held against the org. */
let service: TestService;

async function start(limits: Partial<Limits>): Promise<void> {
  service = await startService({ limits });
  const userId = await service.connect();
  await service.call('create_importing_job', { user_id: userId, object_name: 'Task', start_date: '2023-03-01' });
}

/** Small enough that the few rows of these windows are read by Bulk, in many pages. */
const BULK = { restRows: 0, firstPageRows: 10, pageTextBytes: 5_000 };

afterEach(() => service[Symbol.asyncDispose]());

const TICK = '2023-03-20T00:10:00Z';

async function salesforceFault(fault: Partial<Fault>): Promise<void> {
  await armFault(`${service.salesforce.instanceUrl}/emulator/faults`, fault);
}

async function bigqueryFault(fault: object): Promise<void> {
  await armFault(`${service.bigquery.url}/emulator/faults`, fault);
}

async function armFault(url: string, fault: object): Promise<void> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(fault), headers: { 'content-type': 'application/json' } });
  expect(response.status).toBeLessThan(300);
}

async function job(): Promise<JobView> {
  return (await service.jobs())[0]!;
}

async function expectComplete(): Promise<void> {
  const expected = dueRecords(service, 'Task');
  const rows = await service.rows('SELECT Id, SystemModstamp FROM salesforce.Task');
  expect(rows.map((row) => row.Id).sort()).toEqual(expected.map((record) => record.Id).sort());
  expect((await job()).last_date).toBe('2023-03-20');
  expect((await job()).run!.receipt!.staged).toBe(expected.length);
}

describe('Salesforce by REST', () => {
  beforeEach(() => start({}));

  const slices = async (): Promise<object[]> => (await service.database.pool.query('SELECT method, generation FROM slices')).rows;

  test('reads a small window without Bulk', async () => {
    await salesforceFault({ kind: 'http', status: 500, times: 1000, match: { path: '/jobs/query' } });
    await service.tickAt(TICK);
    await expectComplete();
    expect(await slices()).toEqual([{ method: 'rest', generation: 1 }]);
  });

  test('a page that breaks off twice is reported as salesforce_unavailable', async () => {
    await salesforceFault({ kind: 'cut-body', match: { path: 'queryAll?q=SELECT%20Id' }, times: 2 });
    await service.tickAt(TICK);
    await expectComplete();
    expect(service.logged.join('')).toContain('"error_code":"salesforce_unavailable"');
  });

  test('a run fails if neither REST nor Bulk reads even the smallest slice', async () => {
    const headers = { 'content-type': 'application/json' };
    const tooLarge = JSON.stringify([{ errorCode: 'QUERY_TIMEOUT', message: 'too long' }]);
    const refused = JSON.stringify([{ errorCode: 'INVALIDENTITY', message: "Entity 'Task' is not supported by the Bulk API." }]);
    await salesforceFault({ kind: 'http', times: 1000, status: 400, headers, body: tooLarge, match: { path: 'queryAll?q=SELECT%20Id' } });
    await salesforceFault({
      kind: 'http',
      times: 1000,
      status: 400,
      headers,
      body: refused,
      match: { method: 'POST', path: '/jobs/query' },
    });
    const answer = await service.tickAt(TICK);
    expect(answer).toMatchObject({ status: 200, text: expect.stringMatching(/^Not complete: .* salesforce_refused: /s) });
    expect(answer.text).toMatch(/Neither REST .*QUERY_TIMEOUT.* nor Bulk .*INVALIDENTITY/);
    expect(await job()).toMatchObject({ last_date: '2023-03-01', run: { state: 'failed' } });
  });

  test('restarts a slice whose upload session expired', async () => {
    await bigqueryFault({ kind: 'session-expired' });
    await service.tickAt(TICK);
    await expectComplete();
    expect(await slices()).toEqual([{ method: 'rest', generation: 2 }]);
  });

  test('a query whose locator expired is restarted', async () => {
    await service[Symbol.asyncDispose]();
    service = await startService({ salesforce: { rows: { Task: 2_100 } } });
    const userId = await service.connect();
    await service.call('create_importing_job', { user_id: userId, object_name: 'Task', start_date: 'all' });
    const body = '[{"errorCode":"INVALID_QUERY_LOCATOR","message":"invalid query locator"}]';
    await salesforceFault({ kind: 'http', status: 400, body, headers: { 'content-type': 'application/json' }, match: { path: '/query/' } });
    expect(await service.tickAt(TICK)).toMatchObject({ text: expect.stringMatching(/^OK: /) });
    expect(await slices()).toEqual([{ method: 'rest', generation: 2 }]);
    expect(await service.rows('SELECT COUNT(*) AS n FROM salesforce.Task')).toEqual([{ n: (await job()).run!.receipt.staged }]);
  });

  test('an empty window costs one Salesforce call, one table lookup and no BigQuery job', async () => {
    await service.tickAt(TICK);
    const { org, clock } = service.salesforce;
    clock.set(new Date('2023-03-21T00:10:00Z'));
    for (const record of [...org.records('Task')]) {
      if (String(record.SystemModstamp) >= '2023-03-19T23:50:00') org.purge('Task', String(record.Id));
    }
    const [jobsBefore, all] = [await bigqueryJobs(), await requestsDuring(() => service.tickAt('2023-03-21T00:10:00Z'))];
    const calls = all.filter((request) => request.includes(' /services/data/'));
    expect(all.filter((url) => /\/tables\/Task(\?|$)/.test(url))).toHaveLength(1);
    expect(await job()).toMatchObject({ last_date: '2023-03-21', run: { receipt: { staged: 0, verdict: 'exact' } } });
    expect(calls).toHaveLength(1);
    expect(await bigqueryJobs()).toBe(jobsBefore);
  });
});

async function bigqueryJobs(): Promise<number> {
  const [jobs] = await service.client.getJobs({ allUsers: true });
  return jobs.length;
}

describe('Salesforce by Bulk', () => {
  beforeEach(() => start(BULK));

  test.each(['cut-page', 'missing-locator', '401-mid-download'] as const)('a page that breaks off (%s) is fetched again', async (kind) => {
    await salesforceFault({ kind });
    await service.tickAt(TICK);
    await expectComplete();
  });

  test.each(['job-failed', 'job-vanished'] as const)('a Bulk job that does not complete (%s) is created again', async (kind) => {
    await salesforceFault({ kind });
    await service.tickAt(TICK);
    await expectComplete();
    const { rows } = await service.database.pool.query('SELECT generation FROM slices');
    expect(rows).toEqual([{ generation: 2 }]);
  });

  test('a page with a wrong row count makes its slice repeat', async () => {
    await salesforceFault({ kind: 'wrong-count' });
    await service.tickAt(TICK);
    await expectComplete();
    expect(service.logged.join('')).toContain('slice_repeated');
  });

  test('counts that never agree fail the run: last_date stays, nothing is merged', async () => {
    await salesforceFault({ kind: 'wrong-count', times: 1000 });
    expect(await service.tickAt(TICK)).toMatchObject({ status: 200, text: expect.stringMatching(/^Not complete: .* count_mismatch: /s) });
    expect(await job()).toMatchObject({ last_date: '2023-03-01', run: { state: 'failed', error: { code: 'count_mismatch' } } });
    const { rows } = await service.database.pool.query<{ run: string; job: string }>('SELECT id AS run, job_id AS job FROM runs');
    const window = { from: '2023-03-01T00:00:00.000Z', to: '2023-03-20T00:00:00.000Z' };
    expect(logged('run_failed')).toMatchObject([
      { ...rows[0], level: 'error', object: 'Task', window, failures: expect.any(Number), error_code: 'count_mismatch' },
    ]);
    await expect(service.rows('SELECT Id FROM salesforce.Task')).rejects.toThrow(/Not found/);
    await fetch(`${service.salesforce.instanceUrl}/emulator/faults`, { method: 'DELETE' });
    await service.tickAt('2023-03-20T00:20:00Z');
    await expectComplete();
  });

  test('a stalled page is fetched again', async () => {
    await service[Symbol.asyncDispose]();
    await start({ ...BULK, idleMs: 300 });
    await salesforceFault({ kind: 'stall-page' });
    await service.tickAt(TICK);
    await expectComplete();
  });

  test('many pages are each loaded once', async () => {
    await service.tickAt(TICK);
    await expectComplete();
    const { rows } = await service.database.pool.query<{ rows: number; loaded: number }>('SELECT rows, loaded FROM pages ORDER BY number');
    expect(rows.length).toBeGreaterThan(5);
    expect(rows.map((page) => page.loaded)).toEqual(rows.map((page) => page.rows));
  });

  test('a resumed run keeps the page size', async () => {
    await service[Symbol.asyncDispose]();
    await start({ ...BULK, firstPageRows: 3 });
    await salesforceFault({ kind: 'http', status: 503, match: { path: 'locator=' } });
    await service.tickAt(TICK);
    await expectComplete();
    expect(service.logged.join('')).toContain('run_interrupted');
    const { rows: pages } = await service.database.pool.query<{ rows: number }>('SELECT rows FROM pages ORDER BY number');
    const wide = pages.slice(1, -1).map(({ rows }) => rows);
    expect(wide.length).toBeGreaterThan(2);
    expect(new Set(wide).size).toBe(1);
    expect(wide[0]).toBeGreaterThan(3);
  });

  test.each([
    ['locator expired', 400, 'INVALID_QUERY_LOCATOR', 'locator='],
    ['job belongs to another API version', 409, 'API_ERROR', '/results'],
  ])('results whose %s are requested again', async (_why, status, code, path) => {
    const body = JSON.stringify([{ errorCode: code, message: 'refused' }]);
    await salesforceFault({ kind: 'http', status, body, headers: { 'content-type': 'application/json' }, match: { path } });
    await service.tickAt(TICK);
    await expectComplete();
    expect(service.logged.join('')).not.toContain('run_interrupted');
  });

  test('a session that expires between two calls is renewed once', async () => {
    service.salesforce.clock.set(new Date(TICK));
    await fetch(`${service.salesforce.instanceUrl}/emulator/sessions/expire`, { method: 'POST' });
    const all = await requestsDuring(() => service.tickAt(TICK));
    await expectComplete();
    expect(all.filter((request) => request.includes(' /services/oauth2/token'))).toHaveLength(1);
  });

  test('a Bulk job that vanishes while its pages are read is created again', async () => {
    const body = '[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]';
    const headers = { 'content-type': 'application/json' };
    await salesforceFault({ kind: 'http', status: 404, body, headers, match: { path: '/results' } });
    await service.tickAt(TICK);
    await expectComplete();
  });

  test('a Bulk job that times out is cut in two', async () => {
    await salesforceFault({ kind: 'job-failed', errorMessage: 'QUERY_TIMEOUT: Your query request was running for too long.' });
    await service.tickAt(TICK);
    await expectComplete();
    const { rows } = await service.database.pool.query('SELECT open FROM slices ORDER BY cursor_from');
    expect(rows).toEqual([{ open: false }, { open: true }]);
  });

  test('a Bulk job that fails twice without a reason is cut in two', async () => {
    await salesforceFault({ kind: 'job-failed', times: 2 });
    await service.tickAt(TICK);
    await expectComplete();
    expect((await service.database.pool.query('SELECT FROM slices')).rowCount).toBe(2);
  });

  test('a Bulk job that times out after another vanished is still cut', async () => {
    await salesforceFault({ kind: 'job-vanished' });
    await salesforceFault({ kind: 'job-failed', errorMessage: 'QUERY_TIMEOUT: Your query request was running for too long.' });
    await service.tickAt(TICK);
    await expectComplete();
    expect(service.logged.join('')).not.toContain('lease_lost');
  });

  test('a Bulk job that never ends is aborted and cut in two', async () => {
    await service[Symbol.asyncDispose]();
    await start({ ...BULK, bulkJobMs: 1_000 });
    await salesforceFault({ kind: 'job-stuck' });
    await service.tickAt(TICK);
    await expectComplete();
    expect((await service.database.pool.query('SELECT FROM slices')).rowCount).toBe(2);
  });

  test('a Bulk job that completes just before its time limit is used', async () => {
    await service[Symbol.asyncDispose]();
    await start({ ...BULK, bulkJobMs: 0 });
    await service.tickAt(TICK);
    await expectComplete();
  });

  test('a REST query without a response is read by Bulk, and the receipt says "not counted"', async () => {
    await service[Symbol.asyncDispose]();
    await start({ idleMs: 400 });
    await salesforceFault({ kind: 'stall', match: { path: '/queryAll' }, times: 4 });
    await service.tickAt(TICK);
    await expectComplete();
    expect((await job()).run!.receipt).toMatchObject({
      verdict: 'not counted',
      methods: ['bulk: too large for REST (no response in time)'],
    });
  });

  test('a silent org blocks neither its run nor shutdown', async () => {
    await service[Symbol.asyncDispose]();
    await start({ ...BULK, idleMs: 300 });
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    await service.database.pool.query('UPDATE connections SET instance_url = $1', [`http://127.0.0.1:${port}`]);
    service.salesforce.clock.set(new Date(TICK));
    await service.call('handle_importing_job');
    await waitUntil(async () => (await job()).run!.failures > 0);
    expect(await job()).toMatchObject({ last_date: '2023-03-01', run: { error: { code: 'salesforce_unavailable' } } });
    await service.stopWorker();
    silent.close();
    silent.closeAllConnections();
  });

  test('an org that is briefly unavailable delays the run', async () => {
    await salesforceFault({ kind: 'http', status: 503, match: { method: 'POST', path: '/jobs/query' } });
    await service.tickAt(TICK);
    await expectComplete();
  });
});

describe('BigQuery', () => {
  beforeEach(() => start(BULK));

  test.each(['upload-cut', 'partial-chunk', 'session-expired', 'lost-final-answer', 'job-failed', 'slow-visible'])(
    'data arrives completely and once despite %s',
    async (kind) => {
      await bigqueryFault({ kind });
      await service.tickAt(TICK);
      await expectComplete();
    },
  );

  test('an upload refused by a transient error starts again', async () => {
    await bigqueryFault({ kind: 'http', status: 503, reason: 'backendError', match: 'POST /upload/' });
    await service.tickAt(TICK);
    await expectComplete();
  });

  test('a load job that does not see its new staging table yet is retried', async () => {
    await bigqueryFault({ kind: 'job-failed', reason: 'notFound', message: 'Not found: Table', match: '_load_' });
    await service.tickAt(TICK);
    await expectComplete();
  });

  test.each(['load', 'delta', 'merge'])('a %s job that fails by a transient error is retried under another id', async (step) => {
    await bigqueryFault({ kind: 'job-failed', match: `_${step}_` });
    await service.tickAt(TICK);
    await expectComplete();
  });
});

describe('the target table', () => {
  beforeEach(() => start(BULK));

  test('stops the job if it was dropped or replaced, until it is restored', async () => {
    await service.tickAt(TICK);
    const dataset = service.client.dataset('salesforce');
    const [{ labels }] = (await dataset.table('Task').getMetadata()) as [{ labels: Record<string, string> }, unknown];
    await service.rows('CREATE TABLE salesforce.saved AS SELECT * FROM salesforce.Task');
    await dataset.table('Task').delete();
    expect(await service.tickAt('2023-03-21T00:10:00Z')).toMatchObject({
      status: 200,
      text: expect.stringMatching(/^Not complete: .* target_replaced: /s),
    });
    await service.rows('CREATE TABLE salesforce.Task AS SELECT * FROM salesforce.saved');
    expect(await service.tickAt('2023-03-21T00:20:00Z')).toMatchObject({
      status: 200,
      text: expect.stringMatching(/^Not complete: .* target_replaced: /s),
    });
    expect(await job()).toMatchObject({ last_date: '2023-03-20', run: { state: 'failed' } });
    await dataset.table('Task').setMetadata({ labels });
    expect(await service.tickAt('2023-03-21T00:30:00Z')).toMatchObject({ text: expect.stringMatching(/^OK: /) });
    expect(await job()).toMatchObject({ last_date: '2023-03-21' });
  });

  test('is checked even by a window without rows', async () => {
    await service.tickAt(TICK);
    await service.client.dataset('salesforce').table('Task').delete();
    service.salesforce.clock.set(new Date('2023-03-21T00:10:00Z'));
    for (const record of [...service.salesforce.org.records('Task')]) service.salesforce.org.purge('Task', String(record.Id));
    expect(await service.tickAt('2023-03-21T00:10:00Z')).toMatchObject({
      status: 200,
      text: expect.stringMatching(/^Not complete: .* target_replaced: /s),
    });
  });

  test('is not written if another owner created it', async () => {
    await service.client.dataset('salesforce').createTable('Task', { schema: [{ name: 'Id', type: 'STRING' }] });
    expect(await service.tickAt(TICK)).toMatchObject({ status: 200, text: expect.stringMatching(/^Not complete: .* target_replaced: /s) });
    expect(await service.rows('SELECT Id FROM salesforce.Task')).toEqual([]);
  });
});

describe('a worker', () => {
  beforeEach(() => start(BULK));

  test('that stops releases its run, and the next one resumes it', async () => {
    await salesforceFault({ kind: 'job-stuck' });
    service.salesforce.clock.set(new Date(TICK));
    await service.call('handle_importing_job');
    await waitUntil(async () => (await service.database.pool.query('SELECT FROM slices WHERE bulk_job_id IS NOT NULL')).rowCount === 1);
    await service.stopWorker();
    expect(await job()).toMatchObject({ last_date: '2023-03-01', run: { state: 'queued' } });
    // The run waits for the Bulk job that it created. The job is stuck, so an admin aborts it.
    const { rows } = await service.database.pool.query<{ bulk_job_id: string }>('SELECT bulk_job_id FROM slices');
    service.startWorker();
    await waitUntil(async () => (await job()).run!.state === 'running');
    const connection = await connectionOf(service);
    await fetch(`${connection.instanceUrl}/services/data/v66.0/jobs/query/${rows[0]!.bulk_job_id}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${connection.accessToken}`, 'content-type': 'application/json' },
      body: '{"state":"Aborted"}',
    });
    await service.tickAt(TICK);
    await expectComplete();
  });
});

describe('a pause', () => {
  beforeEach(() => start(BULK));

  const fields = async (): Promise<Record<string, string>> => {
    const { rows } = await service.database.pool.query<{ url: string }>('SELECT identity_url AS url FROM connections');
    return { user_id: rows[0]!.url, object_name: 'Task' };
  };
  const endOfRun = async (): Promise<object> => {
    const { rows } = await service.database.pool.query<{ run: string; job: string }>(
      `SELECT id AS run, job_id AS job FROM runs WHERE state = 'cancelled'`,
    );
    return { ...rows[0]!, level: 'info', object: 'Task' };
  };

  test('cancels and logs a queued run', async () => {
    await service.stopWorker();
    service.salesforce.clock.set(new Date(TICK));
    await service.call('handle_importing_job');
    await service.call('pause_importing_job', await fields());
    expect(logged('run_cancelled')).toMatchObject([await endOfRun()]);
  });

  test('cancels and logs a running run once its worker stops', async () => {
    await salesforceFault({ kind: 'job-stuck' });
    service.salesforce.clock.set(new Date(TICK));
    await service.call('handle_importing_job');
    await waitUntil(async () => (await service.database.pool.query('SELECT FROM slices WHERE bulk_job_id IS NOT NULL')).rowCount === 1);
    await service.call('pause_importing_job', await fields());
    expect(logged('run_cancelled')).toEqual([]);
    await service.stopWorker();
    expect(logged('run_cancelled')).toMatchObject([await endOfRun()]);
  });

  test('that ended cancels and logs the run of a dead worker', async () => {
    await service.stopWorker();
    service.salesforce.clock.set(new Date(TICK));
    await service.call('handle_importing_job');
    await claimRun(service.database.pool, -1, 1);
    await service.call('pause_importing_job', await fields());
    await service.call('resume_importing_job', await fields());
    expect(logged('run_cancelled')).toMatchObject([await endOfRun()]);
  });
});

/** What was logged of an event. */
function logged(event: string): Record<string, unknown>[] {
  return service.logged.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line.event === event);
}

async function connectionOf(from: TestService): Promise<{ accessToken: string; instanceUrl: string }> {
  const { readAccessToken } = await import('../../../app/store/connections/connections.ts');
  const { rows } = await from.database.pool.query<{ id: number }>('SELECT id FROM connections');
  return await readAccessToken(from.database.pool, from.context.sealer, rows[0]!.id);
}

async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}
