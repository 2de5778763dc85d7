import { get } from 'node:http';
import { afterEach, expect, test } from '@jest/globals';
import { transaction } from '../../../app/store/database.ts';
import { MAX_SERIES, readGauges } from '../../../app/store/gauges.ts';
import { startService, type TestService } from '../../support/service.ts';
import { withPlans } from '../../support/store/job-store.ts';

let service: TestService;

afterEach(() => service[Symbol.asyncDispose]());

async function scrape(headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
  const response = await fetch(`${service.url}/metrics`, { headers });
  return { status: response.status, text: await response.text() };
}

/** The value of a series. */
async function scraped(series: string): Promise<number | undefined> {
  const line = (await scrape()).text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

test('a scraper sees runs, rows, steps, calls, lag and responses', async () => {
  service = await startService();
  const userId = await service.connect();
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });
  await service.tickAt('2023-03-20T00:10:00Z');
  const { receipt } = (await service.jobs())[0]!.run!;
  expect(await scraped('sync_runs_total{kind="window",outcome="succeeded"}')).toBe(1);
  expect(await scraped('sync_rows_total{kind="window"}')).toBe(receipt.processed);
  expect(await scraped('sync_rows_written_total{kind="window"}')).toBe(receipt.inserted);
  expect(await scraped('sync_bytes_total{kind="window"}')).toBe(receipt.bytes);
  expect(await scraped('sync_invalid_values_total{kind="window"}')).toBeGreaterThanOrEqual(0);
  expect(await scraped('sync_load_seconds_count')).toBe(receipt.pages);
  expect(await scraped('sync_merge_seconds_count')).toBe(1);
  expect(await scraped('sync_job_lag_seconds{object="Account",connection="1"}')).toBeGreaterThan(1e8);
  expect(await scraped('sync_http_seconds_count{route="/create_importing_job",method="POST",status="200"}')).toBe(1);
  expect(await scraped('sync_job_store_up')).toBe(1);
  await service.context.calls.write();
  expect(await scraped('sync_salesforce_own_calls{connection="1"}')).toBeGreaterThan(0);
  expect(await scraped('sync_salesforce_call_limit{connection="1"}')).toBeGreaterThan(0);

  await service.stopWorker();
  await service.call('handle_importing_job');
  service.salesforce.clock.set(new Date('2023-03-21T00:10:00Z'));
  await service.call('handle_importing_job');
  expect(await scraped('sync_open_runs{kind="window",state="due"}')).toBe(1);
});

test('a scraper sees runs that are cancelled by request and with their job, by kind, and 0 of what has not happened', async () => {
  service = await startService({ worker: false });
  expect(await scraped('sync_runs_total{kind="sweep",outcome="failed"}')).toBe(0);
  expect(await scraped('sync_rows_written_total{kind="rebuild"}')).toBe(0);
  const userId = await service.connect();
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });
  service.salesforce.clock.set(new Date('2023-03-20T00:10:00Z'));
  await service.call('handle_importing_job');
  const { id, run } = (await service.jobs())[0]!;
  expect((await fetch(`${service.url}/v1/runs/${run!.id}/cancel`, { method: 'POST' })).status).toBe(200);
  expect(await scraped('sync_runs_total{kind="window",outcome="cancelled"}')).toBe(1);
  await service.call('handle_importing_job');
  expect((await fetch(`${service.url}/v1/jobs/${id}?table=keep`, { method: 'DELETE' })).status).toBe(200);
  expect(await scraped('sync_runs_total{kind="window",outcome="cancelled"}')).toBe(2);
  expect(await scraped('sync_runs_total{kind="unknown",outcome="cancelled"}')).toBeUndefined();
});

test('a new job for all rows lags since it was created, until its first window ends', async () => {
  service = await startService();
  const userId = await service.connect();
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: 'all' });
  expect(await scraped('sync_job_lag_seconds{object="Account",connection="1"}')).toBeLessThan(3_600);
  await service.tickAt('2023-03-20T00:10:00Z');
  expect(await scraped('sync_job_lag_seconds{object="Account",connection="1"}')).toBeGreaterThan(1e7);
});

test('paths and methods that callers invent share a series', async () => {
  service = await startService({ worker: false });
  for (const path of ['nothing', 'v1/runs/1', 'v1/runs/2']) await fetch(`${service.url}/${path}`);
  await fetch(`${service.url}/nothing`, { method: 'PURGE' });
  const { text } = await scrape();
  const routes = text.split('\n').filter((line) => line.startsWith('sync_http_seconds_count'));
  expect(routes.toSorted()).toEqual([
    'sync_http_seconds_count{route="/v1/runs/:run_id",method="GET",status="400"} 2',
    'sync_http_seconds_count{route="other",method="GET",status="404"} 1',
    'sync_http_seconds_count{route="other",method="other",status="404"} 1',
  ]);
});

test('answers no request that came through a load balancer, and needs no key', async () => {
  service = await startService({ worker: false, local: false, env: { API_KEYS: `ops:admin:${'0'.repeat(64)}` } });
  expect((await scrape()).status).toBe(200);
  // As to any path without a key.
  for (const header of ['X-Forwarded-For', 'Forwarded']) expect((await scrape({ [header]: '203.0.113.9' })).status).toBe(401);
  for (const path of ['/metrics/', '//metrics', '/metrics%2F', '/METRICS']) expect((await fetch(`${service.url}${path}`)).status).toBe(401);
});

test('is not for web pages of other sites, without keys', async () => {
  service = await startService({ worker: false });
  expect((await scrape({ Origin: 'https://evil.example' })).status).toBe(403);
  const { port } = new URL(service.url);
  const status = await new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path: '/metrics', headers: { Host: 'evil.example' } }, (response) => resolve(response.statusCode));
  });
  expect(status).toBe(403);
});

test('says so if the job store is unreachable', async () => {
  service = await startService({ worker: false });
  await service.database.pool.query('ALTER TABLE jobs RENAME TO missing');
  expect(await scraped('sync_job_store_up')).toBe(0);
  await service.database.pool.query('ALTER TABLE missing RENAME TO jobs');
  expect(await scraped('sync_job_store_up')).toBe(1);
});

test('reads open runs and the least current jobs by an index, and at most so many of them', async () => {
  service = await startService({ worker: false });
  await service.connect();
  const { pool } = service.database;
  await pool.query(
    `INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, start_date, synced_to, wanted_to)
     SELECT id, 'Object' || number, 'SystemModstamp', 'salesforce', 'Object' || number, at, at, at
     FROM connections, generate_series(1, $1::integer) AS number, LATERAL (SELECT '2023-03-01'::timestamptz + number * interval '1 hour' AS at) AS time`,
    [MAX_SERIES + 5],
  );
  await pool.query(
    `INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, state, run_at, finished_at)
     SELECT id, connection_id, 'window', '2023-03-01', '2023-03-02', 'succeeded', now(), now() FROM jobs`,
  );
  await pool.query('VACUUM ANALYZE jobs, runs');
  const { pool: planned, plans } = withPlans(pool);
  const { lags } = await transaction(planned, async (client) => await readGauges(client));
  expect(lags).toHaveLength(MAX_SERIES);
  expect(lags[0]!.object).toBe('Object1');
  expect(plans.join('\n')).toMatch(/runs_unfinished(.|\n)*org_calls_pkey/);
});
