import { beforeEach, describe, expect, test } from '@jest/globals';
import { claimRuns, separateRun } from '../../../app/store/runs/claim-run.ts';
import { postponeRun, succeedRun } from '../../../app/store/runs/end-run.ts';
import { queueRepair } from '../../../app/store/runs/queue-runs.ts';
import { isWindowWaiting } from '../../../app/store/runs/runs.ts';
import { CLAIMANT, claimRun } from '../../support/claim-run.ts';
import { countingReads, createJobStore, withPlans } from '../../support/store/job-store.ts';

/** The queue with many jobs. */
const store = await createJobStore();
const { pool } = store;
const RECEIPT = { verdict: 'exact' };
let connectionId: number;

beforeEach(async () => {
  await store.clear();
  connectionId = await store.addConnection();
});

/** Every version of every row, by which any write or lock of a row shows. */
async function versions(): Promise<unknown[]> {
  const of = (table: string): string => `SELECT '${table}' AS name, id::text, xmin::text, xmax::text FROM ${table}`;
  return (await pool.query(`${of('jobs')} UNION ALL ${of('runs')} UNION ALL ${of('connections')} ORDER BY name, id`)).rows;
}

describe('a tick', () => {
  test('writes and locks no row if nothing is due', async () => {
    await store.addJobs(connectionId, 20);
    await store.tick('2023-03-20');
    for (let run = await store.claim(); run; run = await store.claim()) await succeedRun(pool, run, RECEIPT);
    const before = await versions();
    expect(await store.tick('2023-03-20T23:45:00Z')).toEqual({ jobIds: [], runIds: [] });
    expect(await versions()).toEqual(before);
  });

  test('writes no job of another interval, nor one with an open run', async () => {
    await store.addJobs(connectionId, 5);
    await store.tick('2023-03-20');
    const before = await versions();
    await store.addJobs(connectionId, 1, '15m');
    expect((await store.tick('2023-03-20T10:20:00Z')).runIds).toHaveLength(1);
    expect(await versions()).toEqual(expect.arrayContaining(before.filter((row) => (row as { name: string }).name === 'jobs')));
  });

  test('queues one run for each of more jobs than it locks at a time', async () => {
    await store.addJobs(connectionId, 4_001);
    const { jobIds, runIds } = await store.tick('2023-03-20');
    expect([new Set(jobIds).size, new Set(runIds).size]).toEqual([4_001, 4_001]);
    expect((await pool.query('SELECT DISTINCT job_id FROM runs')).rowCount).toBe(4_001);
    expect(await store.tick('2023-03-20')).toEqual({ jobIds: [], runIds: [] });
  });

  test('shares the due jobs with concurrent ticks', async () => {
    await store.addJobs(connectionId, 4_001);
    const ticks = await Promise.all([1, 2, 3].map(() => store.tick('2023-03-20')));
    expect(ticks.flatMap(({ runIds }) => runIds)).toHaveLength(4_001);
  });

  test('finds what is due by indexes, even if Postgres does not expect open runs', async () => {
    await store.addJobs(connectionId, 2_000);
    await pool.query('ANALYZE');
    const { pool: planned, plans } = withPlans(pool);
    await store.tick('2023-03-20', 0, planned);
    const plan = plans.join('\n');
    expect(plan).toMatch(/SetOp Except(.|\n)*jobs_behind(.|\n)*runs_one_open_per_lane/);
    expect(plan).toMatch(/jobs_by_wanted/);
    const sweeps = plan.slice(plan.indexOf('CTE due'));
    expect(sweeps.slice(0, sweeps.indexOf('CTE Scan on due'))).toMatch(/jobs_by_sweep.*\n.*sweep_due_at <= now(.|\n)*jobs_to_backfill/);
    expect(plan).toMatch(/SubPlan \d+\n.*runs_one_open_per_lane on runs .*\n\s*Index Cond: \(\(job_id = jobs\.id\)/);
  });

  test('queues the run of a job that is behind although its window was requested before', async () => {
    await store.addJobs(connectionId, 1);
    await store.tick('2023-03-20');
    await pool.query(`UPDATE runs SET state = 'failed', finished_at = now()`);
    expect((await store.tick('2023-03-20')).runIds).toHaveLength(1);
  });

  test('during a run is remembered, and its window is not read before its lag', async () => {
    await store.addJobs(connectionId, 1);
    await store.tick('2023-03-20');
    const run = (await store.claim())!;
    await store.tick('2023-03-21', 60_000);
    await succeedRun(pool, run, RECEIPT);
    expect(await store.claim()).toBeUndefined();
    const { rows } = await pool.query(
      `SELECT run_at = jobs.wanted_at AS at_wanted FROM runs JOIN jobs ON jobs.id = job_id WHERE state = 'queued'`,
    );
    expect(rows).toEqual([{ at_wanted: true }]);
  });
});

describe('claims', () => {
  test('take turns between connections, whatever waits in each', async () => {
    await store.addJobs(connectionId, 50);
    await store.tick('2023-03-20');
    await pool.query(`UPDATE runs SET run_at = now() - interval '1 hour'`);
    const other = await store.addConnection();
    await store.addJobs(other, 3);
    await store.tick('2023-03-20');
    const owners: number[] = [];
    for (let claims = 0; claims < 8; claims++) owners.push((await store.claim(50))!.job.connectionId);
    expect(owners).toEqual([connectionId, other, connectionId, other, connectionId, other, connectionId, connectionId]);
  });

  test('prefer the windows of all connections to repairs', async () => {
    const other = await store.addConnection();
    await store.addJobs(connectionId, 1);
    await store.addJobs(other, 2);
    const { rows } = await pool.query<{ id: string }>('SELECT id FROM jobs WHERE connection_id = $1', [connectionId]);
    await queueRepair(pool, rows[0]!.id, { kind: 'reimport', window: { from: new Date('2023-03-01'), to: new Date('2023-03-02') } });
    await pool.query('UPDATE jobs SET synced_to = wanted_to');
    await pool.query(`UPDATE jobs SET wanted_to = '2023-03-20' WHERE connection_id = $1`, [other]);
    await store.tick('2023-02-01');
    const kinds: string[] = [];
    for (let run = await store.claim(); run; run = await store.claim()) kinds.push(run.pass.kind);
    expect(kinds).toEqual(['window', 'window', 'reimport']);
  });

  test('record the process and its release with each run, in the statement that claims', async () => {
    await store.addJobs(connectionId, 2);
    await pool.query('UPDATE jobs SET target_created_at = now()');
    await store.tick('2023-03-20');
    const claim = async (host: string, version: string) => {
      await claimRuns(pool, -1, 10, { max: 5, except: [] }, { host, version });
      return (await pool.query('SELECT worker, version, attempt FROM runs')).rows;
    };
    const [first, second] = [
      { worker: 'one', version: '1.0.0', attempt: 1 },
      { worker: 'two', version: '1.1.0', attempt: 2 },
    ];
    expect(await claim('one', '1.0.0')).toEqual([first, first]);
    // The leases are over. Runs that lost their worker are claimed one by one.
    expect(await claim('two', '1.1.0')).toEqual(expect.arrayContaining([first, second]));
  });

  test('skip a run that another session has locked', async () => {
    await store.addJobs(connectionId, 2);
    await store.tick('2023-03-20');
    const locker = await pool.connect();
    await locker.query('BEGIN');
    const { rows } = await locker.query<{ id: string }>('SELECT id FROM runs ORDER BY run_at, id LIMIT 1 FOR UPDATE');
    const claimed = await store.claim();
    await locker.query('ROLLBACK');
    locker.release();
    expect([claimed!.runId === rows[0]!.id, (await store.claim())!.runId]).toEqual([false, rows[0]!.id]);
  });

  test('wait for no session that changes the connection', async () => {
    await store.addJobs(connectionId, 1);
    await store.tick('2023-03-20');
    const locker = await pool.connect();
    await locker.query('BEGIN');
    await locker.query('SELECT FROM connections FOR NO KEY UPDATE');
    try {
      expect(await store.claim()).toBeDefined();
    } finally {
      await locker.query('ROLLBACK');
      locker.release();
    }
  });

  test('read due runs from indexes, in their order', async () => {
    for (let connections = 0; connections < 20; connections++) await store.addJobs(await store.addConnection(), 100);
    await store.tick('2023-03-20');
    await pool.query(`UPDATE runs SET run_at = now() - interval '1 hour'`);
    await pool.query('ANALYZE');
    const { pool: planned, plans } = withPlans(pool);
    await claimRun(planned, 60, 10);
    const plan = plans.find((text) => text.includes('LockRows'))!;
    for (const index of ['runs_queued_windows', 'runs_queued_repairs', 'runs_running']) expect(plan).toContain(index);
    // Neither the connections nor a connection's windows are all read to find the first.
    expect(plan.slice(0, plan.indexOf('connections_pkey'))).toMatch(/Nested Loop(.|\n)*Sort Key: connections.claimed_at/);
    expect(plan.slice(plan.indexOf('LockRows'), plan.indexOf('runs_queued_windows'))).not.toContain('Sort');
    expect(plans.join('\n')).toContain('runs_unfinished');
  });
});

describe('of 10,000 open windows a tick reads each at most twice and a claim reads few', () => {
  const analyze = () => pool.query('ANALYZE connections, jobs, runs');
  const queueRun = async () => {
    await store.addJobs(connectionId, 1);
    await store.tick('2023-03-20');
  };

  async function expectFewReads(): Promise<void> {
    const [read, claimed] = [countingReads(pool), countingReads(pool)];
    for (let claims = 0; claims < 2; claims++) {
      await store.tick('2023-03-20', 0, read.pool);
      expect(await claimRuns(claimed.pool, 60, 10, { max: 5, except: [] }, CLAIMANT)).toHaveLength(1);
    }
    // Each job and its window, twice; each connection and its first window.
    expect(Math.max(...read.reads)).toBeLessThan(41_000);
    expect(Math.max(...claimed.reads)).toBeLessThan(4_000);
  }

  test.each([
    ['if Postgres has no statistics', async () => {}],
    ['if its statistics are of one queued run', async () => [await queueRun(), await analyze()]],
    ['if its statistics are of one running run', async () => [await queueRun(), await store.claim(), await analyze()]],
  ])('%s', async (_, prepare) => {
    await pool.query('DELETE FROM pg_statistic');
    await prepare();
    await store.clear();
    await queueWindows();
    await expectFewReads();
  });

  test('if its statistics are up to date', async () => {
    await queueWindows();
    await analyze();
    await expectFewReads();
  });

  async function queueWindows(): Promise<void> {
    for (let connections = 0; connections < 1_000; connections++) await store.addJobs(await store.addConnection(), 10);
    await store.tick('2023-03-20');
  }
});

describe('windows that have a table', () => {
  /** Adds jobs whose first window is imported, with their next one due. */
  async function addDue(id: number, count: number): Promise<void> {
    await store.addJobs(id, count);
    await pool.query(`UPDATE jobs SET target_created_at = now() WHERE connection_id = $1`, [id]);
    await store.tick('2023-03-20');
  }

  const states = async () =>
    (await pool.query<{ state: string }>('SELECT state FROM runs ORDER BY run_at, id')).rows.map(({ state }) => state);

  test('are claimed together, up to five, in the order in which they are due', async () => {
    await addDue(connectionId, 7);
    await pool.query(`UPDATE runs SET run_at = now() - interval '1 hour' + row_number * interval '1 minute'
      FROM (SELECT id, row_number() OVER (ORDER BY id) FROM runs) AS numbered WHERE numbered.id = runs.id`);
    expect((await store.claimTogether()).map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 1]);
    expect(await states()).toEqual([...Array(5).fill('running'), 'queued', 'queued']);
    expect(await store.claimTogether()).toHaveLength(2);
    expect(await store.claimTogether()).toEqual([]);
  });

  test('count as one running run of their connection until the last of them ends', async () => {
    await addDue(connectionId, 12);
    const first = await store.claimTogether(2);
    expect(await store.claimTogether(2)).toHaveLength(5);
    expect(await store.claimTogether(2)).toEqual([]);
    for (const run of first.slice(0, 4)) await succeedRun(pool, run, RECEIPT);
    expect(await store.claimTogether(2)).toEqual([]);
    await succeedRun(pool, first[4]!, RECEIPT);
    expect(await store.claimTogether(2)).toHaveLength(2);
  });

  test('count one by one once they are separated, which needs room for one more', async () => {
    await addDue(connectionId, 7);
    const [first, second] = await store.claimTogether(2, 3);
    expect(await separateRun(pool, first!, 1)).toBe(false);
    expect(await separateRun(pool, first!, 2)).toBe(true);
    expect(await store.claimTogether(2)).toEqual([]);
    expect(await separateRun(pool, second!, 2)).toBe(false);
    await succeedRun(pool, first!, RECEIPT);
    expect(await separateRun(pool, { ...second!, attempt: 2 }, 2)).toBe(false);
    expect(await store.claimTogether(2)).toHaveLength(4);
  });

  test('of one connection only, and connections take turns', async () => {
    await addDue(connectionId, 6);
    const other = await store.addConnection();
    await addDue(other, 2);
    const owners: number[][] = [];
    for (let claims = 0; claims < 3; claims++) owners.push((await store.claimTogether()).map(({ job }) => job.connectionId));
    expect(owners).toEqual([Array(5).fill(connectionId), [other, other], [connectionId]]);
  });

  test('are claimed alone where that is required', async () => {
    await addDue(connectionId, 3);
    expect(await store.claimTogether(10, 5, [connectionId])).toHaveLength(1);
    expect(await store.claimTogether(10, 1)).toHaveLength(1);
  });

  test.each([
    ['the first of its job', 'UPDATE jobs SET target_created_at = NULL'],
    ['of a whole object', 'UPDATE jobs SET whole = true'],
    ['with rows that have no cursor', 'UPDATE jobs SET cursor_nillable = true'],
    ['in field groups', `UPDATE jobs SET field_plan = '{"groups": {"A": 1}, "refused": {}}'`],
    ['that failed', 'UPDATE runs SET failures = 1'],
    [
      'that was read already',
      `INSERT INTO slices (run_id, ordinal, cursor_from, cursor_to, open, method) SELECT id, 0, now(), now(), true, 'rest' FROM runs`,
    ],
    ['that is cut', 'INSERT INTO slices (run_id, ordinal, cursor_from, cursor_to, open) SELECT id, 1, now(), now(), true FROM runs'],
    [
      'that is read again',
      'INSERT INTO slices (run_id, ordinal, cursor_from, cursor_to, open, generation) SELECT id, 0, now(), now(), true, 2 FROM runs',
    ],
  ])('are claimed alone: %s', async (_name, change) => {
    await addDue(connectionId, 2);
    await pool.query(change);
    expect(await store.claimTogether()).toHaveLength(1);
  });

  test('are read from an index, in their order', async () => {
    for (let connections = 0; connections < 20; connections++) await addDue(await store.addConnection(), 100);
    await pool.query(`UPDATE runs SET run_at = now() - interval '1 hour'`);
    await pool.query('ANALYZE');
    const { pool: planned, plans } = withPlans(pool);
    await claimRuns(planned, 60, 10, { max: 5, except: [] }, CLAIMANT);
    const plan = plans.find((text) => text.includes('CTE companions'))!;
    const companions = plan.slice(plan.indexOf('CTE companions'));
    expect(companions.slice(companions.indexOf('LockRows'), companions.indexOf('runs_queued_windows'))).not.toContain('Sort');
    expect(companions).toContain('runs_queued_windows');
  });

  test('are searched only among the first that are due', async () => {
    await addDue(connectionId, 5_000);
    await pool.query(`UPDATE runs SET run_at = now() - interval '1 hour', failures = 1`);
    await pool.query('UPDATE runs SET failures = 0 WHERE id = (SELECT id FROM runs ORDER BY run_at, id LIMIT 1)');
    const counted = countingReads(pool);
    for (const prepare of ['SELECT', 'ANALYZE']) {
      await pool.query(prepare);
      expect(await claimRuns(counted.pool, 60, 10, { max: 5, except: [] }, CLAIMANT)).toHaveLength(1);
      await pool.query(`UPDATE runs SET state = 'queued', failures = 0, claimed_with = NULL WHERE state = 'running'`);
    }
    // Each of the first, once by the index and once to lock it.
    expect(Math.max(...counted.reads)).toBeLessThan(200);
  });

  test('that were postponed before their first page are claimed together again', async () => {
    await addDue(connectionId, 3);
    for (const run of await store.claimTogether()) await postponeRun(pool, run, 0, undefined, undefined);
    expect((await store.claimTogether()).map(({ attempt }) => attempt)).toEqual([2, 2, 2]);
  });

  test('that lost their worker are claimed one by one', async () => {
    await addDue(connectionId, 3);
    await store.claimTogether();
    await pool.query(`UPDATE runs SET lease_until = now() - interval '1 second'`);
    for (let claims = 0; claims < 3; claims++) expect(await store.claimTogether()).toHaveLength(1);
  });

  test('are not claimed if another session has locked them, or if their job was imported meanwhile', async () => {
    await addDue(connectionId, 4);
    const locker = await pool.connect();
    await locker.query('BEGIN');
    await locker.query('SELECT FROM runs ORDER BY run_at DESC, id DESC LIMIT 1 FOR UPDATE');
    await pool.query(`UPDATE jobs SET synced_to = '2023-03-20' WHERE id = (SELECT job_id FROM runs ORDER BY run_at, id LIMIT 1)`);
    expect(await store.claimTogether()).toHaveLength(2);
    await locker.query('ROLLBACK');
    locker.release();
    expect((await states()).toSorted()).toEqual(['cancelled', 'queued', 'running', 'running']);
  });
});

test('a window that waits is found, unless it is not due', async () => {
  await store.addJobs(connectionId, 1);
  await store.tick('2023-03-20');
  expect(await isWindowWaiting(pool, connectionId)).toBe(true);
  const run = (await store.claim())!;
  expect(await isWindowWaiting(pool, connectionId)).toBe(false);
  await postponeRun(pool, run, 60_000, undefined, undefined);
  expect(await isWindowWaiting(pool, connectionId)).toBe(false);
});
