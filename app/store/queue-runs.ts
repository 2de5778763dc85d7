import type pg from 'pg';
import { type Queryable, transaction } from './database.ts';
import { type JobFilter, type WantedWindow, wantWindows } from './jobs.ts';

/** The Postgres channel on which new runs are announced. */
export const RUNS_CHANNEL = 'runs';

/** The jobs that a tick selected, and the runs that it queued. */
export interface QueuedRuns {
  jobIds: string[];
  runIds: string[];
}

/**
 * One tick: requests the window of its interval for every active job, and queues the runs that are due.
 * A job with an open run gets its next run when that run succeeds.
 */
export async function queueDueRuns(database: pg.Pool, wanted: readonly WantedWindow[], filter: JobFilter): Promise<QueuedRuns> {
  return await transaction(database, async (client) => {
    const jobIds = await wantWindows(client, wanted, filter);
    return { jobIds, runIds: await queueRuns(client, jobIds) };
  });
}

/**
 * Queues a run for each of these jobs that is behind and has no open run. Must be called in a transaction: it locks the jobs first, so that
 * `synced_to` cannot change before it is written as the window's start. It never waits for a run's row, which the end of a run locks before
 * its job. Uses runs_one_open_per_job.
 */
export async function queueRuns(database: Queryable, jobIds: string[]): Promise<string[]> {
  const due = await database.query<{ id: string }>(
    'SELECT id FROM jobs WHERE id = ANY($1::uuid[]) AND active AND wanted_to > synced_to ORDER BY id FOR NO KEY UPDATE',
    [jobIds],
  );
  if (due.rows.length === 0) return [];
  const { rows } = await database.query<{ id: string }>(
    `INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, run_at)
     SELECT id, connection_id, 'window', synced_to, wanted_to, greatest(now(), wanted_at) FROM jobs
     WHERE id = ANY($1::uuid[]) AND NOT EXISTS (SELECT FROM runs WHERE job_id = jobs.id AND state IN ('queued', 'running'))
     ON CONFLICT DO NOTHING RETURNING id`,
    [due.rows.map((row) => row.id)],
  );
  if (rows.length > 0) await announceRuns(database);
  return rows.map((row) => row.id);
}

/** Queues a job's next run, as a tick would, but up to the window end of the latest tick. @returns its id; undefined: nothing is due */
export async function queueNextRun(database: pg.Pool, jobId: string): Promise<string | undefined> {
  const [runId] = await transaction(database, (client) => queueRuns(client, [jobId]));
  return runId;
}

/**
 * Makes a job's waiting run due now, or as soon as its window is readable. Leaves runs of paused jobs, and runs that wait for a login.
 * Locks only the run's row, so it cannot deadlock with the end of a run. Uses runs_one_open_per_job.
 * @param runId only this run; undefined: any
 * @returns the run's id; undefined if it was not waiting, or cannot start sooner
 */
export async function makeRunDue(database: Queryable, jobId: string, runId?: string): Promise<string | undefined> {
  // A later tick may have moved wanted_at on together with wanted_to: the run's own window is readable earlier by as much as it ends earlier.
  const dueAt = 'greatest(now(), jobs.wanted_at - (jobs.wanted_to - runs.window_to))';
  const { rows } = await database.query<{ id: string }>(
    `UPDATE runs SET run_at = ${dueAt} FROM jobs JOIN connections ON connections.id = jobs.connection_id
     WHERE runs.job_id = $1 AND ($2::uuid IS NULL OR runs.id = $2) AND runs.state = 'queued' AND jobs.id = runs.job_id
       AND jobs.active AND connections.status = 'active' AND runs.run_at > ${dueAt} RETURNING runs.id`,
    [jobId, runId ?? null],
  );
  if (rows.length > 0) await announceRuns(database);
  return rows[0]?.id;
}

/** Wakes idle workers. */
async function announceRuns(database: Queryable): Promise<void> {
  await database.query(`SELECT pg_notify($1, '')`, [RUNS_CHANNEL]);
}
