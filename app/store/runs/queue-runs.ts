import type pg from 'pg';
import type { RepairPass } from '../../core/runs/pass.ts';
import { RUN_STATE_AFTER } from '../../core/runs/run-state.ts';
import type { Window } from '../../core/runs/window.ts';
import { type Queryable, transaction } from '../database.ts';
import { SWEEP_INTERVAL } from '../jobs/due-sweeps.ts';
import { FIRST_JOB_ID, type JobFilter, TAKEN_OVER, TICK_BATCH, type WantedWindow, wantWindows } from '../jobs/jobs.ts';

/** The Postgres channel on which new runs are announced. */
export const RUNS_CHANNEL = 'runs';

/** The error of a run that started over as another one. */
export const RENEWED = { code: 'superseded', message: 'The run has started over: another one replaces it.' };

/** The jobs that a tick selected, and the runs that it queued. */
export interface QueuedRuns {
  jobIds: string[];
  runIds: string[];
}

/**
 * One tick: requests the window of its interval for every active job, and queues the runs that are due, in batches, each in a transaction.
 * Jobs without anything due are not written. A job with an open run gets its next run when that run succeeds. A tick that is interrupted
 * has queued some runs; the next one queues the others.
 */
export async function queueDueRuns(database: pg.Pool, wanted: readonly WantedWindow[], filter: JobFilter): Promise<QueuedRuns> {
  const batches: QueuedRuns[] = [];
  for (let after: string | undefined = FIRST_JOB_ID; after !== undefined; ) {
    const batch = await queueBatch(database, wanted, filter, after);
    batches.push(batch);
    after = batch.jobIds[TICK_BATCH - 1];
  }
  await transaction(database, async (client) => {
    await queueUnfinished(client, filter);
    await queueDueSweeps(client, filter);
  });
  return { jobIds: batches.flatMap(({ jobIds }) => jobIds), runIds: batches.flatMap(({ runIds }) => runIds) };
}

async function queueBatch(database: pg.Pool, wanted: readonly WantedWindow[], filter: JobFilter, after: string): Promise<QueuedRuns> {
  return await transaction(database, async (client) => {
    const jobIds = await wantWindows(client, wanted, filter, after);
    return { jobIds, runIds: await insertWindows(client, jobIds) };
  });
}

/**
 * Queues a window for each of these jobs that is behind and has no open window. Must be called in a transaction: it locks the jobs first, so that
 * `synced_to` cannot change before it is written as the window's start. It never waits for a run's row, which the end of a run locks before
 * its job. Uses runs_one_open_per_lane.
 */
export async function queueRuns(database: Queryable, jobIds: string[]): Promise<string[]> {
  const due = await database.query<{ id: string }>(
    'SELECT id FROM jobs WHERE id = ANY($1::uuid[]) AND active AND wanted_to > synced_to ORDER BY id FOR NO KEY UPDATE',
    [jobIds],
  );
  return await insertWindows(
    database,
    due.rows.map((row) => row.id),
  );
}

/**
 * Queues a window for each of these jobs, which the transaction has locked, if it is behind and has no open window. OFFSET 0 makes Postgres
 * look up the open window of each job in runs_one_open_per_lane, whatever its statistics say.
 */
async function insertWindows(client: Queryable, jobIds: string[]): Promise<string[]> {
  if (jobIds.length === 0) return [];
  const { rows } = await client.query<{ id: string }>(
    `INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, run_at)
     SELECT id, connection_id, 'window', synced_to, wanted_to, greatest(now(), wanted_at) FROM jobs
     WHERE id = ANY($1::uuid[]) AND active AND wanted_to > synced_to AND NOT EXISTS (
       SELECT FROM runs WHERE job_id = jobs.id AND (kind = 'window') AND state IN ('queued', 'running') OFFSET 0)
     ON CONFLICT DO NOTHING RETURNING id`,
    [jobIds],
  );
  if (rows.length > 0) await announceRuns(client);
  return rows.map((row) => row.id);
}

/** A repair of a job, over `[from, to)`. */
export type Repair = RepairPass & { readonly window: Window };

/**
 * Queues a repair of a job. If a chain of runs executes it, the range is that of the first.
 * @returns its id; undefined if another repair of the job is open. Uses runs_one_open_per_lane
 */
export async function queueRepair(database: Queryable, jobId: string, { kind, window, ...scope }: Repair): Promise<string | undefined> {
  const { rows } = await database.query<{ id: string }>(
    `INSERT INTO runs (job_id, connection_id, kind, scope, window_from, window_to, repair_to, run_at)
     SELECT id, connection_id, $2, $3, $4, $5, $5, now() FROM jobs WHERE id = $1 ON CONFLICT DO NOTHING RETURNING id`,
    [jobId, kind, JSON.stringify(scope), window.from, window.to],
  );
  if (rows.length > 0) await announceRuns(database);
  return rows[0]?.id;
}

/**
 * Queues a repair that failed or was cancelled again.
 * @returns its id; undefined if it is open or succeeded, or another repair of the job is open. Uses runs_one_open_per_lane
 */
export async function queueRepairAgain(database: Queryable, runId: string): Promise<string | undefined> {
  const { rows } = await database.query<{ id: string; job_id: string; erase: string | null }>(
    `INSERT INTO runs (job_id, connection_id, kind, scope, window_from, window_to, repair_to, accepted, run_at)
     SELECT runs.job_id, jobs.connection_id, kind, scope, window_from, repair_to, repair_to, accepted, now() FROM runs JOIN jobs ON jobs.id = runs.job_id
     WHERE runs.id = $1 AND kind <> 'window' AND state IN ('failed', 'cancelled') ON CONFLICT DO NOTHING RETURNING id, job_id, scope ->> 'erase' AS erase`,
    [runId],
  );
  if (!rows[0]) return undefined;
  const { id, job_id, erase } = rows[0];
  if (erase !== null) await saveRecordToErase(database, job_id, erase);
  await announceRuns(database);
  return id;
}

/** Until it is erased, ticks queue its erasure again if that has failed. @param hash of its Id */
export async function saveRecordToErase(client: Queryable, jobId: string, hash: string): Promise<void> {
  await client.query('UPDATE jobs SET erase_records = array_remove(erase_records, $2) || $2::text WHERE id = $1', [jobId, hash]);
}

/**
 * Ends open repairs and queues each again from the start of its run. Must be called in a transaction.
 * @param condition on `runs`, in SQL; its parameters start at `$3`
 * @returns how many
 */
export async function renewRepairs(client: Queryable, condition: string, parameters: unknown[] = []): Promise<number> {
  const { rows } = await client.query<{ id: string }>(
    `UPDATE runs SET state = '${RUN_STATE_AFTER.cancel}', finished_at = now(), error_code = $1, error_message = $2
     WHERE kind <> 'window' AND state IN ('queued', 'running') AND ${condition} RETURNING id`,
    [RENEWED.code, RENEWED.message, ...parameters],
  );
  await client.query(
    `INSERT INTO runs (job_id, connection_id, kind, scope, window_from, window_to, repair_to, accepted, run_at)
     SELECT job_id, connection_id, kind, scope, window_from, repair_to, repair_to, accepted, now() FROM runs WHERE id = ANY($1)`,
    [rows.map(({ id }) => id)],
  );
  if (rows.length > 0) await announceRuns(client);
  return rows.length;
}

/**
 * Makes a job's waiting window due now, or as soon as its window is readable. Leaves runs of paused jobs, and runs that wait for a login.
 * Locks only the run's row, so it cannot deadlock with the end of a run. Uses runs_one_open_per_lane.
 * @param runId this run instead, window or repair
 * @returns the run's id; undefined if it was not waiting, or cannot start sooner
 */
export async function makeRunDue(database: Queryable, jobId: string, runId?: string): Promise<string | undefined> {
  // A later tick may have moved wanted_at on together with wanted_to: the run's own window is readable earlier by as much as it ends earlier.
  const dueAt = `CASE runs.kind WHEN 'window' THEN greatest(now(), jobs.wanted_at - (jobs.wanted_to - runs.window_to)) ELSE now() END`;
  const { rows } = await database.query<{ id: string }>(
    `UPDATE runs SET run_at = ${dueAt} FROM jobs JOIN connections ON connections.id = jobs.connection_id
     WHERE runs.job_id = $1 AND (runs.id = $2 OR ($2 IS NULL AND runs.kind = 'window')) AND runs.state = 'queued' AND jobs.id = runs.job_id
       AND jobs.active AND connections.status = 'active' AND runs.run_at > ${dueAt} RETURNING runs.id`,
    [jobId, runId ?? null],
  );
  if (rows.length > 0) await announceRuns(database);
  return rows[0]?.id;
}

/** A sweep, or another repair of whole tables, that failed or was cancelled is not repeated by itself before this. */
const REPEAT_AFTER = '1 day';

const HAS_FAILED_SWEEP = `EXISTS (SELECT FROM runs WHERE job_id = jobs.id AND kind = 'sweep' AND state IN ('failed', 'cancelled')
  AND error_code IS DISTINCT FROM '${RENEWED.code}' AND finished_at > now() - interval '${REPEAT_AFTER}')`;

/** A job with fields that old rows lack. */
const NEEDS_BACKFILL = `(backfill_fields <> '{}' AND NOT ${HAS_FAILED_SWEEP})`;

/** Queues a sweep for each matching job that is due for one or has fields to backfill. Uses jobs_by_sweep and jobs_to_backfill. */
async function queueDueSweeps(client: Queryable, { connectionId, jobId }: JobFilter): Promise<void> {
  await queueSweeps(
    client,
    `SELECT id FROM jobs WHERE NOT whole AND sweep_due_at <= now() UNION SELECT id FROM jobs WHERE ${NEEDS_BACKFILL}`,
    `($1::bigint IS NULL OR connection_id = $1) AND ($2::uuid IS NULL OR jobs.id = $2)
     AND (SELECT status = 'active' FROM connections WHERE connections.id = jobs.connection_id)`,
    [connectionId ?? null, jobId ?? null],
  );
}

/**
 * Queues what is left to erase for each matching job, unless it failed or was cancelled by request within a day, and otherwise what erasing runs
 * interrupted. Nothing is queued for a job with an open repair. Must be called in a transaction. Uses jobs_to_clear, jobs_to_erase,
 * jobs_interrupted and runs_one_open_per_lane.
 */
export async function queueUnfinished(client: Queryable, filter: JobFilter): Promise<void> {
  await queueErasing(
    client,
    filter,
    `clear_fields <> '{}'`,
    `SELECT jsonb_build_object('clear', ARRAY(SELECT jsonb_object_keys(clear_fields))) AS scope WHERE NOT ${hasFailed(`runs.scope ? 'clear'`)}`,
  );
  await queueErasing(
    client,
    filter,
    `erase_records <> '{}'`,
    `SELECT jsonb_build_object('erase', hash) AS scope FROM unnest(erase_records) AS hash
     WHERE NOT ${hasFailed(`runs.scope ->> 'erase' = hash`)} LIMIT 1`,
  );
  await queueInterrupted(client, filter);
}

/** Not of one that another run replaced, or that ended with its connection: it has not failed. @param which condition on `runs`, in SQL */
function hasFailed(which: string): string {
  return `EXISTS (SELECT FROM runs WHERE job_id = jobs.id AND ${which} AND state IN ('failed', 'cancelled')
    AND coalesce(error_code, '') NOT IN ('${RENEWED.code}', '${TAKEN_OVER.code}') AND finished_at > now() - interval '${REPEAT_AFTER}')`;
}

/** Of jobs that match `$1` and `$2`. */
const MATCHES = `active AND ($1::bigint IS NULL OR connection_id = $1) AND ($2::uuid IS NULL OR jobs.id = $2)`;

/**
 * @param pending condition on `jobs`, in SQL
 * @param scope selects the scope of the run to queue for a job, in SQL; no row: none
 */
async function queueErasing(client: Queryable, { connectionId, jobId }: JobFilter, pending: string, scope: string): Promise<void> {
  const { rowCount } = await client.query(
    `INSERT INTO runs (job_id, connection_id, kind, scope, window_from, window_to, repair_to, run_at)
     SELECT id, connection_id, 'reimport', due.scope, start_date, ended_at, ended_at, now()
     FROM jobs CROSS JOIN LATERAL (SELECT greatest(synced_to, start_date + interval '1 day') AS ended_at) AS range
       CROSS JOIN LATERAL (${scope}) AS due
     WHERE ${pending} AND ${MATCHES} ON CONFLICT DO NOTHING`,
    [connectionId ?? null, jobId ?? null],
  );
  if (rowCount) await announceRuns(client);
}

/** Queues the oldest interrupted repair of each matching job that has nothing left to erase. It may have been deleted, after weeks. */
async function queueInterrupted(client: Queryable, { connectionId, jobId }: JobFilter): Promise<void> {
  const { rowCount } = await client.query(
    `WITH free AS MATERIALIZED (
       SELECT id, connection_id, interrupted[1] AS run_id FROM jobs
       WHERE interrupted <> '{}' AND clear_fields = '{}' AND erase_records = '{}' AND ${MATCHES}
         AND NOT EXISTS (SELECT FROM runs WHERE job_id = jobs.id AND (kind = 'window') = false AND state IN ('queued', 'running') OFFSET 0)
       ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
     ), queued AS (
       INSERT INTO runs (job_id, connection_id, kind, scope, window_from, window_to, repair_to, accepted, run_at)
       SELECT free.id, free.connection_id, kind, scope, window_from, repair_to, repair_to, accepted, now() FROM free JOIN runs ON runs.id = run_id
       ON CONFLICT DO NOTHING RETURNING job_id
     )
     UPDATE jobs SET interrupted = interrupted[2:] FROM free
     WHERE jobs.id = free.id AND (free.id IN (SELECT job_id FROM queued) OR NOT EXISTS (SELECT FROM runs WHERE id = run_id))`,
    [connectionId ?? null, jobId ?? null],
  );
  if (rowCount) await announceRuns(client);
}

/** Queues a sweep of a job that has fields to backfill. */
export async function queueBackfill(client: Queryable, jobId: string): Promise<void> {
  await queueSweeps(client, `SELECT id FROM jobs WHERE id = $1 AND ${NEEDS_BACKFILL}`, 'true', [jobId]);
}

/**
 * Queues a sweep for each active job that is due and meets a condition, has imported a window, and has no open repair. The next one is due
 * a week later, whatever becomes of it. Objects that windows replace whole are never swept. The due jobs, which are few, are found first and
 * the rest is looked up for each (OFFSET 0), whatever Postgres's statistics say. Uses runs_one_open_per_lane.
 * @param due selects the ids of jobs, in SQL
 * @param condition on `jobs`, in SQL
 */
async function queueSweeps(client: Queryable, due: string, condition: string, parameters: unknown[]): Promise<void> {
  const { rows } = await client.query<{ job_id: string }>(
    `WITH due AS MATERIALIZED (${due})
     INSERT INTO runs (job_id, connection_id, kind, scope, window_from, window_to, repair_to, run_at)
     SELECT jobs.id, connection_id, 'sweep', '{}', start_date, synced_to, synced_to, now() FROM due JOIN jobs ON jobs.id = due.id
     WHERE active AND NOT whole AND synced_to > start_date AND ${condition}
       AND NOT EXISTS (SELECT FROM runs WHERE job_id = jobs.id AND (kind = 'window') = false AND state IN ('queued', 'running') OFFSET 0)
     ON CONFLICT DO NOTHING RETURNING job_id`,
    parameters,
  );
  if (rows.length === 0) return;
  await client.query(`UPDATE jobs SET sweep_due_at = now() + interval '${SWEEP_INTERVAL}' WHERE id = ANY($1)`, [
    rows.map(({ job_id }) => job_id),
  ]);
  await announceRuns(client);
}

/** Wakes idle workers. */
export async function announceRuns(database: Queryable): Promise<void> {
  await database.query(`SELECT pg_notify($1, '')`, [RUNS_CHANNEL]);
}
