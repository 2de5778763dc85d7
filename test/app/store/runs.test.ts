import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Receipt } from '../../../app/core/receipt.ts';
import { type Connection, saveGrant } from '../../../app/store/connections.ts';
import { transaction } from '../../../app/store/database.ts';
import { findJob, insertJob, type Job, pauseJob, resumeJob } from '../../../app/store/jobs.ts';
import { insertPage, savePage } from '../../../app/store/pages.ts';
import {
  claimRun,
  extendLease,
  failRun,
  postponeRun,
  queueDueRuns,
  queueRuns,
  type Run,
  saveTarget,
  succeedRun,
} from '../../../app/store/runs.ts';
import { createSealer } from '../../../app/store/seal.ts';
import { cutSlice, readSlices, saveSlice, saveSlices, shortenRun, startGeneration } from '../../../app/store/slices.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

const RECEIPT = { verdict: 'exact' } as Receipt;
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

async function makeJob(objectName: string, owner = connection): Promise<Job> {
  const job = await insertJob(database.pool, {
    connectionId: owner.id,
    objectName,
    cursorField: 'SystemModstamp',
    cursorNillable: false,
    targetDataset: 'salesforce',
    targetTable: objectName,
    partitioned: false,
    deletes: 'keep',
    appendOnly: false,
    startDate: new Date('2023-03-01'),
    activeSince: new Date('2023-03-01'),
  });
  return job!;
}

async function tickTo(date: string, lagMs = 0): Promise<string[]> {
  return (await queueDueRuns(database.pool, new Date(date), lagMs, {})).runIds;
}

const claim = (leaseSeconds = 60, perConnection = 10): Promise<Run | undefined> => claimRun(database.pool, leaseSeconds, perConnection);
const syncedTo = async (job: Job): Promise<string> =>
  (await findJob(database.pool, job.connectionId, job.objectName))!.syncedTo.toISOString().slice(0, 10);

describe('a run', () => {
  test('covers what lies between last_date and the wanted end, and moves last_date there when it ends', async () => {
    const job = await makeJob('Account');
    await tickTo('2023-03-20');
    const run = (await claim())!;
    expect(run.window).toEqual({ from: new Date('2023-03-01'), to: new Date('2023-03-20') });
    expect(await syncedTo(job)).toBe('2023-03-01');
    await succeedRun(database.pool, run, RECEIPT);
    expect(await syncedTo(job)).toBe('2023-03-20');
  });

  test('is not started twice: a tick while it is open starts nothing, and what that tick wanted follows it', async () => {
    const job = await makeJob('Account');
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

  test('that waited for days is begun anew, since its staging tables and Bulk results go', async () => {
    await makeJob('Account');
    const [old] = await tickTo('2023-03-20');
    await database.pool.query(`UPDATE runs SET created_at = now() - interval '6 days'`);
    const run = (await claim())!;
    expect(run.runId).not.toBe(old);
    expect(run.window).toEqual({ from: new Date('2023-03-01'), to: new Date('2023-03-20') });
  });

  test('that the release before this one began goes on with its columns, which then had the names of their fields', async () => {
    await makeJob('Account');
    await tickTo('2023-03-20');
    await database.pool.query(`UPDATE runs SET columns = '[{"name": "Id", "type": "STRING"}]'`);
    const run = (await claim())!;
    expect(run.columns).toEqual([{ field: 'Id', name: 'Id', type: 'STRING' }]);
    expect(run.drift).toEqual({ added: [], orphaned: [], retyped: [], skipped: [] });
  });

  test('is not claimed before Salesforce has had time to commit', async () => {
    await makeJob('Account');
    await tickTo('2023-03-20', 60_000);
    expect(await claim()).toBeUndefined();
  });

  test('is taken over when its lease has run out, and its old owner can then write nothing', async () => {
    const job = await makeJob('Account');
    await tickTo('2023-03-20');
    const lost = (await claim(-1))!;
    const taken = (await claim())!;
    expect(taken.runId).toBe(lost.runId);
    expect(taken.attempt).toBe(lost.attempt + 1);
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
    await saveSlices(database.pool, taken, plan);
    await expect(succeedRun(database.pool, lost, RECEIPT)).rejects.toMatchObject(leaseLost);
    await expect(failRun(database.pool, lost, 1, { code: 'internal', message: '' })).rejects.toMatchObject(leaseLost);
    await expect(postponeRun(database.pool, lost, 0, 1, undefined)).rejects.toMatchObject(leaseLost);
    await expect(extendLease(database.pool, lost, 60)).rejects.toMatchObject(leaseLost);
    await expect(saveSlice(database.pool, lost, 0, { bulkJobId: '750' })).rejects.toMatchObject(leaseLost);
    const [slice] = await readSlices(database.pool, taken);
    await expect(startGeneration(database.pool, lost, slice!)).rejects.toMatchObject(leaseLost);
    await expect(cutSlice(database.pool, lost, slice!, [slice!, slice!])).rejects.toMatchObject(leaseLost);
    await expect(shortenRun(database.pool, lost, new Date('2023-03-10'))).rejects.toMatchObject(leaseLost);
    await expect(saveTarget(database.pool, lost, new Date())).rejects.toMatchObject(leaseLost);
    const key = { slice: 0, fieldGroup: 0, generation: 1, number: 0, locator: null };
    const page = await insertPage(database.pool, taken, key);
    await expect(insertPage(database.pool, lost, { ...key, number: 1 })).rejects.toMatchObject(leaseLost);
    await expect(savePage(database.pool, lost, page, { loaded: 1 })).rejects.toMatchObject(leaseLost);
    expect(await readSlices(database.pool, taken)).toEqual([slice]);
    expect(await syncedTo(job)).toBe('2023-03-01');
    await succeedRun(database.pool, taken, RECEIPT);
    expect(await syncedTo(job)).toBe('2023-03-20');
  });

  test('counts the loss of its worker as a failure, and lets runs that came due meanwhile go first', async () => {
    await makeJob('Account');
    await makeJob('Contact');
    await tickTo('2023-03-20');
    const lost = (await claim(-1))!;
    await database.pool.query(`UPDATE runs SET run_at = now() - interval '1 hour'`);
    const other = (await claim())!;
    expect(other.runId).not.toBe(lost.runId);
    const taken = (await claim())!;
    expect(taken).toMatchObject({ runId: lost.runId, failures: lost.failures + 1 });
  });

  test('ends, or is cancelled, while its job is resumed: neither waits for the other', async () => {
    const job = await makeJob('Account');
    for (let day = 1; day <= 30; day++) {
      await tickTo(new Date(Date.UTC(2023, 3, day)).toISOString());
      const run = (await claim(-1))!;
      await pauseJob(database.pool, job.id);
      const ended = succeedRun(database.pool, run, RECEIPT).catch((error: unknown) => error);
      await resumeJob(database.pool, job.id, new Date('2023-03-22'));
      expect([undefined, 'lease_lost']).toContain(((await ended) as { code?: string } | undefined)?.code);
    }
  });

  test('that failed leaves last_date where it was, and the next tick begins anew', async () => {
    const job = await makeJob('Account');
    await tickTo('2023-03-20');
    await failRun(database.pool, (await claim())!, 1, { code: 'salesforce_refused', message: 'no' });
    expect(await syncedTo(job)).toBe('2023-03-01');
    expect(await claim()).toBeUndefined();
    await tickTo('2023-03-20');
    expect((await claim())!.window.from).toEqual(new Date('2023-03-01'));
  });

  test('is claimed by one worker only, and by no more than the limit a connection, however many ask at once', async () => {
    for (const object of ['A', 'B', 'C', 'D', 'E', 'F']) await makeJob(object);
    const other = await connect('B');
    for (const object of ['G', 'H']) await makeJob(object, other);
    await tickTo('2023-03-20');
    const claimed = (await Promise.all(Array.from({ length: 9 }, () => claim(60, 2)))).filter((run) => run !== undefined);
    expect(new Set(claimed.map((run) => run.runId)).size).toBe(4);
    expect(claimed.filter((run) => run.job.connectionId === connection.id)).toHaveLength(2);
    expect(claimed.filter((run) => run.job.connectionId === other.id)).toHaveLength(2);
  });
});

test('windows leave no gap and do not overlap, whenever ticks come, and whatever is paused, fails or is taken over', async () => {
  const events = fc.array(fc.constantFrom('tick', 'pause', 'resume', 'succeed', 'fail', 'postpone', 'steal'), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(events, async (steps) => {
      await database.pool.query('TRUNCATE jobs, runs CASCADE');
      const job = await makeJob('Account');
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

/** What a worker does with the run that is due, if there is one. */
async function endClaimed(step: string, done: Run['window'][]): Promise<void> {
  const run = await claim(step === 'steal' ? -1 : 60);
  if (!run) return;
  if (step === 'fail') await failRun(database.pool, run, 1, { code: 'internal', message: '' });
  if (step === 'postpone') await postponeRun(database.pool, run, 0, 1, undefined);
  if (step !== 'succeed') return;
  await succeedRun(database.pool, run, RECEIPT);
  done.push(run.window);
}

describe('a paused job', () => {
  test('rests through every tick, and its waiting run is cancelled', async () => {
    const job = await makeJob('Account');
    await tickTo('2023-03-20');
    await pauseJob(database.pool, job.id);
    expect(await openRuns()).toBe(0);
    expect(await tickTo('2023-03-21')).toEqual([]);
    expect(await claim()).toBeUndefined();
  });

  test('cancels the run that a worker puts back, and notes when', async () => {
    const job = await makeJob('Account');
    await tickTo('2023-03-20');
    const run = (await claim())!;
    await pauseJob(database.pool, job.id);
    expect(await postponeRun(database.pool, run, 0, 1, undefined)).toBe('cancelled');
    expect((await database.pool.query('SELECT FROM runs WHERE finished_at IS NOT NULL')).rowCount).toBe(1);
  });

  test('begins nothing by being resumed: what its pause left over is cancelled, and waits for a tick', async () => {
    const job = await makeJob('Account');
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

  test('catches up on all that it missed once it is resumed', async () => {
    const job = await makeJob('Account');
    await pauseJob(database.pool, job.id);
    await tickTo('2023-03-22');
    await resumeJob(database.pool, job.id, new Date('2023-03-22'));
    await tickTo('2023-03-25');
    expect((await claim())!.window).toEqual({ from: new Date('2023-03-01'), to: new Date('2023-03-25') });
  });
});

describe('a tick that meets the end of a run', () => {
  const staleRuns = async (): Promise<number> =>
    (
      await database.pool.query(
        `SELECT FROM runs JOIN jobs ON jobs.id = job_id WHERE state IN ('queued', 'running') AND window_from <> synced_to`,
      )
    ).rowCount!;

  test('never queues the window that just ended', async () => {
    const job = await makeJob('Account');
    await tickTo('2023-03-20');
    const run = (await claim())!;
    // A third session holds the job's row, so that the two meet every time.
    const third = await database.pool.connect();
    await third.query('BEGIN');
    await third.query('SELECT FROM jobs FOR NO KEY UPDATE');
    const ending = succeedRun(database.pool, run, RECEIPT);
    await lockWaits(1);
    const ticking = transaction(database.pool, (client) => queueRuns(client, [job.id]));
    await lockWaits(2);
    await third.query('COMMIT');
    third.release();
    await Promise.all([ending, ticking]);
    expect(await syncedTo(job)).toBe('2023-03-20');
    expect(await openRuns()).toBe(0);
  });

  test('and a run that another release queued for such a window gives way to one for the right window', async () => {
    const job = await makeJob('Account');
    const [stale] = await tickTo('2023-03-20');
    await database.pool.query(`UPDATE jobs SET synced_to = '2023-03-15'`);
    const run = (await claim())!;
    expect(run.window).toEqual({ from: new Date('2023-03-15'), to: new Date('2023-03-20') });
    const { rows } = await database.pool.query('SELECT state, error_code, finished_at FROM runs WHERE id = $1', [stale]);
    expect(rows).toEqual([{ state: 'cancelled', error_code: 'superseded', finished_at: expect.any(Date) }]);
    await succeedRun(database.pool, run, RECEIPT);
    expect(await syncedTo(job)).toBe('2023-03-20');
  });

  test('and a run whose whole window was imported already ends, and nothing follows it', async () => {
    await makeJob('Account');
    await tickTo('2023-03-20');
    await database.pool.query(`UPDATE jobs SET synced_to = '2023-03-20'`);
    expect(await claim()).toBeUndefined();
    expect(await openRuns()).toBe(0);
  });

  test('ends well for eight jobs under four clients that tick as fast as they can', async () => {
    const objects = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H'];
    for (const object of objects) await makeJob(object);
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

/** Waits until so many statements of this database wait for a lock. */
async function lockWaits(count: number): Promise<void> {
  const sql = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  while ((await database.pool.query(sql)).rowCount! < count) await new Promise((resolve) => setTimeout(resolve, 10));
}

test('ticks at once start one run a job and do not block each other', async () => {
  for (const object of ['A', 'B', 'C', 'D', 'E']) await makeJob(object);
  for (let day = 1; day <= 60; day++) {
    await database.pool.query('TRUNCATE runs CASCADE');
    const date = new Date(Date.UTC(2023, 3, day)).toISOString();
    const started = await Promise.all(Array.from({ length: 8 }, () => tickTo(date)));
    expect(started.flat()).toHaveLength(5);
  }
});
