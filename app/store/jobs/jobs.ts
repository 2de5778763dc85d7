import { EMPTY_PLAN, type FieldPlan } from '../../core/fields/field-groups.ts';
import type { FieldPolicy } from '../../core/fields/field-policy.ts';
import type { Deletes } from '../../core/jobs/deletes.ts';
import type { Every } from '../../core/jobs/every.ts';
import type { RunKind } from '../../core/runs/pass.ts';
import type { Window, WindowEnd } from '../../core/runs/window.ts';
import { externalErrorCode } from '../../errors.ts';
import { onlyRow, type PoolOrClient, type Queryable, transaction } from '../database.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** The standing order to replicate one object of an org into one table, through a user's connection. */
export interface Job extends FieldPolicy {
  readonly id: string;
  readonly connectionId: number;
  readonly objectName: string;
  /** null: the object has no usable cursor, and each window replaces its table whole */
  readonly cursorField: string | null;
  readonly targetDataset: string;
  readonly targetTable: string;
  readonly targetCreatedAt: Date | null;
  /** the error code with which Bulk refused the object; null: not refused so far */
  readonly bulkRefused: string | null;
  /** whether the target table is partitioned by month of CreatedDate */
  readonly partitioned: boolean;
  readonly deletes: Deletes;
  /** whether rows are never edited, according to the job's creator or the object itself */
  readonly appendOnly: boolean;
  /** whether each version of a record is kept in a table beside the target table */
  readonly history: boolean;
  /** since when that table has a version of every row of the target table; null: not yet */
  readonly versionsSince: Date | null;
  /** how often its windows close */
  readonly every: Every;
  readonly startDate: Date;
  readonly syncedTo: Date;
  readonly wantedTo: Date;
  readonly active: boolean;
  /** when it was created or last resumed, by the schedule's clock */
  readonly activeSince: Date;
  /** whether the object may have rows whose cursor is null */
  readonly cursorNillable: boolean;
  /** the next window rereads rows with a cursor value from here on, which were committed too late for theirs; null: none */
  readonly rereadFrom: Date | null;
  /** what refused queries revealed about the object's fields */
  readonly fieldPlan: FieldPlan;
  /** the fields that it may read; null: all, because new ones are not reviewed */
  readonly approvedFields: readonly string[] | null;
  /** the hashes of the Ids of erased records, which its runs leave out (core/fields/record-hash.ts) */
  readonly suppressed: readonly string[];
}

export type NewJob = Pick<
  Job,
  | 'connectionId'
  | 'objectName'
  | 'cursorField'
  | 'cursorNillable'
  | 'targetDataset'
  | 'targetTable'
  | 'partitioned'
  | 'deletes'
  | 'appendOnly'
  | 'history'
  | 'every'
  | 'startDate'
  | 'activeSince'
  | 'approvedFields'
  | keyof FieldPolicy
>;

/** A row of JOB_COLUMNS. */
export type JobRow = RowOf<Omit<Job, 'fieldPlan'> & { fieldPlan: FieldPlan | null }>;

/** The columns of a job, for other statements that return it as well. */
export const JOB_COLUMNS = `jobs.id, jobs.connection_id, jobs.object_name,
  CASE WHEN NOT jobs.whole THEN jobs.cursor_field END AS cursor_field, jobs.target_dataset, jobs.target_table,
  jobs.target_created_at, jobs.bulk_refused, jobs.partitioned, jobs.deletes, jobs.append_only, jobs.history, jobs.versions_since, jobs.every, jobs.start_date,
  jobs.synced_to, jobs.wanted_to, jobs.active, jobs.active_since, jobs.cursor_nillable, jobs.reread_from, jobs.field_plan,
  jobs.exclude_fields, jobs.hash_fields, jobs.new_fields, jobs.approved_fields, jobs.suppressed`;

/** Maps a row to a Job. */
export function toJob(row: JobRow): Job {
  const job = toRecord(row);
  return {
    ...job,
    fieldPlan: job.fieldPlan ?? EMPTY_PLAN,
  };
}

/** Creates a job. Undefined if its object or its target table already has one. */
export async function insertJob(database: Queryable, job: NewJob): Promise<Job | undefined> {
  const { rows } = await database.query<JobRow>(
    `INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, partitioned, deletes,
       append_only, every, start_date, synced_to, wanted_to, active_since, cursor_nillable, whole, history, exclude_fields, hash_fields,
       new_fields, approved_fields)
     VALUES ($1, $2, coalesce($3, 'Id'), $4, $5, $6, $7, $8, $9, $10, $10, $10, $11, $12, $3 IS NULL, $13, $14, $15, $16, $17)
     ON CONFLICT DO NOTHING RETURNING ${JOB_COLUMNS}`,
    [
      job.connectionId,
      job.objectName,
      job.cursorField,
      job.targetDataset,
      job.targetTable,
      job.partitioned,
      job.deletes,
      job.appendOnly,
      job.every,
      job.startDate,
      job.activeSince,
      job.cursorNillable,
      job.history,
      JSON.stringify(job.excludeFields),
      JSON.stringify(job.hashFields),
      job.newFields,
      job.approvedFields && JSON.stringify(job.approvedFields),
    ],
  );
  return rows[0] && toJob(rows[0]);
}

/** The job of an object. Ignores the case of its name, as Salesforce does. */
export async function findJob(database: Queryable, connectionId: number, objectName: string): Promise<Job | undefined> {
  const { rows } = await database.query<JobRow>(
    `SELECT ${JOB_COLUMNS} FROM jobs WHERE connection_id = $1 AND lower(object_name) = lower($2)`,
    [connectionId, objectName],
  );
  return rows[0] && toJob(rows[0]);
}

/** The job with this id. */
export async function findJobById(database: Queryable, jobId: string): Promise<Job | undefined> {
  const { rows } = await database.query<JobRow>(`SELECT ${JOB_COLUMNS} FROM jobs WHERE id = $1`, [jobId]);
  return rows[0] && toJob(rows[0]);
}

/** A job of another user of the org, and its owner. */
export interface HeldJob {
  job: Job;
  holder: { identityUrl: string; active: boolean };
}

/**
 * The job of any user of an org for an object: in `dataset` or, by default, in any dataset, preferably `preferred`.
 * Never of another org, even if that has the same users: a refreshed sandbox is a different org.
 */
export async function findHeldJob(
  database: Queryable,
  orgId: string,
  objectName: string,
  dataset: string | undefined,
  preferred: string,
): Promise<HeldJob | undefined> {
  const { rows } = await database.query<JobRow & { identity_url: string; status: string }>(
    `SELECT ${JOB_COLUMNS}, connections.identity_url, connections.status FROM jobs JOIN connections ON connections.id = jobs.connection_id
     WHERE connections.org_id = $1 AND lower(jobs.object_name) = lower($2) AND ($3::text IS NULL OR jobs.target_dataset = $3)
     ORDER BY (jobs.target_dataset = $4) DESC, jobs.created_at LIMIT 1`,
    [orgId, objectName, dataset ?? null, preferred],
  );
  if (!rows[0]) return undefined;
  const { identity_url, status, ...job } = rows[0];
  return { job: toJob(job), holder: { identityUrl: identity_url, active: status === 'active' } };
}

/** Postgres's error code for a duplicate key. */
const UNIQUE_VIOLATION = '23505';

/** The error of a run that ended because its job was taken over. */
export const TAKEN_OVER = {
  code: 'taken_over',
  message: 'Another user of the org took over the job. The next tick starts a run for that user.',
};

/**
 * Moves a job to another connection and cancels its open runs, queued or running; their workers lose their leases.
 * @param job as read before
 * @param force move it even if its connection is active
 * @returns undefined if it has moved, its connection is active again, or the new connection has a job for the object by now
 */
export async function takeOverJob(
  database: PoolOrClient,
  job: Job,
  connectionId: number,
  force: boolean,
): Promise<{ job: Job; cancelled: CancelledRun[] } | undefined> {
  try {
    return await transaction(database, async (client) => {
      await lockOpenRuns(client, job.id);
      const { rows } = await client.query<JobRow>(
        `UPDATE jobs SET connection_id = $3, field_plan = NULL FROM connections
         WHERE jobs.id = $1 AND jobs.connection_id = $2 AND connections.id = $2 AND (connections.status <> 'active' OR $4)
         RETURNING ${JOB_COLUMNS}`,
        [job.id, job.connectionId, connectionId, force],
      );
      if (!rows[0]) return undefined;
      return { job: toJob(rows[0]), cancelled: await cancelRuns(client, job.id, `state IN ('queued', 'running')`, TAKEN_OVER) };
    });
  } catch (error) {
    if (externalErrorCode(error) === UNIQUE_VIOLATION) return undefined;
    throw error;
  }
}

/** Pauses a job and cancels its queued window; a running run finishes, and a queued repair waits for the job to resume. @returns the id of the cancelled run, if any */
export async function pauseJob(database: PoolOrClient, jobId: string): Promise<string | undefined> {
  return await transaction(database, async (client) => {
    await lockOpenRuns(client, jobId);
    await client.query('UPDATE jobs SET active = false WHERE id = $1', [jobId]);
    return await cancelWindow(client, jobId, `state = 'queued'`);
  });
}

/**
 * Resumes a job; the next tick requests everything it missed. Cancels a run left over from the pause, so that nothing starts before a tick.
 * @returns the id of the cancelled run, if any
 */
export async function resumeJob(database: PoolOrClient, jobId: string, now: Date): Promise<string | undefined> {
  return await transaction(database, async (client) => {
    await lockOpenRuns(client, jobId);
    const resumed = await client.query('UPDATE jobs SET active = true, active_since = $2 WHERE id = $1 AND NOT active', [jobId, now]);
    if (resumed.rowCount === 0) return undefined;
    return await cancelWindow(client, jobId, `(state = 'queued' OR (state = 'running' AND lease_until < now()))`);
  });
}

async function cancelWindow(client: Queryable, jobId: string, condition: string): Promise<string | undefined> {
  return (await cancelRuns(client, jobId, `kind = 'window' AND ${condition}`))[0]?.id;
}

/** An open run that was cancelled. */
export interface CancelledRun {
  id: string;
  kind: RunKind;
}

/** Cancels a job's runs that meet a condition. @param reason stored as their error */
export async function cancelRuns(
  client: Queryable,
  jobId: string,
  condition: string,
  reason?: { code: string; message: string },
): Promise<CancelledRun[]> {
  const { rows } = await client.query<CancelledRun>(
    // The worker of a queued run has released it: nothing has to wait for its lease.
    `UPDATE runs SET state = 'cancelled', finished_at = now(), error_code = coalesce($2, error_code),
       error_message = coalesce($3, error_message), lease_until = CASE state WHEN 'queued' THEN NULL ELSE lease_until END
     WHERE job_id = $1 AND ${condition} RETURNING id, kind`,
    [jobId, reason?.code ?? null, reason?.message ?? null],
  );
  return rows;
}

/** Locks the runs before their job, in the same order as the end of a run, to avoid a deadlock. */
export async function lockOpenRuns(client: Queryable, jobId: string): Promise<void> {
  await client.query(`SELECT FROM runs WHERE job_id = $1 AND state IN ('queued', 'running') ORDER BY id FOR NO KEY UPDATE`, [jobId]);
}

/** Selects jobs; an empty filter selects all. */
export interface JobFilter {
  connectionId?: number;
  jobId?: string;
}

/** A window that a tick requests for the jobs of its interval, readable in `lagMs` milliseconds. */
export interface WantedWindow extends WindowEnd {
  lagMs: number;
}

/** Serializes the batches of ticks. Any number that no other advisory lock of ours uses. */
const TICK_LOCK = 0x5f_b9_04;

/** A tick locks this many jobs at a time, for about a tenth of a second: other ticks and the ends of runs wait for no more than that. */
export const TICK_BATCH = 2_000;

/** Before every job id. */
export const FIRST_JOB_ID = '00000000-0000-0000-0000-000000000000';

/**
 * Selects the next TICK_BATCH matching active jobs that have something due: the window of their interval, which is then requested, or an
 * earlier request that no open run will import. Locks them, and writes nothing to any other job. Must be called in a transaction. Locks the
 * jobs in the order of their ids, as `queueRuns` does, to avoid deadlocks. Uses jobs_by_wanted, jobs_behind and runs_one_open_per_lane;
 * EXCEPT reads the open runs once, while a join might, without current statistics, compare each of them with every job.
 * @param wanted one window per interval
 * @param after the last job of the previous batch, or FIRST_JOB_ID
 * @returns the ids of these jobs, in order; fewer than TICK_BATCH: there are no more
 */
export async function wantWindows(client: Queryable, wanted: readonly WantedWindow[], filter: JobFilter, after: string): Promise<string[]> {
  // Otherwise a concurrent tick would select the same jobs, and check each again when it gets its lock.
  await client.query('SELECT pg_advisory_xact_lock($1)', [TICK_LOCK]);
  const { rows } = await client.query<{ id: string }>(
    `WITH wanted AS (
       SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::float8[]) AS wanted (every, window_to, lag_ms)
     ), selected AS (
       SELECT jobs.id FROM wanted JOIN jobs ON jobs.every = wanted.every AND jobs.wanted_to < wanted.window_to WHERE jobs.active
       UNION ALL
       (SELECT id FROM jobs WHERE active AND wanted_to > synced_to
        EXCEPT SELECT job_id FROM runs WHERE kind = 'window' AND state IN ('queued', 'running'))
     ), ticked AS (
       SELECT jobs.id, jobs.every FROM jobs JOIN connections ON connections.id = jobs.connection_id
       WHERE jobs.id IN (SELECT id FROM selected) AND jobs.active AND connections.status = 'active'
         AND ($4::bigint IS NULL OR jobs.connection_id = $4) AND ($5::uuid IS NULL OR jobs.id = $5) AND jobs.id > $6
       ORDER BY jobs.id LIMIT ${TICK_BATCH} FOR NO KEY UPDATE OF jobs
     ), requested AS (
       UPDATE jobs SET wanted_to = wanted.window_to, wanted_at = now() + wanted.lag_ms * interval '1 millisecond'
       FROM ticked JOIN wanted USING (every) WHERE jobs.id = ticked.id AND jobs.wanted_to < wanted.window_to
     )
     SELECT id FROM ticked ORDER BY id`,
    [
      wanted.map(({ every }) => every),
      wanted.map(({ to }) => to),
      wanted.map(({ lagMs }) => lagMs),
      filter.connectionId ?? null,
      filter.jobId ?? null,
      after,
    ],
  );
  return rows.map((row) => row.id);
}

/** How many jobs that were active when the window of their interval closed have not imported it. @param ends one per interval */
export async function countBehind(database: Queryable, ends: readonly WindowEnd[]): Promise<number> {
  const result = await database.query<{ count: number }>(
    `SELECT count(*) FROM jobs JOIN unnest($1::text[], $2::timestamptz[]) AS closed (every, window_to) USING (every)
     WHERE active AND active_since <= window_to AND synced_to < window_to`,
    [ends.map(({ every }) => every), ends.map(({ to }) => to)],
  );
  return onlyRow(result).count;
}

/** Records that Bulk refuses a job's object. */
export async function saveBulkRefused(database: Queryable, jobId: string, code: string): Promise<void> {
  await database.query('UPDATE jobs SET bulk_refused = $2 WHERE id = $1', [jobId, code]);
}

/**
 * Advances `last_date` past a window. Fails unless it equals the window's start, so that nothing is skipped.
 * @param rereadFrom the next window rereads rows from here on; null: all rows were read, including those of earlier windows
 */
export async function moveSyncedTo(database: Queryable, jobId: string, window: Window, rereadFrom: Date | null): Promise<void> {
  const { rowCount } = await database.query('UPDATE jobs SET synced_to = $3, reread_from = $4 WHERE id = $1 AND synced_to = $2', [
    jobId,
    window.from,
    window.to,
    rereadFrom,
  ]);
  if (rowCount !== 1) throw new Error(`last_date of job ${jobId} does not match the start of its run.`);
}
