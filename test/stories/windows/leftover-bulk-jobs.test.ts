import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readAccessToken } from '../../../app/store/connections/connections.ts';
import { startService, type TestService } from '../../support/service.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** What becomes of the Bulk jobs that no run needs. */
let service: TestService;

beforeEach(async () => {
  service = await startService({ limits: { restRows: 0, noProgressMs: 1_000, retryMs: 60_000 } });
  const user_id = await service.connect();
  await service.call('create_importing_job', { user_id, object_name: 'Account', start_date: '2023-03-01' });
});
afterEach(() => service[Symbol.asyncDispose]());

const TICK = '2023-03-20T00:10:00Z';
const PATH = '/services/data/v66.0/jobs/query';

async function salesforce(path: string, init: RequestInit = {}): Promise<Response> {
  const { database, sealer } = service.context;
  const { rows } = await database.query<{ id: number }>('SELECT id FROM connections');
  const { instanceUrl, accessToken } = await readAccessToken(database, sealer, rows[0]!.id);
  const headers = { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' };
  return await fetch(`${instanceUrl}${path}`, { ...init, headers });
}

/** The Bulk jobs in Salesforce. */
async function bulkJobs(): Promise<string[]> {
  const { records } = (await (await salesforce(PATH)).json()) as { records: { id: string }[] };
  return records.map(({ id }) => id);
}

/** The Bulk jobs that the job store still knows. */
async function known(): Promise<string[]> {
  return (await service.database.pool.query<{ id: string }>('SELECT id FROM bulk_jobs')).rows.map(({ id }) => id);
}

async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}

/** A window that waits for a Bulk job which does not finish. @returns the Bulk job's id */
async function startStuckWindow(): Promise<string> {
  service.salesforce.faults.arm({ kind: 'job-stuck' });
  service.salesforce.clock.set(new Date(TICK));
  await service.call('handle_importing_job');
  await waitUntil(async () => (await known()).length === 1);
  return (await known())[0]!;
}

/** Cancels the window, and stops its worker, which deletes nothing any more. */
async function cancelWindow(): Promise<void> {
  const { run } = (await service.jobs())[0]!;
  await service.stopWorker();
  expect((await fetch(`${service.url}/v1/runs/${run!.id}/cancel`, { method: 'POST' })).status).toBe(200);
}

test('the running job of a cancelled run is aborted and deleted, and jobs of other clients are left alone', async () => {
  const own = await startStuckWindow();
  service.salesforce.faults.arm({ kind: 'job-stuck' });
  const body = JSON.stringify({ operation: 'queryAll', query: 'SELECT Id FROM Account' });
  const { id: foreign } = (await (await salesforce(PATH, { method: 'POST', body })).json()) as { id: string };
  expect((await bulkJobs()).sort()).toEqual([own, foreign].sort());
  await cancelWindow();
  service.startWorker();
  await waitUntil(async () => (await known()).length === 0);
  expect(await bulkJobs()).toEqual([foreign]);
});

test('the job of a run that is open is kept', async () => {
  const own = await startStuckWindow();
  await service.stopWorker();
  service.startWorker();
  await sleep(300);
  expect(await known()).toEqual([own]);
  expect(await bulkJobs()).toEqual([own]);
});

test('the job of a generation that was abandoned is deleted; Salesforce deletes the one that was used', async () => {
  service.salesforce.faults.arm({ kind: 'wrong-count' });
  expect((await service.tickAt(TICK)).text).toMatch(/^OK/);
  await waitUntil(async () => (await known()).length === 0);
  const { rows } = await service.database.pool.query<{ id: string }>('SELECT bulk_job_id AS id FROM slices');
  expect(await bulkJobs()).toEqual([rows[0]!.id]);
  await expectWholeTable(service);
});

test('a job that was deleted before its process died is forgotten', async () => {
  const own = await startStuckWindow();
  await cancelWindow();
  await salesforce(`${PATH}/${own}`, { method: 'PATCH', body: '{"state":"Aborted"}' });
  expect((await salesforce(`${PATH}/${own}`, { method: 'DELETE' })).status).toBe(204);
  service.startWorker();
  await waitUntil(async () => (await known()).length === 0);
  expect(service.logged.join()).not.toContain('bulk_jobs_not_deleted');
});

test('a job that Salesforce does not delete is reported and retried later', async () => {
  const own = await startStuckWindow();
  await cancelWindow();
  service.salesforce.faults.arm({ kind: 'http', status: 503, match: { method: 'DELETE' } });
  service.startWorker();
  await waitUntil(async () => service.logged.join().includes('bulk_jobs_not_deleted'));
  expect(await known()).toEqual([own]);
  await service.stopWorker();
  await service.database.pool.query('UPDATE bulk_jobs SET delete_at = now()');
  service.startWorker();
  await waitUntil(async () => (await known()).length === 0);
  expect(await bulkJobs()).toEqual([]);
});

test('jobs wait while the org has no calls to spare', async () => {
  const own = await startStuckWindow();
  await cancelWindow();
  await service.context.calls.write();
  await service.database.pool.query('UPDATE org_calls SET used = 95, call_limit = 100, reported_at = now()');
  service.startWorker();
  await waitUntil(async () => (await service.database.pool.query('SELECT FROM bulk_jobs WHERE delete_at > now()')).rowCount === 1);
  await sleep(200);
  expect(await bulkJobs()).toEqual([own]);
});
