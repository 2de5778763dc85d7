import { beforeAll, expect, test } from '@jest/globals';
import { listBusyRuns, listRunsWithInvalidValues } from '../../../app/store/busy-runs.ts';
import { listRunPage } from '../../../app/store/jobs/job-list.ts';
import { billedByMonth } from '../../../app/store/runs/billed.ts';
import { countingReads, createJobStore } from '../../support/store/job-store.ts';

const store = await createJobStore();
const { pool } = store;
let jobId: string;

/** A job with 10,000 windows, one every 15 minutes: of 100, one has rows, every other of them an invalid value, and one fails. The latest run is a sweep. */
beforeAll(async () => {
  await store.addJobs(await store.addConnection(), 2);
  const { rows } = await pool.query<{ id: string }>('SELECT id FROM jobs ORDER BY created_at, id');
  jobId = rows[0]!.id;
  await pool.query(
    `INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, state, receipt, run_at, created_at, started_at, finished_at)
     SELECT jobs.id, connection_id, CASE number WHEN 1 THEN 'sweep' ELSE 'window' END, '2023-03-01', '2023-03-02', state,
       CASE state WHEN 'succeeded' THEN jsonb_build_object('distinct_ids', CASE number % 100 WHEN 0 THEN number ELSE 0 END, 'verdict', 'exact',
         'invalid_values', CASE number % 200 WHEN 0 THEN '{"Amount": 2}'::jsonb ELSE '{}' END) END,
       at, at, at, at + interval '5 seconds'
     FROM jobs CROSS JOIN generate_series(1, 10000) AS number
     CROSS JOIN LATERAL (SELECT now() - number * interval '15 minutes' AS at,
       CASE number % 100 WHEN 50 THEN 'failed' WHEN 51 THEN 'cancelled' ELSE 'succeeded' END AS state) AS run`,
  );
  await pool.query(
    `INSERT INTO billed (statement, run_id, bytes, billed_at) SELECT id || statement, id, 10, created_at FROM runs, unnest(ARRAY['_delta', '_merge']) AS statement`,
  );
});

/** The plan of the statement that a function sends, and how many rows it reads. */
async function costOf(read: (database: typeof pool) => Promise<unknown>): Promise<{ plan: string; reads: number }> {
  const { pool: counted, reads } = countingReads(pool);
  let plan = '';
  const client = await counted.connect();
  const query = async (sql: string, values: unknown[]): Promise<unknown> => {
    await client.query('BEGIN');
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`, values);
    plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    const result = await client.query(sql, values);
    await client.query('COMMIT');
    return result;
  };
  await read({ query } as unknown as typeof pool);
  client.release();
  return { plan, reads: reads[0]! };
}

test('the busy runs of a job are those with rows, repairs and failures, oldest first', async () => {
  const runs = await listBusyRuns(pool, jobId, 5);
  expect(runs.map(({ kind, state, receipt }) => [kind, state, receipt?.distinct_ids])).toEqual([
    ['window', 'succeeded', 200],
    ['window', 'failed', undefined],
    ['window', 'succeeded', 100],
    ['window', 'failed', undefined],
    ['sweep', 'succeeded', 0],
  ]);
});

test('those with invalid values are listed, newest first', async () => {
  const runs = await listRunsWithInvalidValues(pool, jobId, 2);
  expect(runs.map(({ receipt }) => [receipt!.distinct_ids, receipt!.invalid_values])).toEqual([
    [200, { Amount: 2 }],
    [400, { Amount: 2 }],
  ]);
});

test.each(['SELECT', 'VACUUM ANALYZE'])('both are found by their index among 10,000 empty windows after %s', async (prepare) => {
  await pool.query(prepare);
  const busy = await costOf((database) => listBusyRuns(database, jobId, 60));
  const invalid = await costOf((database) => listRunsWithInvalidValues(database, jobId, 60));
  expect(busy.plan).toContain('Index Scan using runs_busy');
  expect(invalid.plan).toMatch(/Index Scan (?:using|on) runs_with_invalid_values/);
  expect(Math.max(busy.reads, invalid.reads)).toBeLessThan(100);
});

test('the bytes billed for a job are summed by month, from the runs of two months', async () => {
  const { rows } = await pool.query<{ month: Date; bytes: number }>(
    `SELECT date_trunc('month', created_at, 'UTC') AS month, count(*) * 20 AS bytes FROM runs
     WHERE job_id = $1 AND created_at >= date_trunc('month', now(), 'UTC') - interval '1 month' GROUP BY 1 ORDER BY 1 DESC`,
    [jobId],
  );
  expect(await billedByMonth(pool, jobId)).toEqual(rows);
  await pool.query('VACUUM ANALYZE');
  const { plan } = await costOf((database) => billedByMonth(database, jobId));
  expect(plan).toContain('on runs_by_job');
});

test('a page of the runs of a job reads only that page', async () => {
  const { last } = await listRunPage(pool, jobId, { limit: 20 });
  const { plan, reads } = await costOf((database) => listRunPage(database, jobId, { limit: 20, after: last }));
  expect(plan).not.toContain('Seq Scan on runs');
  expect(reads).toBeLessThan(100);
});
