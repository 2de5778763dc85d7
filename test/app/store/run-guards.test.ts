import { beforeEach, describe, expect, test } from '@jest/globals';
import { cancelOpenRun, succeedRun } from '../../../app/store/runs/end-run.ts';
import type { Run } from '../../../app/store/runs/runs.ts';
import { saveSlice, saveSlices } from '../../../app/store/runs/slices.ts';
import { createJobStore } from '../../support/store/job-store.ts';

/** What keeps two workers, or a worker and its own past, from contradicting each other. */
const store = await createJobStore();
const { pool } = store;
const RECEIPT = { verdict: 'exact' };
let connectionId: number;

beforeEach(async () => {
  await store.clear();
  connectionId = await store.addConnection();
});

/** A running window from 2023-03-01 to 2023-03-20. */
async function startRun(leaseSeconds = 60): Promise<Run> {
  await store.addJobs(connectionId, 1);
  await store.tick('2023-03-20');
  return (await store.claim(10, leaseSeconds))!;
}

const stored = async (): Promise<unknown> =>
  (await pool.query(`SELECT state, receipt, jobs.synced_to FROM runs JOIN jobs ON jobs.id = job_id ORDER BY runs.created_at`)).rows;
const UNCHANGED = [{ state: 'running', receipt: null, synced_to: new Date('2023-03-01') }];

describe('the end of a run and the move of last_date are one transaction:', () => {
  test('a run does not end if last_date cannot move', async () => {
    const run = await startRun();
    await pool.query(`ALTER TABLE jobs ADD CONSTRAINT stuck CHECK (synced_to = '2023-03-01')`);
    await expect(succeedRun(pool, run, RECEIPT)).rejects.toMatchObject({ constraint: 'stuck' });
    await pool.query('ALTER TABLE jobs DROP CONSTRAINT stuck');
    expect(await stored()).toEqual(UNCHANGED);
  });

  test('last_date does not move if the next run cannot be queued', async () => {
    const run = await startRun();
    await store.tick('2023-03-21');
    await pool.query(`ALTER TABLE runs ADD CONSTRAINT full_queue CHECK (window_from = '2023-03-01')`);
    await expect(succeedRun(pool, run, RECEIPT)).rejects.toMatchObject({ constraint: 'full_queue' });
    await pool.query('ALTER TABLE runs DROP CONSTRAINT full_queue');
    expect(await stored()).toEqual(UNCHANGED);
  });

  test('last_date does not move if the run was cancelled', async () => {
    const run = await startRun();
    await cancelOpenRun(pool, run.runId, { code: 'cancelled', message: 'Cancelled.' });
    await expect(succeedRun(pool, run, RECEIPT)).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await stored()).toMatchObject([{ state: 'cancelled', receipt: null, synced_to: new Date('2023-03-01') }]);
  });
});

test('last_date moves only from the start of the run', async () => {
  const run = await startRun();
  for (const elsewhere of ['2023-03-15', '2023-03-25']) {
    await pool.query('UPDATE jobs SET synced_to = $1', [elsewhere]);
    await expect(succeedRun(pool, run, RECEIPT)).rejects.toThrow('does not match the start of its run');
    expect(await stored()).toEqual([{ state: 'running', receipt: null, synced_to: new Date(elsewhere) }]);
  }
});

test('the limit per connection holds for a claim that starts before another is committed', async () => {
  await store.addJobs(connectionId, 2);
  await store.tick('2023-03-20');
  await pool.query(`
    CREATE FUNCTION pause_claim() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$;
    CREATE TRIGGER pause_claim BEFORE UPDATE ON runs FOR EACH ROW WHEN (NEW.state = 'running') EXECUTE FUNCTION pause_claim()`);
  const locker = await pool.connect();
  await locker.query('SELECT pg_advisory_lock(1)');
  const first = store.claim(1);
  await store.lockWaits(1);
  const second = store.claim(1);
  await store.lockWaits(2);
  await locker.query('SELECT pg_advisory_unlock(1)');
  locker.release();
  const claimed = await Promise.all([first, second]);
  await pool.query('DROP TRIGGER pause_claim ON runs; DROP FUNCTION pause_claim');
  expect(claimed).toEqual([expect.anything(), undefined]);
});

test('a run is not claimed between the check of its lease and the write that it allows', async () => {
  const run = await startRun(-1);
  const range = { cursorFrom: new Date('2023-03-01'), cursorTo: new Date('2023-03-20'), open: true, idFrom: null, idTo: null };
  await saveSlices(pool, run, [{ ...range, ordinal: 0, fieldGroup: 0, nullCursor: false }]);
  const worker = await pool.connect();
  await worker.query('BEGIN');
  await saveSlice(worker, run, 0, { state: 'extracting' });
  const claimed = await store.claim();
  await worker.query('COMMIT');
  worker.release();
  expect(claimed).toBeUndefined();
  expect(await store.claim()).toMatchObject({ runId: run.runId, attempt: run.attempt + 1 });
});
