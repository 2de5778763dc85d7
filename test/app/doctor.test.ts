import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { doctor } from '../../app/commands/doctor.ts';
import { countOverdue, watchOverdue } from '../../app/sync/watch/watch-overdue.ts';
import { startService, type TestService } from '../support/service.ts';
import { serviceEnvironment } from '../support/service-environment.ts';

let service: TestService;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  service = await startService();
  const { database, salesforce, bigquery } = service;
  env = {
    ...serviceEnvironment(database.url, salesforce, bigquery),
    BIGQUERY_DATASETS: 'salesforce,second',
    API_KEYS: `ops:operate:${'a'.repeat(64)}`,
  };
  await service.connect();
});
afterAll(() => service[Symbol.asyncDispose]());

async function tablesOf(dataset: string): Promise<unknown[]> {
  const [tables] = await service.client.dataset(dataset).getTables();
  return tables.map(({ id }) => id);
}

async function runDoctor(changes: NodeJS.ProcessEnv = {}): Promise<{ code: number; output: string }> {
  const log = jest.spyOn(console, 'log').mockImplementation(() => {});
  try {
    const code = await doctor({ args: [], options: {}, env: { ...env, ...changes }, stop: new AbortController().signal });
    return { code, output: log.mock.calls.join('\n') };
  } finally {
    log.mockRestore();
  }
}

test('the doctor passes a healthy service, and loads and merges one row in BigQuery', async () => {
  const { code, output } = await runDoctor();
  expect(output).toContain('All checks passed.');
  expect(output).toMatch(/BigQuery can load and merge: 1 row loaded, 1 merged/);
  expect(output).toMatch(/tables can be created in every target dataset: salesforce, second\n/);
  expect(await tablesOf('second')).toEqual([]);
  expect(output).toMatch(/every connection can call its org: 1 checked/);
  expect(code).toBe(0);
});

test('the doctor names the target dataset in which no table can be created', async () => {
  const fault = { kind: 'http', reason: 'accessDenied', status: 403, times: 100, match: '/datasets/second/tables' };
  const { url } = service.bigquery;
  await fetch(`${url}/emulator/faults`, { method: 'POST', body: JSON.stringify(fault), headers: { 'content-type': 'application/json' } });
  const { code, output } = await runDoctor();
  await fetch(`${url}/emulator/faults`, { method: 'DELETE' });
  expect(code).toBe(1);
  expect(output).toMatch(/ok {4}the datasets exist in the configured location/);
  expect(output).toMatch(/FAIL {2}tables can be created in every target dataset: .*the table second\./);
});

test('the doctor names the target dataset with default expirations, and how to remove them', async () => {
  await service.client.dataset('second').setMetadata({ defaultTableExpirationMs: String(60 * 86_400_000) });
  const { code, output } = await runDoctor();
  await service.client.dataset('second').setMetadata({ defaultTableExpirationMs: null as unknown as string });
  expect(code).toBe(0);
  expect(output).toMatch(
    /ok {4}the datasets .*; second has a default table expiration of 60 days\. .* bq update .*--default_table_expiration 0 .*:second\n/,
  );
});

test('the doctor reports each failure by itself and shows no secret', async () => {
  const { code, output } = await runDoctor({ SALESFORCE_CLIENT_SECRET: 'not-the-s3cret', BIGQUERY_LOCATION: 'US' });
  expect(code).toBe(1);
  expect(output).toMatch(/ok {4}the job store is reachable/);
  expect(output).toMatch(/FAIL {2}the Salesforce login hosts accept the configured apps: .*SALESFORCE_CLIENT_SECRET/);
  expect(output).toMatch(/FAIL {2}the datasets exist in the configured location: .*BIGQUERY_LOCATION is US\. Set it to EU/);
  expect(output).not.toContain('not-the-s3cret');
});

test('the doctor says that the org lacks the API version, and which one to set', async () => {
  const { code, output } = await runDoctor({ SALESFORCE_API_VERSION: '67.0' });
  expect(code).toBe(1);
  expect(output).toMatch(/FAIL {2}every connection can call its org: http.*\/id\/.*: .* not 67\.0\. Set SALESFORCE_API_VERSION to 66\.0\./);
});

test('a job is overdue hours after its window closed, unless it was paused or created since', async () => {
  const userId = (await service.database.pool.query<{ identity_url: string }>('SELECT identity_url FROM connections')).rows[0]!
    .identity_url;
  const fields = { user_id: userId, object_name: 'Account' };
  await service.call('create_importing_job', { ...fields, start_date: '2023-03-01' });
  service.salesforce.clock.set(new Date('2023-03-02T05:00:00Z'));
  expect(await countOverdue(service.context)).toBe(0);
  service.salesforce.clock.set(new Date('2023-03-02T07:00:00Z'));
  expect(await countOverdue(service.context)).toBe(1);
  await service.tickAt('2023-03-02T07:00:00Z');
  expect(await countOverdue(service.context)).toBe(0);
  service.salesforce.clock.set(new Date('2023-03-09T07:00:00Z'));
  await service.call('pause_importing_job', fields);
  expect(await countOverdue(service.context)).toBe(0);
  await service.call('resume_importing_job', fields);
  expect(await countOverdue(service.context)).toBe(0);
  service.salesforce.clock.set(new Date('2023-03-10T07:00:00Z'));
  expect(await countOverdue(service.context)).toBe(1);
});

test('a job is overdue by the windows of its own interval', async () => {
  const user = await service.database.pool.query<{ identity_url: string }>('SELECT identity_url FROM connections');
  const fields = { user_id: user.rows[0]!.identity_url, start_date: '2023-03-01' };
  await service.tickAt('2023-03-20T00:10:00Z');
  await service.call('create_importing_job', { ...fields, object_name: 'Lead', every: '15m' });
  await service.call('create_importing_job', { ...fields, object_name: 'Contact', every: '12h' });
  const overdueAt = async (time: string): Promise<number> => {
    service.salesforce.clock.set(new Date(time));
    return await countOverdue(service.context);
  };
  // Created at 00:10, so the first windows to close since end at 00:15 and 12:00, and the daily job's at midnight.
  expect(await overdueAt('2023-03-20T06:14:00Z')).toBe(0);
  expect(await overdueAt('2023-03-20T06:16:00Z')).toBe(1);
  expect(await overdueAt('2023-03-20T18:01:00Z')).toBe(2);
  expect(await overdueAt('2023-03-21T06:01:00Z')).toBe(3);
  await service.tickAt('2023-03-21T06:10:00Z');
  expect(await overdueAt('2023-03-21T06:10:00Z')).toBe(0);
});

test('the number of overdue jobs is logged at once and every minute until the watch stops', async () => {
  const countLogged = (): number => service.logged.filter((line) => line.includes('"event":"jobs_overdue"')).length;
  const untilLogged = async (times: number): Promise<void> => {
    // If nothing is ever logged, this fails when the service stops.
    while (countLogged() < times) await service.database.pool.query('SELECT 1');
  };
  const others = ['Date', 'hrtime', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate', 'setTimeout', 'clearTimeout'] as const;
  jest.useFakeTimers({ doNotFake: [...others] });
  try {
    const watch = watchOverdue(service.context);
    await untilLogged(1);
    for (const times of [2, 3]) {
      jest.advanceTimersByTime(60_000);
      await untilLogged(times);
    }
    watch.stop();
    expect(jest.getTimerCount()).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});
