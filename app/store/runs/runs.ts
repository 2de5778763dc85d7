import type { FieldColumn } from '../../core/fields/columns.ts';
import { type Drift, NO_DRIFT } from '../../core/fields/drift.ts';
import type { Pass, RunKind } from '../../core/runs/pass.ts';
import type { CountedDelta } from '../../core/runs/reconciliation.ts';
import type { Replacement } from '../../core/runs/replacement.ts';
import type { Window } from '../../core/runs/window.ts';
import { assign } from '../assign.ts';
import { onlyRow, type Queryable } from '../database.ts';
import { type Job, type JobFilter, type JobRow, toJob } from '../jobs/jobs.ts';
import { LEASE_HELD, type Lease, requireLease, tableIsFreeFor, updateRun } from '../lease.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** A run that a worker has claimed. Functions that change it return the changed run. */
export interface Run extends Lease {
  readonly job: Job;
  /** org of the job's connection */
  readonly orgId: string;
  /** when the connection's user last logged in */
  readonly grantedAt: Date;
  /** of the connection; null: API_SHARE */
  readonly apiShare: number | null;
  /** of the connection: when no repair runs; null: none */
  readonly quietHours: string | null;
  readonly pass: Pass;
  readonly window: Readonly<Window>;
  /** a repair that a chain of runs executes ends here; null for windows */
  readonly repairTo: Date | null;
  /** consecutive failures before this attempt; progress resets the count in the store (`reloadRun`) */
  readonly failures: number;
  /** resolved by the first attempt; after that, fields are only removed */
  readonly columns: readonly FieldColumn[] | null;
  /** resolved together with `columns` */
  readonly drift: Drift;
  /** whether the fields were described for this run; otherwise they are the last known ones, which suffice while there are no rows */
  readonly described: boolean;
  readonly deltaTry: number;
  readonly mergeTry: number;
  readonly compareTry: number;
  /** null until decided */
  readonly insertOnly: boolean | null;
  /** the delta tables that earlier attempts counted, by their staging tables */
  readonly counted: Readonly<Record<string, Counted>>;
  /** what replacing the target table changes; null until counted, which is before it is replaced */
  readonly replacement: Replacement | null;
  /** calls to Salesforce in earlier attempts; a call that several runs share counts in part */
  readonly calls: number;
  readonly createdAt: Date;
}

/** The counts of a delta table of a run. */
export interface Counted {
  /** the staging tables that it was built from */
  readonly of: string;
  readonly delta: CountedDelta;
  /** number of columns whose invalid values are already stored */
  readonly storedColumns: number;
  /** of a sweep; undefined: not tried yet, or only once */
  readonly refresh?: Refresh;
}

/** A statement that refreshes the target table from a delta table. */
export interface Refresh {
  /** part of its id */
  readonly tryNumber: number;
  /** that it updated; null until it succeeded */
  readonly rows: number | null;
}

type StoredRun = Omit<Run, 'job' | keyof ConnectionOfRun | 'pass' | 'window' | 'drift' | 'counted'> & {
  kind: RunKind;
  scope: object | null;
  windowFrom: Date;
  windowTo: Date;
  drift: Drift | null;
  counted: Record<string, Counted> | null;
};

/** What a run knows of its connection. */
type ConnectionOfRun = Pick<Run, 'orgId' | 'grantedAt' | 'apiShare' | 'quietHours'>;

/** A run's job, with columns of its connection. */
export type ConnectedJobRow = JobRow & RowOf<ConnectionOfRun>;

/** A row of RUN_COLUMNS. */
export type RunRow = RowOf<StoredRun>;

export const RUN_COLUMNS = `runs.id AS run_id, runs.attempt, runs.kind, runs.scope, runs.repair_to, runs.window_from, runs.window_to, runs.failures, runs.columns, runs.drift,
  runs.described_at IS NOT NULL AS described, runs.delta_try, runs.merge_try, runs.compare_try, runs.insert_only, runs.counted, runs.replacement, runs.calls, runs.created_at`;

/** Maps a row to a Run. */
export function toRun(row: RunRow, { org_id, granted_at, api_share, quiet_hours, ...job }: ConnectedJobRow): Run {
  const { kind, scope, windowFrom, windowTo, ...run } = toRecord(row);
  return {
    ...run,
    job: toJob(job),
    orgId: org_id,
    grantedAt: granted_at,
    apiShare: api_share,
    quietHours: quiet_hours,
    pass: { ...scope, kind } as Pass,
    window: { from: windowFrom, to: windowTo },
    drift: { ...NO_DRIFT, ...run.drift },
    counted: run.counted ?? {},
  };
}

/** The properties of a run that become known while it executes. */
export type RunProgress = Partial<
  Pick<Run, 'columns' | 'drift' | 'deltaTry' | 'mergeTry' | 'compareTry' | 'insertOnly' | 'replacement'> & { versionsTry: number }
>;

/** Saves the given properties of a run; the others stay unchanged. @throws AppError lease_lost */
export async function saveRun(database: Queryable, run: Run, changes: RunProgress): Promise<Run> {
  const { sql, parameters } = assign(changes, 3);
  await updateRun(database, run, sql, parameters);
  return { ...run, ...changes };
}

/** Saves the counts of a delta table, which cost a query. @throws AppError lease_lost */
export async function saveCounted(database: Queryable, run: Run, counted: Counted): Promise<void> {
  await updateRun(database, run, `counted = coalesce(counted, '{}') || $3::jsonb`, [JSON.stringify({ [counted.of]: counted })]);
}

/** Saves how far the refresh from a counted delta table is. @throws AppError lease_lost */
export async function saveRefresh(database: Queryable, run: Run, of: string, refresh: Refresh): Promise<void> {
  await updateRun(database, run, `counted = jsonb_set(counted, ARRAY[$3::text, 'refresh'], $4::jsonb)`, [of, JSON.stringify(refresh)]);
}

/** Records that the run's fields match a current describe. @throws AppError lease_lost */
export async function saveDescribed(database: Queryable, run: Run): Promise<Run> {
  await updateRun(database, run, 'described_at = now()');
  return { ...run, described: true };
}

/** Records progress, which resets the count of consecutive failures. @throws AppError lease_lost */
export async function saveProgress(database: Queryable, run: Run): Promise<void> {
  if (run.failures > 0) await updateRun(database, run, 'failures = 0');
}

/** A run with its stored window, which its attempt may have shortened, and its consecutive failures since it last made progress. */
export async function reloadRun(database: Queryable, run: Run): Promise<Run> {
  const result = await database.query<Pick<RunRow, 'window_from' | 'window_to' | 'failures'>>(
    'SELECT window_from, window_to, failures FROM runs WHERE id = $1',
    [run.runId],
  );
  const { window_from: from, window_to: to, failures } = onlyRow(result);
  return { ...run, window: { from, to }, failures };
}

/** The try number of a run's next statement that writes versions: those before it may have failed. */
export async function readVersionsTry(database: Queryable, { runId }: Pick<Run, 'runId'>): Promise<number> {
  const result = await database.query<{ versions_try: number }>('SELECT versions_try FROM runs WHERE id = $1', [runId]);
  return onlyRow(result).versions_try;
}

/** Saves when the run's job created its target table, which identifies the table. @throws AppError lease_lost */
export async function saveTarget(database: Queryable, run: Run, createdAt: Date): Promise<Run> {
  const { rowCount } = await database.query(`UPDATE jobs SET target_created_at = $4 WHERE id = $3 AND ${LEASE_HELD}`, [
    run.runId,
    run.attempt,
    run.job.id,
    createdAt,
  ]);
  requireLease(rowCount, run);
  return { ...run, job: { ...run.job, targetCreatedAt: createdAt } };
}

/** Counts the calls to Salesforce of an attempt that did not finish its run. Needs no lease: the calls are a fact. */
export async function addCalls(database: Queryable, { runId }: Run, calls: number): Promise<void> {
  if (calls > 0) await database.query('UPDATE runs SET calls = calls + $2 WHERE id = $1', [runId, calls]);
}

/** The fields of a job's latest window with resolved columns; empty before its first. Uses runs_by_job. */
export async function lastFields(database: Queryable, jobId: string): Promise<string[]> {
  const { rows } = await database.query<{ columns: FieldColumn[] }>(
    `SELECT columns FROM runs WHERE job_id = $1 AND kind = 'window' AND columns IS NOT NULL ORDER BY created_at DESC LIMIT 1`,
    [jobId],
  );
  return rows[0]?.columns.map(({ field }) => field) ?? [];
}

/** Whether a due window of a connection waits for a worker. Uses runs_queued. */
export async function isWindowWaiting(database: Queryable, connectionId: number): Promise<boolean> {
  const { rowCount } = await database.query(
    `SELECT FROM runs JOIN jobs ON jobs.id = runs.job_id
     WHERE runs.state = 'queued' AND runs.run_at <= now() AND runs.kind = 'window' AND runs.connection_id = $1 AND jobs.active
       AND ${tableIsFreeFor('runs.id')}
     LIMIT 1`,
    [connectionId],
  );
  return rowCount === 1;
}

/**
 * Whether a window of these jobs is in progress or due within `ms` milliseconds. Ignores runs of paused jobs and runs that wait for a
 * login, and repairs, which may take hours. Uses runs_running, and
 * runs_queued_windows for each connection: because of the order and of the pair, Postgres reads neither runs that are due later nor, by
 * runs_queued, those of other connections.
 */
export async function runsInProgress(database: Queryable, filter: JobFilter, ms: number): Promise<boolean> {
  const result = await database.query<{ found: boolean }>(
    `SELECT EXISTS (
       SELECT FROM runs JOIN jobs ON jobs.id = runs.job_id JOIN connections ON connections.id = runs.connection_id
       WHERE runs.kind = 'window' AND runs.state = 'running' AND jobs.active AND (connections.status = 'active' OR runs.lease_until >= now())
         AND ($2::bigint IS NULL OR runs.connection_id = $2) AND ($3::uuid IS NULL OR runs.job_id = $3)
     ) OR EXISTS (
       SELECT FROM connections CROSS JOIN LATERAL (
         SELECT FROM runs JOIN jobs ON jobs.id = runs.job_id
         WHERE runs.kind = 'window' AND runs.state = 'queued' AND runs.connection_id = connections.id AND jobs.active
           AND (runs.connection_id, runs.run_at) <= (connections.id, now() + $1 * interval '1 millisecond')
           AND ($3::uuid IS NULL OR runs.job_id = $3)
         ORDER BY runs.run_at, runs.id LIMIT 1) AS due
       WHERE connections.status = 'active' AND ($2::bigint IS NULL OR connections.id = $2)
     ) AS found`,
    [ms, filter.connectionId ?? null, filter.jobId ?? null],
  );
  return onlyRow(result).found;
}
