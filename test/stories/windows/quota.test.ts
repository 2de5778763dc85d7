import { afterEach, describe, expect, test } from '@jest/globals';
import { OrgCalls } from '../../../app/store/connections/org-calls.ts';
import { type JobView, startService, type TestService, type TestServiceOptions } from '../../support/service.ts';
import { dueRecords } from '../../support/whole-table.ts';

/** An org's API calls are shared with others, and a run that meets its share waits. Every such test ends with all rows in the table. */
let service: TestService;
let userId: string;

async function start(options: TestServiceOptions): Promise<void> {
  service = await startService(options);
  userId = await service.connect();
  await create('Account');
}
afterEach(() => service[Symbol.asyncDispose]());

async function create(objectName: string): Promise<void> {
  const answer = await service.call('create_importing_job', { user_id: userId, object_name: objectName, start_date: '2023-03-01' });
  expect(answer.text).toBe('OK');
}

const job = async (name = 'Account'): Promise<JobView> => (await service.jobs()).find(({ object_name }) => object_name === name)!;

/** Ticks, and waits until the job's run rests. */
async function tickUntilDeferred(now: string, name = 'Account'): Promise<JobView> {
  service.salesforce.clock.set(new Date(now));
  for (;;) {
    await service.call('handle_importing_job', { wait: '1' });
    const view = await job(name);
    if (view.run?.error && view.run.state === 'queued') return view;
    expect(view.run?.state).not.toBe('succeeded');
  }
}

/** Makes the reported usage old, and deferred runs due. */
async function letTimePass(): Promise<void> {
  await service.context.calls.write();
  await service.database.pool.query(`UPDATE org_calls SET reported_at = reported_at - interval '11 minutes'`);
  await service.database.pool.query(`UPDATE runs SET run_at = now() WHERE state = 'queued'`);
}

async function ours(): Promise<number> {
  await service.context.calls.write();
  const { rows } = await service.database.pool.query<{ calls: number }>('SELECT sum(calls)::int AS calls FROM org_calls');
  return rows[0]!.calls;
}

async function expectComplete(lastDate: string): Promise<void> {
  const expected = dueRecords(service, 'Account', lastDate);
  const rows = await service.rows('SELECT Id FROM salesforce.Account');
  expect(rows.map((row) => row.Id).sort()).toEqual(expected.map((record) => record.Id).sort());
  expect(await job()).toMatchObject({ last_date: lastDate, run: { state: 'succeeded', error: null } });
}

const used = (): number => {
  const { Max, Remaining } = service.salesforce.limits.of('DailyApiRequests');
  return Max - Remaining;
};

const BULK = { restRows: 0, firstPageRows: 10, pageTextBytes: 5_000 };

describe('an org’s API calls', () => {
  test('are counted as Salesforce counts them, across REST, Bulk and processes', async () => {
    await start({ limits: BULK });
    await service.tickAt('2023-03-20T00:10:00Z');
    expect(used()).toBeGreaterThan(8);
    expect(await ours()).toBe(used());
    const other = new OrgCalls(service.database.pool, () => {});
    const { rows } = await service.database.pool.query<{ id: number; org_id: string }>('SELECT id, org_id FROM connections');
    const [{ id, org_id }] = rows as [{ id: number; org_id: string }];
    await Promise.all([1, 2, 3].map(() => other.count(id, undefined)));
    await other.write();
    expect(await service.context.calls.quota(org_id)).toEqual({ ownCalls: used() + 3, reported: { used: used(), limit: 15_000 } });
    await expectComplete('2023-03-20');
  });

  test('older than a day no longer count', async () => {
    await start({});
    await service.tickAt('2023-03-20T00:10:00Z');
    await service.context.calls.write();
    const { rows } = await service.database.pool.query<{ org_id: string }>(
      `UPDATE org_calls SET hour = hour - interval '24 hours' RETURNING org_id`,
    );
    expect(await service.context.calls.quota(rows[0]!.org_id)).toEqual({ ownCalls: 0, reported: undefined });
  });

  test('that reached our share defer a run until they are a day old', async () => {
    await start({ env: { API_SHARE: '0.01' } });
    await service.tickAt('2023-03-20T00:10:00Z');
    await service.context.calls.write();
    await service.database.pool.query('UPDATE org_calls SET calls = 150');
    const before = used();
    const { last_date, run } = await tickUntilDeferred('2023-03-21T00:10:00Z');
    expect(last_date).toBe('2023-03-20');
    expect(run).toMatchObject({ failures: 0, error: { code: 'salesforce_quota' } });
    expect(run!.error!.message).toMatch(/made 150 .*15000 .*share is 150 .*API_SHARE 0.01.*raise API_SHARE/);
    expect(used()).toBe(before);
    const [line] = service.logged.filter((text) => text.includes('run_interrupted'));
    expect(JSON.parse(line!)).toMatchObject({
      recovery: 'defer',
      error_code: 'salesforce_quota',
      error_details: { ours: 150, limit: 15_000, share: 0.01 },
    });
    await service.database.pool.query(`UPDATE org_calls SET hour = hour - interval '24 hours'`);
    await letTimePass();
    await service.tickAt('2023-03-21T00:10:00Z');
    await expectComplete('2023-03-21');
  });

  test('that reach our share during a Bulk job defer it, and nothing is requested twice', async () => {
    await start({ limits: BULK, env: { API_SHARE: '0.01' } });
    service.salesforce.limits.set('DailyApiRequests', { Max: 1_200, Remaining: 1_200 });
    const { run } = await tickUntilDeferred('2023-03-20T00:10:00Z');
    expect(run!.error!.message).toMatch(/share is 12 /);
    const loaded = async (): Promise<string[]> =>
      (
        await service.database.pool.query<{ key: string }>(
          `SELECT number || ' ' || load_try AS key FROM pages WHERE loaded IS NOT NULL ORDER BY 1`,
        )
      ).rows.map(({ key }) => key);
    const first = await loaded();
    expect(first.length).toBeGreaterThan(0);
    service.salesforce.limits.set('DailyApiRequests', { Max: 15_000, Remaining: 15_000 - used() });
    await letTimePass();
    await service.tickAt('2023-03-20T00:10:00Z');
    await expectComplete('2023-03-20');
    expect((await loaded()).length).toBeGreaterThan(first.length);
    expect((await service.database.pool.query('SELECT generation FROM slices')).rows).toEqual([{ generation: 1 }]);
    expect(service.salesforce.limits.of('DailyBulkV2QueryJobs').Remaining).toBe(9_999);
  });

  test('of others above 90 % defer every run, until an occasional probe or an operator’s retry finds calls again', async () => {
    await start({});
    await create('Contact');
    await service.tickAt('2023-03-20T00:10:00Z');
    service.salesforce.limits.set('DailyApiRequests', { Max: 1_000, Remaining: 100 });
    // The usage that was reported yesterday is out of date.
    await letTimePass();
    service.salesforce.clock.set(new Date('2023-03-21T00:10:00Z'));
    await service.stopWorker();
    await service.call('handle_importing_job');
    await service.context.calls.write();
    const { rows } = await service.database.pool.query<{ id: number }>('SELECT id FROM connections');
    await service.context.salesforce(rows[0]!.id).call('ask for the limits', (connection) => connection.limits());
    const before = used();
    service.startWorker();
    const { run } = await tickUntilDeferred('2023-03-21T00:10:00Z');
    expect(run!.error!.message).toMatch(/used 901 of its 1000 .*, \d+ of them by this service/);
    await tickUntilDeferred('2023-03-21T00:10:00Z', 'Contact');
    expect(used()).toBe(before);
    service.salesforce.limits.set('DailyApiRequests', { Max: 1_000, Remaining: 900 });
    expect(await fetch(`${service.url}/v1/runs/${run!.id}/retry`, { method: 'POST' })).toMatchObject({ status: 200 });
    await service.call('handle_importing_job', { wait: '20' });
    await expectComplete('2023-03-21');
    await letTimePass();
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await job('Contact')).toMatchObject({ last_date: '2023-03-21' });
  });
});
