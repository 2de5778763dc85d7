import { beforeEach, describe, expect, test } from '@jest/globals';
import { type JobState, jobState } from '../../../../app/core/jobs/job-state.ts';
import type { RunState } from '../../../../app/core/runs/run-state.ts';
import { transaction } from '../../../../app/store/database.ts';
import { listJobPage, listRunPage } from '../../../../app/store/jobs/job-list.ts';
import { readJobStates } from '../../../../app/store/jobs/job-states.ts';
import { queueRepair } from '../../../../app/store/runs/queue-runs.ts';
import { runsInProgress } from '../../../../app/store/runs/runs.ts';
import { countingReads, createJobStore } from '../../../support/store/job-store.ts';

const store = await createJobStore();
const { pool } = store;
const LIMITS = { names: 3, pending: 100, rereading: 10 };
let connectionId: number;

beforeEach(async () => {
  await store.clear();
  connectionId = await store.addConnection();
});

test('jobs have the state that core derives, whatever their connection and their latest window', async () => {
  const now = new Date();
  const later = new Date(now.getTime() + 60_000);
  const needsLogin = await store.addConnection();
  await pool.query(`UPDATE connections SET status = 'needs_login' WHERE id = $1`, [needsLogin]);
  const runs: ({ state: RunState; runAt: Date } | null)[] = [null];
  for (const state of ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const) {
    for (const runAt of [now, later]) runs.push({ state, runAt });
  }
  const expected: Record<string, string> = {};
  for (const owner of [connectionId, needsLogin]) {
    for (const active of [true, false]) {
      for (const synced of ['2023-03-01', '2023-03-02', '2023-03-03']) {
        for (const run of runs) {
          const name = `Object${Object.keys(expected).length}`;
          const job = { active, needsLogin: owner === needsLogin, syncedTo: new Date(synced), wantedTo: new Date('2023-03-02'), run };
          const { rows } = await pool.query<{ id: string }>(
            `INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, start_date, synced_to, wanted_to, active)
             VALUES ($1, $2, 'SystemModstamp', 'salesforce', $2, '2023-03-01', $3, $4, $5) RETURNING id`,
            [owner, name, job.syncedTo, job.wantedTo, active],
          );
          // Neither an earlier window nor a repair counts.
          const earlier = [{ kind: 'window', state: 'failed', runAt: now, createdAt: new Date(0) }];
          const repair = { kind: 'sweep', state: 'failed', runAt: now, createdAt: later };
          for (const each of run ? [...earlier, repair, { kind: 'window', ...run, createdAt: now }] : [repair]) {
            await pool.query(
              `INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, state, run_at, created_at)
               VALUES ($1, $2, $3, '2023-03-01', '2023-03-02', $4, $5, $6)`,
              [rows[0]!.id, owner, each.kind, each.state, each.runAt, each.createdAt],
            );
          }
          expected[name] = jobState(job, now);
        }
      }
    }
  }
  const { groups } = await readJobStates(pool, {}, now, { ...LIMITS, names: 1_000 });
  const found = groups.flatMap(({ state, names }) => names.map((name) => [name, state]));
  expect(Object.fromEntries(found)).toEqual(expected);
  expect(found).toHaveLength(Object.keys(expected).length);
  for (const state of new Set(Object.values(expected) as JobState[])) {
    const { jobs } = await listJobPage(pool, { limit: 1_000, after: undefined }, { state });
    expect(jobs.map(({ objectName }) => objectName)).toEqual(Object.keys(expected).filter((name) => expected[name] === state));
  }
});

test('jobs are grouped by state and last_date, in order of creation, with the first of each', async () => {
  await store.addJobs(connectionId, 5);
  const names = (await pool.query<{ object_name: string }>('SELECT object_name FROM jobs ORDER BY created_at, id')).rows.map(
    ({ object_name }) => object_name,
  );
  await pool.query('UPDATE jobs SET wanted_to = $2, synced_to = $2, every = $3 WHERE object_name = $1', [names[1], '2023-03-02', '15m']);
  await pool.query('UPDATE jobs SET reread_from = $2 WHERE object_name = ANY($1)', [names.slice(1), '2023-02-27']);
  await pool.query('UPDATE jobs SET wanted_to = $2 WHERE object_name = $1', [names[4], '2023-03-02']);
  const { groups, pending, rereading } = await readJobStates(pool, {}, new Date(), { names: 2, pending: 1, rereading: 2 });
  const complete = { state: 'complete', syncedTo: new Date('2023-03-01'), every: ['day'] };
  expect(groups).toEqual([
    { ...complete, jobs: 3, names: [names[0], names[2]], rereading: 2 },
    { ...complete, syncedTo: new Date('2023-03-02'), every: ['15m'], jobs: 1, names: [names[1]], rereading: 1 },
    { state: 'unfinished', syncedTo: null, every: ['day'], jobs: 1, names: [names[4]], rereading: 0 },
  ]);
  expect(pending.map(({ state, job }) => [state, job.objectName])).toEqual([['unfinished', names[4]]]);
  expect(rereading.map(({ objectName }) => objectName)).toEqual([names[1], names[2]]);
});

describe('rows read', () => {
  /** How many rows a statement reads. */
  async function rowsRead(work: Parameters<typeof transaction>[1]): Promise<number> {
    const { pool: counted, reads } = countingReads(pool);
    await transaction(counted, work);
    return reads[0]!;
  }

  test('the states of 5,000 jobs need each job once, and the windows only of those that are behind', async () => {
    await store.addJobs(connectionId, 5_000);
    await store.tick('2023-03-20');
    await pool.query(`UPDATE runs SET state = 'succeeded', finished_at = now()`);
    await pool.query(`UPDATE jobs SET synced_to = wanted_to`);
    await pool.query(`UPDATE jobs SET wanted_to = '2023-03-21' WHERE id IN (SELECT id FROM jobs LIMIT 200)`);
    await pool.query('ANALYZE');
    const { pool: counted, reads } = countingReads(pool);
    const { groups, pending } = await readJobStates(counted, {}, new Date(), LIMITS);
    expect([groups.map(({ jobs }) => jobs).toSorted(), pending.length]).toEqual([[200, 4_800], 100]);
    // 5,000 jobs, 200 windows, and of the 100 listed jobs each with its windows.
    expect(reads[0]).toBeLessThan(6_000);
  });

  test('a page of jobs needs only these and their latest runs, however many jobs and runs there are', async () => {
    await store.addJobs(connectionId, 1_000);
    const { rows } = await pool.query<{ id: string }>('SELECT id FROM jobs ORDER BY created_at, id');
    await pool.query(
      `INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, state, run_at, created_at)
       SELECT jobs.id, connection_id, 'window', '2023-03-01', '2023-03-02', 'succeeded', now(), now() - number * interval '1 hour'
       FROM (SELECT * FROM jobs ORDER BY created_at, id LIMIT 20) AS jobs, generate_series(1, 500) AS number`,
    );
    await queueRepair(pool, rows[3]!.id, { kind: 'reimport', window: { from: new Date('2023-03-01'), to: new Date('2023-03-02') } });
    await pool.query('ANALYZE');
    const read = await rowsRead(async (client) => {
      const { jobs } = await listJobPage(client, { limit: 10, after: undefined });
      expect(jobs.map(({ id }) => id)).toEqual(rows.slice(0, 10).map(({ id }) => id));
      expect(jobs.map(({ run, repair }) => [run?.kind, repair?.kind])).toEqual(
        jobs.map((_, index) => ['window', index === 3 ? 'reimport' : undefined]),
      );
    });
    expect(read).toBeLessThan(60);
  });

  test('a page of runs needs only these, and pages contain each run once', async () => {
    await store.addJobs(connectionId, 1);
    const { rows } = await pool.query<{ id: string }>('SELECT id FROM jobs');
    // Some runs were created at the same moment, as in one transaction.
    await pool.query(
      `INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, state, run_at, created_at)
       SELECT jobs.id, connection_id, 'window', '2023-03-01', '2023-03-02', 'succeeded', now(), now() - number / 3 * interval '1 hour'
       FROM jobs, generate_series(1, 3_000) AS number`,
    );
    await pool.query('ANALYZE');
    const ids: string[] = [];
    for (let after: { createdAt: string; id: string } | undefined, pages = 0; pages < 5; pages++) {
      const read = await rowsRead(async (client) => {
        const { runs, last } = await listRunPage(client, rows[0]!.id, { limit: 50, after });
        ids.push(...runs.map(({ id }) => id));
        after = last;
      });
      expect(read).toBeLessThan(120);
    }
    const latest = await pool.query<{ id: string }>('SELECT id FROM runs ORDER BY created_at DESC, id DESC LIMIT 250');
    expect(ids).toEqual(latest.rows.map(({ id }) => id));
  });

  test('whether windows are in progress needs none that is due later, or waits for a login', async () => {
    const needsLogin = await store.addConnection();
    await store.addJobs(connectionId, 1_000);
    await store.addJobs(needsLogin, 1_000);
    await store.tick('2023-03-20');
    await pool.query(`UPDATE runs SET run_at = now() + interval '1 hour' WHERE connection_id = $1`, [connectionId]);
    await pool.query(`UPDATE connections SET status = 'needs_login' WHERE id = $1`, [needsLogin]);
    await pool.query('ANALYZE');
    for (const [ms, found] of [
      [1_000, false],
      [7_200_000, true],
    ] as const) {
      const read = await rowsRead(async (client) => expect(await runsInProgress(client, {}, ms)).toBe(found));
      expect(read).toBeLessThan(20);
    }
    const { rows } = await pool.query<{ id: string }>('SELECT id FROM jobs WHERE connection_id = $1 LIMIT 1', [connectionId]);
    const read = await rowsRead(async (client) => expect(await runsInProgress(client, { jobId: rows[0]!.id }, 7_200_000)).toBe(true));
    expect(read).toBeLessThan(20);
  });
});
