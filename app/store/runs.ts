import type pg from 'pg';
import type { FieldColumn } from '../core/columns.ts';
import { type Drift, NO_DRIFT } from '../core/drift.ts';
import type { FieldPlan } from '../core/field-groups.ts';
import type { CountedDelta } from '../core/reconciliation.ts';
import { RUN_STATE_AFTER, type RunState } from '../core/run-state.ts';
import type { Window } from '../core/window.ts';
import { AppError } from '../errors.ts';
import { onlyRow, type Queryable, transaction } from './database.ts';
import { type Job, type JobFilter, type JobRow, moveSyncedTo, toJob, wantWindows } from './jobs.ts';

/** A numbered claim of a run. It fences every write of a worker: the write changes nothing once another worker has claimed the run. */
export interface Lease {
  runId: string;
  attempt: number;
}

/** A run that a worker has claimed. */
export interface Run extends Lease {
  job: Job;
  /** org of the job's connection */
  orgId: string;
  /** when the connection's user last logged in */
  grantedAt: Date;
  window: Window;
  /** consecutive failures before this attempt */
  failures: number;
  /** settled by the first attempt; after that, fields are only removed */
  columns: FieldColumn[] | null;
  /** settled together with `columns` */
  drift: Drift;
  /** whether the fields were described for this run; otherwise they are the last known ones, which suffice while there are no rows */
  described: boolean;
  deltaTry: number;
  mergeTry: number;
  /** null until settled */
  insertOnly: boolean | null;
  counted: Counted | null;
  createdAt: Date;
}

/** The counts of a run's delta table, and the staging tables they apply to. */
export interface Counted {
  of: string;
  delta: CountedDelta;
  /** number of columns whose invalid values are already stored */
  keptColumns: number;
}

/** The Postgres channel on which new runs are announced. */
export const RUNS_CHANNEL = 'runs';

/** Serializes claims, because a count of running runs is valid only while no other claim is in progress. */
const CLAIM_LOCK = 0x5f_b9_02;

interface RunRow {
  id: string;
  attempt: number;
  window_from: Date;
  window_to: Date;
  failures: number;
  columns: StoredColumn[] | null;
  drift: Drift | null;
  described_at: Date | null;
  delta_try: number;
  merge_try: number;
  insert_only: boolean | null;
  counted: Counted | null;
  created_at: Date;
}

const WORKER_DIED = 'The worker died during the run. Check its log for the cause, for example insufficient memory.';

/** The previous release did not store `field`: it equalled the name. */
type StoredColumn = Omit<FieldColumn, 'field'> & { field?: string };

/** The error of a run that ended unread: another release may queue a run for a window that has just been imported. */
const SUPERSEDED: Failure = {
  code: 'superseded',
  message: 'The job had already imported the start of this window. A run for the rest replaces this one.',
};

/** The jobs that a tick selected, and the runs that it queued. */
export interface QueuedRuns {
  jobIds: string[];
  runIds: string[];
}

/**
 * One tick: requests windows up to `to`, readable in `lagMs` milliseconds, for every active job, and queues the runs that are due.
 * A job with an open run gets its next run when that run succeeds.
 */
export async function queueDueRuns(database: pg.Pool, to: Date, lagMs: number, filter: JobFilter): Promise<QueuedRuns> {
  return await transaction(database, async (client) => {
    const jobIds = await wantWindows(client, to, lagMs, filter);
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
     ON CONFLICT (job_id) WHERE state IN ('queued', 'running') DO NOTHING RETURNING id`,
    [due.rows.map((row) => row.id)],
  );
  if (rows.length > 0) await database.query(`SELECT pg_notify($1, '')`, [RUNS_CHANNEL]);
  return rows.map((row) => row.id);
}

/**
 * Claims the run that has been due the longest: a queued one, or one whose lease expired, which counts as a failure because the run may
 * have killed its worker. A run whose window does not start at its job's `synced_to` ends as superseded, and the next one is claimed.
 * Undefined if no run is due, or if the connection of every due run already has `perConnection` running. Uses runs_queued and runs_running.
 */
export async function claimRun(database: pg.Pool, leaseSeconds: number, perConnection: number): Promise<Run | undefined> {
  for (;;) {
    const claimed = await transaction(database, async (client) => {
      await client.query('SELECT pg_advisory_xact_lock($1)', [CLAIM_LOCK]);
      if (await replaceOldRuns(client)) return 'again';
      const row = await claimNext(client, leaseSeconds, perConnection);
      if (!row) return undefined;
      const result = await client.query<JobRow & { org_id: string; granted_at: Date }>(
        'SELECT jobs.*, connections.org_id, connections.granted_at FROM jobs JOIN connections ON connections.id = jobs.connection_id WHERE jobs.id = $1',
        [row.job_id],
      );
      const job = onlyRow(result);
      if (row.window_from.getTime() === job.synced_to.getTime()) return toRun(row, job);
      await supersedeRun(client, row.id, job.id);
      return 'again';
    });
    if (claimed !== 'again') return claimed;
  }
}

async function claimNext(
  client: Queryable,
  leaseSeconds: number,
  perConnection: number,
): Promise<(RunRow & { job_id: string }) | undefined> {
  const { rows } = await client.query<RunRow & { job_id: string }>(
    `WITH busy AS (
       SELECT connection_id, count(*) AS runs FROM runs WHERE state = 'running' AND lease_until >= now() GROUP BY connection_id
     ), next AS (
       SELECT runs.id FROM runs
       JOIN jobs ON jobs.id = runs.job_id
       JOIN connections ON connections.id = runs.connection_id
       LEFT JOIN busy ON busy.connection_id = runs.connection_id
       WHERE ((runs.state = 'queued' AND runs.run_at <= now()) OR (runs.state = 'running' AND runs.lease_until < now()))
         AND jobs.active AND connections.status = 'active' AND coalesce(busy.runs, 0) < $2
       ORDER BY CASE runs.state WHEN 'running' THEN runs.lease_until ELSE runs.run_at END, runs.id LIMIT 1 FOR NO KEY UPDATE OF runs SKIP LOCKED
     )
     UPDATE runs SET state = '${RUN_STATE_AFTER.claim}', attempt = attempt + 1, lease_until = now() + $1 * interval '1 second',
       started_at = coalesce(started_at, now()), failures = failures + (state = 'running')::int,
       error_code = CASE state WHEN 'running' THEN 'lease_lost' ELSE error_code END,
       error_message = CASE state WHEN 'running' THEN $3 ELSE error_message END
     FROM next WHERE runs.id = next.id RETURNING runs.*`,
    [leaseSeconds, perConnection, WORKER_DIED],
  );
  return rows[0];
}

async function supersedeRun(client: Queryable, runId: string, jobId: string): Promise<void> {
  await client.query(
    `UPDATE runs SET state = '${RUN_STATE_AFTER.cancel}', finished_at = now(), error_code = $2, error_message = $3 WHERE id = $1`,
    [runId, SUPERSEDED.code, SUPERSEDED.message],
  );
  await queueRuns(client, [jobId]);
}

/**
 * Replaces runs that have waited for days, for a login or for quota: their staging tables expire, and Salesforce keeps Bulk results for
 * only seven days.
 * @returns whether any run was replaced
 */
async function replaceOldRuns(client: Queryable): Promise<boolean> {
  const { rows } = await client.query<{ job_id: string }>(
    `UPDATE runs SET state = '${RUN_STATE_AFTER.cancel}', finished_at = now()
     WHERE created_at < now() - interval '6 days' AND (state = 'queued' OR (state = 'running' AND lease_until < now()))
     RETURNING job_id`,
  );
  if (rows.length === 0) return false;
  await queueRuns(
    client,
    rows.map((row) => row.job_id),
  );
  return true;
}

/** Extends a lease. @throws AppError lease_lost */
export async function extendLease(database: Queryable, lease: Lease, leaseSeconds: number): Promise<void> {
  await fenced(database, lease, `lease_until = now() + $3 * interval '1 second'`, [leaseSeconds]);
}

/** The settled fields of a run. */
export type SettledFields = { columns: FieldColumn[]; drift: Drift };

/** Saves the columns that the run requests, and how they differ from the target table's. @throws AppError lease_lost */
export async function saveColumns(database: Queryable, lease: Lease, { columns, drift }: SettledFields): Promise<void> {
  await fenced(database, lease, 'columns = $3, drift = $4', [JSON.stringify(columns), JSON.stringify(drift)]);
}

/** Records that the run's fields match a current describe. @throws AppError lease_lost */
export async function saveDescribed(database: Queryable, run: Run): Promise<void> {
  await fenced(database, run, 'described_at = now()', []);
  run.described = true;
}

/** Saves what refused queries revealed about the fields of the run's job. @throws AppError lease_lost */
export async function saveFieldPlan(database: Queryable, run: Run, plan: FieldPlan): Promise<void> {
  const { rowCount } = await database.query(`UPDATE jobs SET field_plan = $4 WHERE id = $3 AND ${LEASE_HELD}`, [
    run.runId,
    run.attempt,
    run.job.id,
    JSON.stringify(plan),
  ]);
  requireLease(rowCount, run);
}

/** Shortens a run's window. @throws AppError lease_lost */
export async function saveWindowEnd(database: Queryable, lease: Lease, to: Date): Promise<void> {
  await fenced(database, lease, 'window_to = $3', [to]);
}

/** Records progress, which resets the count of consecutive failures. @throws AppError lease_lost */
export async function saveProgress(database: Queryable, run: Run): Promise<void> {
  if (run.failures === 0) return;
  await fenced(database, run, 'failures = 0', []);
  run.failures = 0;
}

/** Saves when the run's job created its target table, which identifies the table. @throws AppError lease_lost */
export async function saveTarget(database: Queryable, run: Run, createdAt: Date): Promise<void> {
  const { rowCount } = await database.query(`UPDATE jobs SET target_created_at = $4 WHERE id = $3 AND ${LEASE_HELD}`, [
    run.runId,
    run.attempt,
    run.job.id,
    createdAt,
  ]);
  requireLease(rowCount, run);
}

/** Saves whether the run's MERGE only inserts. @throws AppError lease_lost */
export async function saveInsertOnly(database: Queryable, lease: Lease, insertOnly: boolean): Promise<void> {
  await fenced(database, lease, 'insert_only = $3', [insertOnly]);
}

/** Saves the next try number after a failed delta job, so that the next job gets another id. @throws AppError lease_lost */
export async function saveDeltaTry(database: Queryable, lease: Lease, number: number): Promise<void> {
  await fenced(database, lease, 'delta_try = $3', [number]);
}

/** Saves the counts of the delta table. @throws AppError lease_lost */
export async function saveCounted(database: Queryable, run: Run, counted: Counted): Promise<void> {
  await fenced(database, run, 'counted = $3', [JSON.stringify(counted)]);
  run.counted = counted;
}

/** Saves the next try number after a failed merge job, so that the next job gets another id. @throws AppError lease_lost */
export async function saveMergeTry(database: Queryable, run: Run, number: number): Promise<void> {
  await fenced(database, run, 'merge_try = $3', [number]);
  run.mergeTry = number;
}

/**
 * Completes a run: saves its receipt and state, advances the job's `last_date`, and queues the next run if the job is still behind, all in
 * one transaction.
 * @param rereadFrom the next window rereads rows from here on; null: none
 * @throws AppError lease_lost, in which case nothing has changed
 */
export async function succeedRun(database: pg.Pool, run: Run, receipt: object, rereadFrom: Date | null = null): Promise<void> {
  await transaction(database, async (client) => {
    await fenced(
      client,
      run,
      `state = '${RUN_STATE_AFTER.succeed}', receipt = $3, failures = 0, error_code = NULL, error_message = NULL, finished_at = now()`,
      [JSON.stringify(receipt)],
    );
    await moveSyncedTo(client, run.job.id, run.window, rereadFrom);
    await queueRuns(client, [run.job.id]);
  });
}

/** A failure, safe to show. */
export interface Failure {
  code: string;
  message: string;
}

/**
 * Queues a run again after `delayMs`, or cancels it if its job was paused in the meantime.
 * @returns its new state
 * @throws AppError lease_lost
 */
export async function postponeRun(
  database: Queryable,
  lease: Lease,
  delayMs: number,
  failures: number,
  failure: Failure | undefined,
): Promise<RunState> {
  const active = '(SELECT active FROM jobs WHERE jobs.id = runs.job_id)';
  return await fenced(
    database,
    lease,
    `state = CASE WHEN ${active} THEN '${RUN_STATE_AFTER.postpone}' ELSE '${RUN_STATE_AFTER.cancel}' END,
     finished_at = CASE WHEN ${active} THEN NULL ELSE now() END, run_at = now() + $3 * interval '1 millisecond', failures = $4,
     error_code = coalesce($5, error_code), error_message = coalesce($6, error_message)`,
    [delayMs, failures, failure?.code ?? null, failure?.message ?? null],
  );
}

/** Fails a run permanently; the next tick starts another from the same `last_date`. @throws AppError lease_lost */
export async function failRun(database: Queryable, lease: Lease, failures: number, failure: Failure, receipt?: object): Promise<RunState> {
  return await fenced(
    database,
    lease,
    `state = '${RUN_STATE_AFTER.fail}', failures = $3, error_code = $4, error_message = $5, receipt = $6, finished_at = now()`,
    [failures, failure.code, failure.message, receipt ? JSON.stringify(receipt) : null],
  );
}

/** The job's runs since its last success that reached the target table but did not succeed. Uses runs_by_job. */
export async function abandonedRuns(database: Queryable, jobId: string): Promise<{ runId: string; mergeTry: number }[]> {
  const { rows } = await database.query<{ id: string; merge_try: number }>(
    `SELECT id, merge_try FROM runs
     WHERE job_id = $1 AND state IN ('cancelled', 'failed') AND insert_only IS NOT NULL AND created_at > coalesce(
       (SELECT max(created_at) FROM runs AS ended WHERE ended.job_id = $1 AND ended.state = 'succeeded'), '-infinity')
     ORDER BY created_at`,
    [jobId],
  );
  return rows.map((row) => ({ runId: row.id, mergeTry: row.merge_try }));
}

/** The fields of a job's latest run with settled columns; empty before its first run. Uses runs_by_job. */
export async function lastFields(database: Queryable, jobId: string): Promise<string[]> {
  const { rows } = await database.query<{ columns: StoredColumn[] }>(
    'SELECT columns FROM runs WHERE job_id = $1 AND columns IS NOT NULL ORDER BY created_at DESC LIMIT 1',
    [jobId],
  );
  return rows[0]?.columns.map(({ field, name }) => field ?? name) ?? [];
}

/**
 * Whether a run of these jobs is in progress or due within `ms` milliseconds. Ignores runs of paused jobs and runs that wait for a login.
 * Uses runs_queued and runs_running.
 */
export async function runsInProgress(database: Queryable, filter: JobFilter, ms: number): Promise<boolean> {
  const result = await database.query<{ found: boolean }>(
    `SELECT EXISTS (
       SELECT FROM runs JOIN jobs ON jobs.id = runs.job_id JOIN connections ON connections.id = runs.connection_id
       WHERE runs.state IN ('queued', 'running') AND jobs.active
         AND (connections.status = 'active' OR (runs.state = 'running' AND runs.lease_until >= now()))
         AND (runs.state = 'running' OR runs.run_at <= now() + $1 * interval '1 millisecond')
         AND ($2::bigint IS NULL OR jobs.connection_id = $2) AND ($3::uuid IS NULL OR jobs.id = $3)
     ) AS found`,
    [ms, filter.connectionId ?? null, filter.jobId ?? null],
  );
  return onlyRow(result).found;
}

/**
 * The fence of every write by a worker, for the WHERE clause of other tables; `$1` and `$2` are the lease. Its lock prevents a claim
 * between the check and the write.
 */
export const LEASE_HELD = `EXISTS (SELECT FROM runs WHERE runs.id = $1 AND runs.attempt = $2 AND runs.state = 'running' FOR SHARE)`;

/** @throws AppError lease_lost if a worker's write changed no row */
export function requireLease(changed: number | null, lease: Lease): void {
  if (changed) return;
  throw new AppError('lease_lost', 'Another worker has taken over this run.', { details: { run: lease.runId, attempt: lease.attempt } });
}

/** @returns the run's new state */
async function fenced(database: Queryable, lease: Lease, assignments: string, values: unknown[]): Promise<RunState> {
  const sql = `UPDATE runs SET ${assignments} WHERE id = $1 AND attempt = $2 AND state = 'running' RETURNING state`;
  const { rows } = await database.query<{ state: RunState }>(sql, [lease.runId, lease.attempt, ...values]);
  requireLease(rows.length, lease);
  return rows[0]!.state;
}

function toRun(row: RunRow, job: JobRow & { org_id: string; granted_at: Date }): Run {
  return {
    runId: row.id,
    attempt: row.attempt,
    job: toJob(job),
    orgId: job.org_id,
    grantedAt: job.granted_at,
    window: { from: row.window_from, to: row.window_to },
    failures: row.failures,
    columns: row.columns?.map((column) => ({ field: column.name, ...column })) ?? null,
    drift: { ...NO_DRIFT, ...row.drift },
    described: row.described_at !== null,
    deltaTry: row.delta_try,
    mergeTry: row.merge_try,
    insertOnly: row.insert_only,
    // The previous release stored no number: the invalid values are then stored again, which is idempotent.
    counted: row.counted && { ...row.counted, keptColumns: row.counted.keptColumns ?? 0 },
    createdAt: row.created_at,
  };
}
