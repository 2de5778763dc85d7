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

/** A numbered claim of a run. Every write of a worker names it, and changes nothing once another worker has claimed the run. */
export interface Lease {
  runId: string;
  attempt: number;
}

/** A run that a worker has claimed. */
export interface Run extends Lease {
  job: Job;
  /** of the job's connection */
  orgId: string;
  /** when the connection's user last logged in */
  grantedAt: Date;
  window: Window;
  /** failures in a row before this attempt */
  failures: number;
  /** settled by the first attempt; from then on, fields only leave */
  columns: FieldColumn[] | null;
  /** settled with them */
  drift: Drift;
  /** whether the fields were described for this run; else they are the last known ones, which is enough while there are no rows */
  described: boolean;
  deltaTry: number;
  mergeTry: number;
  /** null until settled */
  insertOnly: boolean | null;
  counted: Counted | null;
  createdAt: Date;
}

/** What was counted in a run's delta table, and of which staging tables that is true. */
export interface Counted {
  of: string;
  delta: CountedDelta;
  /** of the columns with texts that did not cast, so many have theirs kept */
  keptColumns: number;
}

/** The channel on which a new run is announced. */
export const RUNS_CHANNEL = 'runs';

/** Ours alone: claims happen one after the other, since a count of running runs is only true while no other claim is under way. */
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

const OWNER_GONE = 'The worker that had the run was gone: look in its log for what ended it, such as too little memory.';

/** The release before this one kept no `field`: it was the name. */
type StoredColumn = Omit<FieldColumn, 'field'> & { field?: string };

/** Why a run ended without having read anything: another release may queue a run for a window that has just been imported. */
const SUPERSEDED: Failure = {
  code: 'superseded',
  message: 'The job had imported the start of this window before the run could start. A run for the rest took its place.',
};

/** The jobs that a tick was for, and the runs that it queued. */
export interface QueuedRuns {
  jobIds: string[];
  runIds: string[];
}

/**
 * One tick: records for every active job that windows up to `to` are wanted, readable from `lagMs` on, and queues the runs that are due.
 * A job whose run is open goes on with what it wants when that run succeeds.
 */
export async function queueDueRuns(database: pg.Pool, to: Date, lagMs: number, filter: JobFilter): Promise<QueuedRuns> {
  return await transaction(database, async (client) => {
    const jobIds = await wantWindows(client, to, lagMs, filter);
    return { jobIds, runIds: await queueRuns(client, jobIds) };
  });
}

/**
 * Queues a run for each of these jobs that wants more than it has and has no open run. To be called in a transaction: it locks the jobs
 * first, so that `synced_to` cannot move between being read and being written as the window's start. It never waits for a run's row, which
 * the end of a run locks before its job. Leans on runs_one_open_per_job.
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
 * Claims the run that is due longest: one that is queued, or one whose owner's lease ran out, which counts as a failure of it: it may be
 * what ended its owner. A run whose window no longer starts where its job stands ends as superseded, and the next one is claimed.
 * Undefined where none is due, or every due one's connection has `perConnection` runs under way. Leans on runs_queued and runs_running.
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
    [leaseSeconds, perConnection, OWNER_GONE],
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
 * Begins runs anew that were begun days ago and waited since, for a login or an allowance: their staging tables expire, and Salesforce
 * keeps Bulk's results for seven days only.
 * @returns whether there were any
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

/** Keeps a run for another while. @throws AppError lease_lost */
export async function extendLease(database: Queryable, lease: Lease, leaseSeconds: number): Promise<void> {
  await fenced(database, lease, `lease_until = now() + $3 * interval '1 second'`, [leaseSeconds]);
}

/** The fields of a run as they were settled. */
export type SettledFields = { columns: FieldColumn[]; drift: Drift };

/** Keeps the columns that the run requests, and how they differ from the target table's. @throws AppError lease_lost */
export async function saveColumns(database: Queryable, lease: Lease, { columns, drift }: SettledFields): Promise<void> {
  await fenced(database, lease, 'columns = $3, drift = $4', [JSON.stringify(columns), JSON.stringify(drift)]);
}

/** Notes that the run's fields are as a description of this moment has them. @throws AppError lease_lost */
export async function saveDescribed(database: Queryable, run: Run): Promise<void> {
  await fenced(database, run, 'described_at = now()', []);
  run.described = true;
}

/** Keeps what refused queries showed about the fields of the run's job. @throws AppError lease_lost */
export async function saveFieldPlan(database: Queryable, run: Run, plan: FieldPlan): Promise<void> {
  const { rowCount } = await database.query(`UPDATE jobs SET field_plan = $4 WHERE id = $3 AND ${LEASE_HELD}`, [
    run.runId,
    run.attempt,
    run.job.id,
    JSON.stringify(plan),
  ]);
  requireLease(rowCount, run);
}

/** Lets a run end earlier than it was to. @throws AppError lease_lost */
export async function saveWindowEnd(database: Queryable, lease: Lease, to: Date): Promise<void> {
  await fenced(database, lease, 'window_to = $3', [to]);
}

/** Notes that an attempt got somewhere: failures before it are no longer in a row. @throws AppError lease_lost */
export async function saveProgress(database: Queryable, run: Run): Promise<void> {
  if (run.failures === 0) return;
  await fenced(database, run, 'failures = 0', []);
  run.failures = 0;
}

/** Remembers the target table as the run's job made it. @throws AppError lease_lost */
export async function saveTarget(database: Queryable, run: Run, createdAt: Date): Promise<void> {
  const { rowCount } = await database.query(`UPDATE jobs SET target_created_at = $4 WHERE id = $3 AND ${LEASE_HELD}`, [
    run.runId,
    run.attempt,
    run.job.id,
    createdAt,
  ]);
  requireLease(rowCount, run);
}

/** Settles whether the run's MERGE only inserts. @throws AppError lease_lost */
export async function saveInsertOnly(database: Queryable, lease: Lease, insertOnly: boolean): Promise<void> {
  await fenced(database, lease, 'insert_only = $3', [insertOnly]);
}

/** Notes that the delta job was seen to have failed: the next one gets another id. @throws AppError lease_lost */
export async function saveDeltaTry(database: Queryable, lease: Lease, number: number): Promise<void> {
  await fenced(database, lease, 'delta_try = $3', [number]);
}

/** Keeps what was counted in the delta table. @throws AppError lease_lost */
export async function saveCounted(database: Queryable, run: Run, counted: Counted): Promise<void> {
  await fenced(database, run, 'counted = $3', [JSON.stringify(counted)]);
  run.counted = counted;
}

/** Notes that the merge job was seen to have failed: the next one gets another id. @throws AppError lease_lost */
export async function saveMergeTry(database: Queryable, run: Run, number: number): Promise<void> {
  await fenced(database, run, 'merge_try = $3', [number]);
  run.mergeTry = number;
}

/**
 * Ends a run: its receipt, the job's `last_date` and the run's state in one transaction, together with the next run where more is wanted.
 * @param rereadFrom from where the next window is to read again; null: nowhere
 * @throws AppError lease_lost, and then nothing has changed
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

/** What went wrong, as it may be shown. */
export interface Failure {
  code: string;
  message: string;
}

/**
 * Puts a run back, to be claimed again after `delayMs`; if its job was paused meanwhile, it is cancelled.
 * @returns the state that it has now
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

/** Ends a run that failed for good; the next tick begins anew from the same `last_date`. @throws AppError lease_lost */
export async function failRun(database: Queryable, lease: Lease, failures: number, failure: Failure, receipt?: object): Promise<RunState> {
  return await fenced(
    database,
    lease,
    `state = '${RUN_STATE_AFTER.fail}', failures = $3, error_code = $4, error_message = $5, receipt = $6, finished_at = now()`,
    [failures, failure.code, failure.message, receipt ? JSON.stringify(receipt) : null],
  );
}

/** The runs of a job that came as far as its target table and ended without success, since it last had one. Leans on runs_by_job. */
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

/** The fields that a job's latest run with settled columns read; none before its first. Leans on runs_by_job. */
export async function lastFields(database: Queryable, jobId: string): Promise<string[]> {
  const { rows } = await database.query<{ columns: StoredColumn[] }>(
    'SELECT columns FROM runs WHERE job_id = $1 AND columns IS NOT NULL ORDER BY created_at DESC LIMIT 1',
    [jobId],
  );
  return rows[0]?.columns.map(({ field, name }) => field ?? name) ?? [];
}

/**
 * Whether a run of these jobs is under way, or is due within `ms`. Runs of paused jobs, and those that wait for a login, are not counted.
 * Leans on runs_queued and runs_running.
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
 * The check that every write of a worker makes; `$1` and `$2` are the lease. For other tables it stands in their WHERE. The lock keeps a
 * claim from coming between the check and the write.
 */
export const LEASE_HELD = `EXISTS (SELECT FROM runs WHERE runs.id = $1 AND runs.attempt = $2 AND runs.state = 'running' FOR SHARE)`;

/** @throws AppError lease_lost when a write of a worker changed no row */
export function requireLease(changed: number | null, lease: Lease): void {
  if (changed) return;
  throw new AppError('lease_lost', 'Another worker has taken this run over.', { details: { run: lease.runId, attempt: lease.attempt } });
}

/** @returns the state that the run has now */
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
    // The release before this one kept no number: the texts are then kept again, which changes nothing.
    counted: row.counted && { ...row.counted, keptColumns: row.counted.keptColumns ?? 0 },
    createdAt: row.created_at,
  };
}
