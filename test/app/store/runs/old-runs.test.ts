import { beforeEach, expect, test } from '@jest/globals';
import { deleteOldRuns } from '../../../../app/store/runs/old-runs.ts';
import { deleteOldRunsOf } from '../../../../app/sync/watch/watch-retention.ts';
import { createConnectionStore } from '../../../support/connections.ts';
import { startService } from '../../../support/service.ts';

const { database, reset } = await createConnectionStore();

beforeEach(async () => {
  await reset();
});

/** Creates a job whose runs ended this many days ago; `null`: the run is open. Each run has a slice and a page. */
async function createJob(objectName: string, endedDaysAgo: (number | null)[], { pool } = database): Promise<void> {
  await pool.query(
    `INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, start_date, synced_to, wanted_to)
     SELECT id, $1, 'SystemModstamp', 'salesforce', $1, '2023-03-01', '2023-03-01', '2023-03-01' FROM connections`,
    [objectName],
  );
  for (const days of endedDaysAgo) {
    await pool.query(
      `WITH run AS (
         INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, state, run_at, created_at, finished_at)
         SELECT id, connection_id, 'window', '2023-03-01', '2023-03-02', CASE WHEN $2::int IS NULL THEN 'queued' ELSE 'succeeded' END, now(),
           now() - coalesce($2, 0) * interval '1 day', now() - $2 * interval '1 day'
         FROM jobs WHERE object_name = $1 RETURNING id
       ), slice AS (
         INSERT INTO slices (run_id, ordinal, cursor_from, cursor_to, open) SELECT id, 0, '2023-03-01', '2023-03-02', true FROM run
       )
       INSERT INTO pages (run_id, slice, generation, number) SELECT id, 0, 1, 0 FROM run`,
      [objectName, days],
    );
  }
}

/** The days since each remaining run of a job ended, latest first. */
async function remaining(objectName: string): Promise<(number | null)[]> {
  const { rows } = await database.pool.query<{ days: number | null }>(
    `SELECT round(extract(epoch FROM now() - finished_at) / 86400)::int AS days FROM runs JOIN jobs ON jobs.id = runs.job_id
     WHERE object_name = $1 ORDER BY runs.created_at DESC`,
    [objectName],
  );
  return rows.map(({ days }) => days);
}

const count = async (table: string): Promise<number> =>
  (await database.pool.query<{ count: number }>(`SELECT count(*) FROM ${table}`)).rows[0]!.count;

test('deletes old runs with their slices and pages, but never the latest or an open one', async () => {
  await createJob('Account', [400, 200, 91, 89, 1]);
  await createJob('Contact', [300, 200]);
  await createJob('Lead', [300, null]);
  expect(await deleteOldRuns(database.pool, 90, 100)).toBe(5);
  expect(await remaining('Account')).toEqual([1, 89]);
  expect(await remaining('Contact')).toEqual([200]);
  expect(await remaining('Lead')).toEqual([null]);
  expect([await count('slices'), await count('pages')]).toEqual([4, 4]);
  expect(await deleteOldRuns(database.pool, 90, 100)).toBe(0);
});

test('deletes in batches, oldest first, without conflicts between processes', async () => {
  await createJob('Account', [400, 350, 300, 250, 200, 150, 1]);
  expect(await deleteOldRuns(database.pool, 90, 2)).toBe(2);
  expect(await remaining('Account')).toEqual([1, 150, 200, 250, 300]);
  const counts = await Promise.all([1, 2, 3].map(() => deleteOldRuns(database.pool, 90, 2)));
  expect(counts.reduce((total, one) => total + one)).toBe(4);
  expect(await remaining('Account')).toEqual([1]);
});

test('keeps a run while its tables can still be dropped: until they expire', async () => {
  await createJob('Account', [9, 3, 2, 0]);
  await database.pool.query(
    `INSERT INTO run_tables (run_id, name) SELECT id, 'stage' FROM runs WHERE created_at < now() - interval '60 hours'`,
  );
  expect(await deleteOldRuns(database.pool, 1, 100)).toBe(2);
  expect(await remaining('Account')).toEqual([0, 3]);
  await database.pool.query('DELETE FROM run_tables');
  expect(await deleteOldRuns(database.pool, 1, 100)).toBe(1);
});

test('skips a run that another transaction has locked, without waiting', async () => {
  await createJob('Account', [400, 300, 1]);
  const holder = await database.pool.connect();
  await holder.query('BEGIN');
  await holder.query(`SELECT FROM runs WHERE finished_at < now() - interval '350 days' FOR UPDATE`);
  expect(await deleteOldRuns(database.pool, 90, 100)).toBe(1);
  await holder.query('ROLLBACK');
  holder.release();
  expect(await remaining('Account')).toEqual([1, 400]);
});

test('the service deletes all runs older than RUN_RETENTION_DAYS', async () => {
  await using service = await startService({ worker: false, env: { RUN_RETENTION_DAYS: '10' } });
  await service.connect();
  await createJob('Account', [...Array.from({ length: 203 }, (_, index) => 300 - index), 9, 1], service.database);
  expect(await deleteOldRunsOf(service.context)).toBe(203);
  expect(await deleteOldRunsOf(service.context)).toBe(0);
});
