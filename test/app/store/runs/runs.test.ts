import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Every } from '../../../../app/core/jobs/every.ts';
import type { Receipt } from '../../../../app/core/runs/receipt.ts';
import { windowEnds } from '../../../../app/core/runs/window.ts';
import { type Connection, saveGrant } from '../../../../app/store/connections/connections.ts';
import { transaction } from '../../../../app/store/database.ts';
import { findJob, insertJob, type Job, pauseJob, resumeJob } from '../../../../app/store/jobs/jobs.ts';
import { checkLease, extendLease } from '../../../../app/store/lease.ts';
import { cancelOpenRun, failRun, postponeRun, succeedRun } from '../../../../app/store/runs/end-run.ts';
import { insertPage, savePage } from '../../../../app/store/runs/pages.ts';
import { makeRunDue, queueDueRuns, queueRuns } from '../../../../app/store/runs/queue-runs.ts';
import { type Run, saveTarget } from '../../../../app/store/runs/runs.ts';
import { cutSlice, readSlices, saveBulkJob, saveSlices, shortenRun, startGeneration } from '../../../../app/store/runs/slices.ts';
import { createSealer } from '../../../../app/store/seal.ts';
import { claimRun } from '../../../support/claim-run.ts';
import { createTestDatabase, type TestDatabase } from '../../../support/store/database.ts';

const RECEIPT = { verdict: 'exact' } as Receipt;
const CANCELLED = { code: 'cancelled', message: 'Cancelled.' };
const sealer = createSealer([Buffer.alloc(32, 7)]);
let database: TestDatabase;
let connection: Connection;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(async () => {
  await database.pool.query('TRUNCATE connections, jobs, runs CASCADE');
  connection = await connect('A');
});

async function connect(letter: string): Promise<Connection> {
  const grant = {
    accessToken: 'access',
    refreshToken: 'refresh',
    instanceUrl: 'https://i.example',
    identityUrl: `https://login.example/id/00D/${letter}`,
    loginUrl: 'https://login.example',
  };
  return await saveGrant(database.pool, sealer, { orgId: '00D000000000000EAA', userId: `00500000000000${letter}AAA` }, grant);
}

async function createJob(objectName: string, owner = connection, every: Every = 'day'): Promise<Job> {
  const job = await insertJob(database.pool, {
    connectionId: owner.id,
    objectName,
    cursorField: 'SystemModstamp',
    excludeFields: [],
    hashFields: [],
    newFields: 'add',
    approvedFields: null,
    cursorNillable: false,
    targetDataset: 'salesforce',
    targetTable: objectName,
    partitioned: false,
    deletes: 'keep',
    appendOnly: false,
    history: false,
    every,
    startDate: new Date('2023-03-01'),
    activeSince: new Date('2023-03-01'),
  });
  return job!;
}

async function tickTo(date: string, lagMs = 0): Promise<string[]> {
  const wanted = windowEnds(new Date(date)).map((end) => ({ ...end, lagMs }));
  return (await queueDueRuns(database.pool, wanted, {})).runIds;
}

const claim = (leaseSeconds = 60, perConnection = 10): Promise<Run | undefined> => claimRun(database.pool, leaseSeconds, perConnection);
const syncedTo = async (job: Job): Promise<string> =>
  (await findJob(database.pool, job.connectionId, job.objectName))!.syncedTo.toISOString().slice(0, 10);

describe('a run', () => {
  test('covers the window from last_date to the wanted end, and advances last_date on success', async () => {
    const job = await createJob('Account');
    await tickTo('2023-03-20');
    const run = (await claim())!;
    expect(run.window).toEqual({ from: new Date('2023-03-01'), to: new Date('2023-03-20') });
    expect(await syncedTo(job)).toBe('2023-03-01');
    await succeedRun(database.pool, run, RECEIPT);
    expect(await syncedTo(job)).toBe('2023-03-20');
  });

  test('is not started twice: the window of a later tick follows when it ends', async () => {
    const job = await createJob('Account');
    expect(await tickTo('2023-03-20')).toHaveLength(1);
    const run = (await claim())!;
    expect(await tickTo('2023-03-21')).toHaveLength(0);
    await succeedRun(database.pool, run, RECEIPT);
    const next = (await claim())!;
    expect(next.window).toEqual({ from: new Date('2023-03-20'), to: new Date('2023-03-21') });
    await succeedRun(database.pool, next, RECEIPT);
    expect(await syncedTo(job)).toBe('2023-03-21');
    expect(await claim()).toBeUndefined();
  });

  test("ends at the window end of the job's own interval", async () => {
    const jobs = [await createJob('Account', connection, '15m'), await createJob('Lead', connection, '6h'), await createJob('Contact')];
    expect(await tickTo('2023-03-20T10:20:00Z')).toHaveLength(3);
    for (let run = await claim(); run; run = await claim()) await succeedRun(database.pool, run, RECEIPT);
    const ends = await Promise.all(jobs.map((job) => findJob(database.pool, job.connectionId, job.objectName)));
    expect(ends.map((job) => job!.syncedTo.toISOString().slice(0, 16))).toEqual([
      '2023-03-20T10:15',
      '2023-03-20T06:00',
      '2023-03-20T00:00',
    ]);
    expect(await tickTo('2023-03-20T10:31:00Z')).toHaveLength(1);
    expect(await claim()).toMatchObject({ job: { objectName: 'Account' } });
  });

  test('that waited for days restarts, because its staging tables and Bulk results expire', async () => {
    await createJob('Account');
    const [old] = await tickTo('2023-03-20');
    await database.pool.query(`UPDATE runs SET created_at = now() - interval '6 days'`);
    const run = (await claim())!;
    expect(run.runId).not.toBe(old);
    expect(run.window).toEqual({ from: new Date('2023-03-01'), to: new Date('2023-03-20') });
  });

  test('is not claimed before the commit lag has passed', async () => {
    await createJob('Account');
    await tickTo('2023-03-20', 60_000);
    expect(await claim()).toBeUndefined();
  });

  test('is taken over when its lease expires, and its old owner can no longer write', async () => {
    const job = await createJob('Account');
    await tickTo('2023-03-20');
    const lost = (await claim(-1))!;
    const takenOver = (await claim())!;
    expect(takenOver.runId).toBe(lost.runId);
    expect(takenOver.attempt).toBe(lost.attempt + 1);
    const plan = [
      {
        ordinal: 0,
        fieldGroup: 0,
        cursorFrom: new Date('2023-03-01'),
        cursorTo: new Date('2023-03-20'),
        open: true,
        idFrom: null,
        idTo: null,
        nullCursor: false,
      },
    ];
    const leaseLost = { code: 'lease_lost' };
    await expect(saveSlices(database.pool, lost, plan)).rejects.toMatchObject(leaseLost);
    await saveSlices(database.pool, takenOver, plan);
    await expect(succeedRun(database.pool, lost, RECEIPT)).rejects.toMatchObject(leaseLost);
    await expect(failRun(database.pool, lost, 1, { code: 'internal', message: '' })).rejects.toMatchObject(leaseLost);
    await expect(postponeRun(database.pool, lost, 0, 1, undefined)).rejects.toMatchObject(leaseLost);
    await expect(extendLease(database.pool, lost, 60)).rejects.toMatchObject(leaseLost);
    await expect(saveBulkJob(database.pool, lost, 0, '750')).rejects.toMatchObject(leaseLost);
    expect((await database.pool.query('SELECT id FROM bulk_jobs')).rows).toEqual([{ id: '750' }]);
    const [slice] = await readSlices(database.pool, takenOver);
    await expect(startGeneration(database.pool, lost, slice!)).rejects.toMatchObject(leaseLost);
    await expect(cutSlice(database.pool, lost, slice!, [slice!, slice!])).rejects.toMatchObject(leaseLost);
    await expect(shortenRun(database.pool, lost, new Date('2023-03-10'))).rejects.toMatchObject(leaseLost);
    await expect(saveTarget(database.pool, lost, new Date())).rejects.toMatchObject(leaseLost);
    const key = { slice: 0, fieldGroup: 0, generation: 1, number: 0, locator: null };
    const page = await insertPage(database.pool, takenOver, key);
    await expect(insertPage(database.pool, lost, { ...key, number: 1 })).rejects.toMatchObject(leaseLost);
    await expect(savePage(database.pool, lost, page, { loaded: 1 })).rejects.toMatchObject(leaseLost);
    expect(await readSlices(database.pool, takenOver)).toEqual([slice]);
    expect(await syncedTo(job)).toBe('2023-03-01');
    await succeedRun(database.pool, takenOver, RECEIPT);
    expect(await syncedTo(job)).toBe('2023-03-20');
  });

  test('counts the loss of its worker as a failure, and queues behind runs that are due', async () => {
    await createJob('Account');
    await createJob('Contact');
    await tickTo('2023-03-20');
    const lost = (await claim(-1))!;
    await database.pool.query(`UPDATE runs SET run_at = now() - interval '1 hour'`);
    const other = (await claim())!;
    expect(other.runId).not.toBe(lost.runId);
    const takenOver = (await claim())!;
    expect(takenOver).toMatchObject({ runId: lost.runId, failures: lost.failures + 1 });
  });

  test('ends or is cancelled while its job is resumed, without a deadlock', async () => {
    const job = await createJob('Account');
    for (let day = 1; day <= 30; day++) {
      await tickTo(new Date(Date.UTC(2023, 3, day)).toISOString());
      const run = (await claim(-1))!;
      await pauseJob(database.pool, job.id);
      const ended = succeedRun(database.pool, run, RECEIPT).catch((error: unknown) => error);
      await resumeJob(database.pool, job.id, new Date('2023-03-22'));
      expect([undefined, 'lease_lost']).toContain(((await ended) as { code?: string } | undefined)?.code);
    }
  });

  test('that failed leaves last_date unchanged, and the next tick starts over', async () => {
    const job = await createJob('Account');
    await tickTo('2023-03-20');
    await failRun(database.pool, (await claim())!, 1, { code: 'salesforce_refused', message: 'no' });
    expect(await syncedTo(job)).toBe('2023-03-01');
    expect(await claim()).toBeUndefined();
    await tickTo('2023-03-20');
    expect((await claim())!.window.from).toEqual(new Date('2023-03-01'));
  });

  test('is claimed by one worker, within the limit per connection, under concurrent claims', async () => {
    for (const object of ['A', 'B', 'C', 'D', 'E', 'F']) await createJob(object);
    const other = await connect('B');
    for (const object of ['G', 'H']) await createJob(object, other);
    await tickTo('2023-03-20');
    const claimed = (await Promise.all(Array.from({ length: 9 }, () => claim(60, 2)))).filter((run) => run !== undefined);
    expect(new Set(claimed.map((run) => run.runId)).size).toBe(4);
    expect(claimed.filter((run) => run.job.connectionId === connection.id)).toHaveLength(2);
    expect(claimed.filter((run) => run.job.connectionId === other.id)).toHaveLength(2);
  });
});

test('windows have no gaps or overlaps for any order of ticks, pauses, failures, cancellations, retries and takeovers', async () => {
  const events = fc.array(fc.constantFrom('tick', 'pause', 'resume', 'succeed', 'fail', 'postpone', 'steal', 'cancel', 'retry'), {
    maxLength: 30,
  });
  await fc.assert(
    fc.asyncProperty(events, async (steps) => {
      await database.pool.query('TRUNCATE jobs, runs CASCADE');
      const job = await createJob('Account');
      const done: Run['window'][] = [];
      let day = 1;
      for (const step of steps) {
        day++;
        if (step === 'pause') await pauseJob(database.pool, job.id);
        else if (step === 'resume') await resumeJob(database.pool, job.id, new Date('2023-03-22'));
        else if (step === 'tick') await tickTo(new Date(Date.UTC(2023, 2, day)).toISOString());
        else await endClaimed(step, done);
      }
      for (const [index, window] of done.entries()) expect(window.from).toEqual(index === 0 ? job.startDate : done[index - 1]!.to);
      expect((await findJob(database.pool, job.connectionId, 'Account'))!.syncedTo).toEqual(done.at(-1)?.to ?? job.startDate);
    }),
    { numRuns: 40 },
  );
});

/** What a worker does with the run that is due, if any. */
async function endClaimed(step: string, done: Run['window'][]): Promise<void> {
  const run = await claim(step === 'steal' ? -1 : 60);
  if (!run) return;
  if (step === 'fail') await failRun(database.pool, run, 1, { code: 'internal', message: '' });
  if (step === 'postpone') await postponeRun(database.pool, run, 0, 1, undefined);
  if (step === 'cancel') await cancelOpenRun(database.pool, run.runId, CANCELLED);
  if (step === 'retry') {
    await postponeRun(database.pool, run, 60_000, 1, undefined);
    await makeRunDue(database.pool, run.job.id);
    await transaction(database.pool, (client) => queueRuns(client, [run.job.id]));
  }
  if (step !== 'succeed') return;
  await succeedRun(database.pool, run, RECEIPT);
  done.push(run.window);
}

describe('a cancelled run', () => {
  test('changes nothing afterwards, and the next tick starts over', async () => {
    const job = await createJob('Account');
    await tickTo('2023-03-20');
    const run = (await claim())!;
    expect(await cancelOpenRun(database.pool, run.runId, CANCELLED)).toBe(true);
    const leaseLost = { code: 'lease_lost' };
    await expect(checkLease(database.pool, run)).rejects.toMatchObject(leaseLost);
    await expect(extendLease(database.pool, run, 60)).rejects.toMatchObject(leaseLost);
    await expect(saveTarget(database.pool, run, new Date())).rejects.toMatchObject(leaseLost);
    await expect(failRun(database.pool, run, 1, CANCELLED)).rejects.toMatchObject(leaseLost);
    await expect(postponeRun(database.pool, run, 0, 1, undefined)).rejects.toMatchObject(leaseLost);
    await expect(succeedRun(database.pool, run, RECEIPT)).rejects.toMatchObject(leaseLost);
    expect(await syncedTo(job)).toBe('2023-03-01');
    expect(await claim()).toBeUndefined();
    await tickTo('2023-03-20');
    expect((await claim())!.window.from).toEqual(new Date('2023-03-01'));
  });

  test('is never one that has ended', async () => {
    const job = await createJob('Account');
    await tickTo('2023-03-20');
    const run = (await claim())!;
    expect(await afterEndOf(run, () => cancelOpenRun(database.pool, run.runId, CANCELLED))).toBe(false);
    expect(await syncedTo(job)).toBe('2023-03-20');
    expect(await database.pool.query(`SELECT FROM runs WHERE state = 'succeeded'`)).toMatchObject({ rowCount: 1 });
  });

  test('either ends or is cancelled, and last_date says which', async () => {
    const job = await createJob('Account');
    for (let day = 1; day <= 30; day++) {
      const before = await syncedTo(job);
      await tickTo(new Date(Date.UTC(2023, 3, day)).toISOString());
      const run = (await claim())!;
      const [ended, cancelled, due] = await Promise.all([
        succeedRun(database.pool, run, RECEIPT).then(
          () => true,
          () => false,
        ),
        cancelOpenRun(database.pool, run.runId, CANCELLED),
        makeRunDue(database.pool, job.id),
      ]);
      expect([ended, cancelled, due]).toEqual([!cancelled, !ended, undefined]);
      expect((await syncedTo(job)) !== before).toBe(ended);
      expect(await openRuns()).toBe(0);
    }
  });
});

describe('a waiting run', () => {
  const dueIn = async (): Promise<number> => {
    const { rows } = await database.pool.query<{ seconds: number }>(
      `SELECT extract(epoch FROM run_at - now())::float AS seconds FROM runs WHERE state = 'queued'`,
    );
    return rows[0]!.seconds;
  };

  test('becomes due on request, with its failures', async () => {
    const job = await createJob('Account');
    const [runId] = await tickTo('2023-03-20');
    await postponeRun(database.pool, (await claim())!, 900_000, 7, CANCELLED);
    expect(await claim()).toBeUndefined();
    expect(await makeRunDue(database.pool, job.id, '00000000-0000-4000-8000-000000000000')).toBeUndefined();
    expect(await makeRunDue(database.pool, job.id, runId)).toBe(runId);
    expect(await makeRunDue(database.pool, job.id)).toBeUndefined();
    expect(await claim()).toMatchObject({ runId, failures: 7 });
  });

  test('never becomes due before its window is readable', async () => {
    const job = await createJob('Account');
    await tickTo('2023-03-20', 60_000);
    expect(await makeRunDue(database.pool, job.id)).toBeUndefined();
    await database.pool.query(`UPDATE runs SET run_at = run_at + interval '1 hour'`);
    expect(await makeRunDue(database.pool, job.id)).toBeDefined();
    expect(await dueIn()).toBeGreaterThan(50);
    // Once a later window is wanted, this one is readable.
    await tickTo('2023-03-21', 60_000);
    expect(await makeRunDue(database.pool, job.id)).toBeDefined();
    expect(await dueIn()).toBeLessThanOrEqual(0);
  });

  test('never becomes due before its window is readable, even if later windows have closed since', async () => {
    const job = await createJob('Account', connection, '15m');
    await tickTo('2023-03-20T10:00:00Z', 40 * 60_000);
    await tickTo('2023-03-20T10:15:00Z', 40 * 60_000);
    await database.pool.query(`UPDATE runs SET run_at = run_at + interval '1 hour'`);
    expect(await makeRunDue(database.pool, job.id)).toBeDefined();
    // Both ticks came at the same real time, so the first window is readable 15 minutes before the second.
    expect(Math.round((await dueIn()) / 60)).toBe(25);
  });

  test('keeps waiting for a login', async () => {
    const job = await createJob('Account');
    await tickTo('2023-03-20');
    await postponeRun(database.pool, (await claim())!, 900_000, 1, undefined);
    await database.pool.query(`UPDATE connections SET status = 'needs_login'`);
    expect(await makeRunDue(database.pool, job.id)).toBeUndefined();
    expect(await dueIn()).toBeGreaterThan(800);
  });
});

describe('a paused job', () => {
  test('ignores ticks, and its queued run is cancelled', async () => {
    const job = await createJob('Account');
    await tickTo('2023-03-20');
    await pauseJob(database.pool, job.id);
    expect(await openRuns()).toBe(0);
    expect(await tickTo('2023-03-21')).toEqual([]);
    expect(await claim()).toBeUndefined();
  });

  test('cancels the run that a worker postpones, and records when', async () => {
    const job = await createJob('Account');
    await tickTo('2023-03-20');
    const run = (await claim())!;
    await pauseJob(database.pool, job.id);
    expect(await postponeRun(database.pool, run, 0, 1, undefined)).toBe('cancelled');
    expect((await database.pool.query('SELECT FROM runs WHERE finished_at IS NOT NULL')).rowCount).toBe(1);
  });

  test('starts nothing when resumed: the open run is cancelled, and the next tick starts another', async () => {
    const job = await createJob('Account');
    await tickTo('2023-03-20');
    const run = (await claim())!;
    await pauseJob(database.pool, job.id);
    await postponeRun(database.pool, run, 0, 1, undefined);
    await resumeJob(database.pool, job.id, new Date('2023-03-22'));
    expect(await claim()).toBeUndefined();
    await tickTo('2023-03-21');
    const killed = (await claim(-1))!;
    await pauseJob(database.pool, job.id);
    await resumeJob(database.pool, job.id, new Date('2023-03-22'));
    expect(await claim()).toBeUndefined();
    await expect(succeedRun(database.pool, killed, RECEIPT)).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await syncedTo(job)).toBe('2023-03-01');
  });

  test('catches up on everything that it missed after it is resumed', async () => {
    const job = await createJob('Account');
    await pauseJob(database.pool, job.id);
    await tickTo('2023-03-22');
    await resumeJob(database.pool, job.id, new Date('2023-03-22'));
    await tickTo('2023-03-25');
    expect((await claim())!.window).toEqual({ from: new Date('2023-03-01'), to: new Date('2023-03-25') });
  });
});

describe('a tick concurrent with the end of a run', () => {
  const staleRuns = async (): Promise<number> =>
    (
      await database.pool.query(
        `SELECT FROM runs JOIN jobs ON jobs.id = job_id WHERE state IN ('queued', 'running') AND window_from <> synced_to`,
      )
    ).rowCount!;

  test('never queues the window that just ended', async () => {
    const job = await createJob('Account');
    await tickTo('2023-03-20');
    const run = (await claim())!;
    await afterEndOf(run, () => transaction(database.pool, (client) => queueRuns(client, [job.id])));
    expect(await syncedTo(job)).toBe('2023-03-20');
    expect(await openRuns()).toBe(0);
  });

  test('replaces a run that another release queued for a stale window', async () => {
    const job = await createJob('Account');
    const [stale] = await tickTo('2023-03-20');
    await database.pool.query(`UPDATE jobs SET synced_to = '2023-03-15'`);
    const run = (await claim())!;
    expect(run.window).toEqual({ from: new Date('2023-03-15'), to: new Date('2023-03-20') });
    const { rows } = await database.pool.query('SELECT state, error_code, finished_at FROM runs WHERE id = $1', [stale]);
    expect(rows).toEqual([{ state: 'cancelled', error_code: 'superseded', finished_at: expect.any(Date) }]);
    await succeedRun(database.pool, run, RECEIPT);
    expect(await syncedTo(job)).toBe('2023-03-20');
  });

  test('cancels a run whose window is already imported, and queues nothing', async () => {
    await createJob('Account');
    await tickTo('2023-03-20');
    await database.pool.query(`UPDATE jobs SET synced_to = '2023-03-20'`);
    expect(await claim()).toBeUndefined();
    expect(await openRuns()).toBe(0);
  });

  test('keeps eight jobs consistent under four clients that tick as fast as they can', async () => {
    const objects = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'];
    for (const object of objects) await createJob(object);
    const lastDay = 40;
    let day = 1;
    const ticks = Array.from({ length: 4 }, async () => {
      while (day < lastDay) await tickTo(new Date(Date.UTC(2023, 3, day)).toISOString());
    });
    const work = Array.from({ length: 3 }, async () => {
      while (day < lastDay) {
        const run = await claim();
        if (run) await succeedRun(database.pool, run, RECEIPT);
        day++;
        expect(await staleRuns()).toBe(0);
      }
    });
    await Promise.all([...ticks, ...work]);
    await tickTo(new Date(Date.UTC(2023, 3, lastDay)).toISOString());
    for (let run = await claim(); run; run = await claim()) await succeedRun(database.pool, run, RECEIPT);
    const { rows } = await database.pool.query('SELECT DISTINCT synced_to FROM jobs');
    expect(rows).toEqual([{ synced_to: new Date(Date.UTC(2023, 3, lastDay)) }]);
    expect(await database.pool.query(`SELECT FROM runs WHERE state <> 'succeeded'`)).toMatchObject({ rowCount: 0 });
  });
});

const openRuns = async (): Promise<number> =>
  (await database.pool.query(`SELECT FROM runs WHERE state IN ('queued', 'running')`)).rowCount!;

/** Waits until this many statements of this database wait for a lock. */
/**
 * Runs `work` while the end of a run holds the run's row and waits for the job's, which a third session locks, so that the two always
 * collide. @returns its result, once both are done
 */
async function afterEndOf<Result>(run: Run, work: () => Promise<Result>): Promise<Result> {
  const locker = await database.pool.connect();
  await locker.query('BEGIN');
  await locker.query('SELECT FROM jobs FOR NO KEY UPDATE');
  const ending = succeedRun(database.pool, run, RECEIPT);
  await lockWaits(1);
  const working = work();
  await lockWaits(2);
  await locker.query('COMMIT');
  locker.release();
  const [result] = await Promise.all([working, ending]);
  return result;
}

async function lockWaits(count: number): Promise<void> {
  const sql = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  while ((await database.pool.query(sql)).rowCount! < count) await new Promise((resolve) => setTimeout(resolve, 10));
}

test('concurrent ticks start one run per job and do not block each other', async () => {
  for (const object of ['A', 'B', 'C', 'D', 'E']) await createJob(object);
  for (let day = 1; day <= 60; day++) {
    await database.pool.query('TRUNCATE runs CASCADE');
    const date = new Date(Date.UTC(2023, 3, day)).toISOString();
    const started = await Promise.all(Array.from({ length: 8 }, () => tickTo(date)));
    expect(started.flat()).toHaveLength(5);
  }
});
