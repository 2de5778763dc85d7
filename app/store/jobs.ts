import type pg from 'pg';
import { CREATED_STAMP } from '../core/cursor.ts';
import type { Deletes } from '../core/deletes.ts';
import { type FieldPlan, NO_PLAN } from '../core/field-groups.ts';
import type { Window } from '../core/window.ts';
import { foreignCode } from '../errors.ts';
import { onlyRow, type Queryable, transaction } from './database.ts';

/** The standing order to keep one object of an org in one table, by one of its users' connections. */
export interface Job {
  id: string;
  connectionId: number;
  objectName: string;
  cursorField: string;
  targetDataset: string;
  targetTable: string;
  targetCreatedAt: Date | null;
  /** Salesforce's code with which Bulk refused the object; null: not so far */
  bulkRefused: string | null;
  /** whether the target table is partitioned by month of CreatedDate */
  partitioned: boolean;
  deletes: Deletes;
  /** whether rows are never edited, as its creator says or the object has it */
  appendOnly: boolean;
  startDate: Date;
  syncedTo: Date;
  wantedTo: Date;
  active: boolean;
  /** by the schedule's clock: when it was made, or resumed last */
  activeSince: Date;
  /** whether the object may have rows whose cursor is null, as its describe says */
  cursorNillable: boolean;
  /** rows stamped from here on were committed too late for their window: the next window reads them again; null: none */
  rereadFrom: Date | null;
  /** what refused queries showed about the object's fields */
  fieldPlan: FieldPlan;
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
  | 'startDate'
  | 'activeSince'
>;

/** A row of the jobs table, as other statements read it too. */
export interface JobRow {
  id: string;
  connection_id: number;
  object_name: string;
  cursor_field: string;
  target_dataset: string;
  target_table: string;
  target_created_at: Date | null;
  bulk_refused: string | null;
  partitioned: boolean;
  deletes: Deletes;
  append_only: boolean;
  start_date: Date;
  synced_to: Date;
  wanted_to: Date;
  active: boolean;
  active_since: Date;
  cursor_nillable: boolean;
  reread_from: Date | null;
  field_plan: FieldPlan | null;
}

/** Makes a job. Undefined where its object, or its target table, has one already. */
export async function insertJob(database: Queryable, job: NewJob): Promise<Job | undefined> {
  const { rows } = await database.query<JobRow>(
    `INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, partitioned, deletes,
       append_only, start_date, synced_to, wanted_to, active_since, cursor_nillable)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING *`,
    [
      job.connectionId,
      job.objectName,
      job.cursorField,
      job.targetDataset,
      job.targetTable,
      job.partitioned,
      job.deletes,
      job.appendOnly,
      job.startDate,
      job.activeSince,
      job.cursorNillable,
    ],
  );
  return rows[0] && toJob(rows[0]);
}

/** The job of an object, by any spelling of its name (Salesforce's names ignore case). */
export async function findJob(database: Queryable, connectionId: number, objectName: string): Promise<Job | undefined> {
  const { rows } = await database.query<JobRow>('SELECT * FROM jobs WHERE connection_id = $1 AND lower(object_name) = lower($2)', [
    connectionId,
    objectName,
  ]);
  return rows[0] && toJob(rows[0]);
}

/** A job of another user of an org, and who has it. */
export interface HeldJob {
  job: Job;
  holder: { identityUrl: string; active: boolean };
}

/**
 * The job of any user of an org for an object: in `dataset`, or where none is named in whichever, first in `preferred`.
 * Never of another org, even where that has the same users: a refreshed sandbox is another one.
 */
export async function findHeldJob(
  database: Queryable,
  orgId: string,
  objectName: string,
  dataset: string | undefined,
  preferred: string,
): Promise<HeldJob | undefined> {
  const { rows } = await database.query<JobRow & { identity_url: string; status: string }>(
    `SELECT jobs.*, connections.identity_url, connections.status FROM jobs JOIN connections ON connections.id = jobs.connection_id
     WHERE connections.org_id = $1 AND lower(jobs.object_name) = lower($2) AND ($3::text IS NULL OR jobs.target_dataset = $3)
     ORDER BY (jobs.target_dataset = $4) DESC, jobs.created_at LIMIT 1`,
    [orgId, objectName, dataset ?? null, preferred],
  );
  const [row] = rows;
  return row && { job: toJob(row), holder: { identityUrl: row.identity_url, active: row.status === 'active' } };
}

/** Postgres's code of a unique key that is taken. */
const UNIQUE_VIOLATION = '23505';

/** Why the run of a job that was taken over ended. */
const TAKEN_OVER = { code: 'taken_over', message: 'Another user of the org took the job over. The next tick starts a run for that user.' };

/**
 * Moves a job to another connection and cancels its open run, queued or running: the worker that has it has lost its lease.
 * @param job as it was found
 * @param force also where its connection is active
 * @returns undefined where it has moved, its connection is active again, or the other one has a job for the object by now
 */
export async function takeOverJob(
  database: pg.Pool,
  job: Job,
  connectionId: number,
  force: boolean,
): Promise<{ job: Job; cancelledRunId: string | undefined } | undefined> {
  try {
    return await transaction(database, async (client) => {
      await lockOpenRun(client, job.id);
      const { rows } = await client.query<JobRow>(
        `UPDATE jobs SET connection_id = $3, field_plan = NULL FROM connections
         WHERE jobs.id = $1 AND jobs.connection_id = $2 AND connections.id = $2 AND (connections.status <> 'active' OR $4)
         RETURNING jobs.*`,
        [job.id, job.connectionId, connectionId, force],
      );
      if (!rows[0]) return undefined;
      return { job: toJob(rows[0]), cancelledRunId: await cancelRun(client, job.id, `state IN ('queued', 'running')`, TAKEN_OVER) };
    });
  } catch (error) {
    if (foreignCode(error) === UNIQUE_VIOLATION) return undefined;
    throw error;
  }
}

/** Lets a job rest: cancels its run unless a worker has it already; that one ends. @returns the id of the run that was cancelled, if one was */
export async function pauseJob(database: pg.Pool, jobId: string): Promise<string | undefined> {
  return await transaction(database, async (client) => {
    await lockOpenRun(client, jobId);
    await client.query('UPDATE jobs SET active = false WHERE id = $1', [jobId]);
    return await cancelRun(client, jobId, `state = 'queued'`);
  });
}

/**
 * Lets a job go on; the next tick asks for all that it missed. What its pause left over is cancelled, so that nothing begins without a tick.
 * @returns the id of the run that was cancelled, if one was
 */
export async function resumeJob(database: pg.Pool, jobId: string, now: Date): Promise<string | undefined> {
  return await transaction(database, async (client) => {
    await lockOpenRun(client, jobId);
    const resumed = await client.query('UPDATE jobs SET active = true, active_since = $2 WHERE id = $1 AND NOT active', [jobId, now]);
    if (resumed.rowCount === 0) return undefined;
    return await cancelRun(client, jobId, `(state = 'queued' OR (state = 'running' AND lease_until < now()))`);
  });
}

/** Cancels a job's open run, if it meets a condition. @param reason is kept as the run's error */
async function cancelRun(
  client: Queryable,
  jobId: string,
  condition: string,
  reason?: { code: string; message: string },
): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string }>(
    `UPDATE runs SET state = 'cancelled', finished_at = now(), error_code = coalesce($2, error_code),
       error_message = coalesce($3, error_message)
     WHERE job_id = $1 AND ${condition} RETURNING id`,
    [jobId, reason?.code ?? null, reason?.message ?? null],
  );
  return rows[0]?.id;
}

/** First the run, then its job: in the order in which the end of a run locks them, else the two would wait for each other. */
async function lockOpenRun(client: Queryable, jobId: string): Promise<void> {
  await client.query(`SELECT FROM runs WHERE job_id = $1 AND state IN ('queued', 'running') FOR NO KEY UPDATE`, [jobId]);
}

/** Which jobs a tick is for; all of them where nothing is named. */
export interface JobFilter {
  connectionId?: number;
  jobId?: string;
}

/** Ours alone: ticks write one after the other. */
const TICK_LOCK = 0x5f_b9_04;

/**
 * Records for every active job that windows up to `to` are wanted, readable from `lagMs` on. To be called in a transaction. It locks the
 * jobs in the order of their ids, as `queueRuns` does: two that lock many jobs never wait for each other.
 * @returns the ids of those jobs
 */
export async function wantWindows(client: Queryable, to: Date, lagMs: number, filter: JobFilter): Promise<string[]> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [TICK_LOCK]);
  const { rows } = await client.query<{ id: string }>(
    `WITH ticked AS (
       SELECT jobs.id FROM jobs JOIN connections ON connections.id = jobs.connection_id
       WHERE jobs.active AND connections.status = 'active'
         AND ($3::bigint IS NULL OR jobs.connection_id = $3) AND ($4::uuid IS NULL OR jobs.id = $4)
       ORDER BY jobs.id FOR NO KEY UPDATE OF jobs
     )
     UPDATE jobs SET
       wanted_at = CASE WHEN $1 > wanted_to THEN now() + $2 * interval '1 millisecond' ELSE wanted_at END,
       wanted_to = greatest(wanted_to, $1)
     FROM ticked WHERE jobs.id = ticked.id RETURNING jobs.id`,
    [to, lagMs, filter.connectionId ?? null, filter.jobId ?? null],
  );
  return rows.map((row) => row.id);
}

/** How many jobs that were active when a window closed at `to` have not come as far. */
export async function countBehind(database: Queryable, to: Date): Promise<number> {
  const sql = 'SELECT count(*) FROM jobs WHERE active AND active_since <= $1 AND synced_to < $1';
  return onlyRow(await database.query<{ count: number }>(sql, [to])).count;
}

/** Remembers that Bulk refuses a job's object. */
export async function saveBulkRefused(database: Queryable, jobId: string, code: string): Promise<void> {
  await database.query('UPDATE jobs SET bulk_refused = $2 WHERE id = $1', [jobId, code]);
}

/**
 * Moves `last_date` over a window. Only from where the window starts: nothing may be skipped.
 * @param rereadFrom the window's rows from here on are to be read again by the next one; null: all were read, those of earlier windows included
 */
export async function moveSyncedTo(database: Queryable, jobId: string, window: Window, rereadFrom: Date | null): Promise<void> {
  const { rowCount } = await database.query('UPDATE jobs SET synced_to = $3, reread_from = $4 WHERE id = $1 AND synced_to = $2', [
    jobId,
    window.from,
    window.to,
    rereadFrom,
  ]);
  if (rowCount !== 1) throw new Error(`last_date of job ${jobId} is not where its run began`);
}

/** The columns of a row, in our words. */
export function toJob(row: JobRow): Job {
  return {
    id: row.id,
    connectionId: row.connection_id,
    objectName: row.object_name,
    cursorField: row.cursor_field,
    targetDataset: row.target_dataset,
    targetTable: row.target_table,
    targetCreatedAt: row.target_created_at,
    bulkRefused: row.bulk_refused,
    partitioned: row.partitioned,
    deletes: row.deletes,
    // Jobs of releases before append_only are read by CreatedDate only where the object has nothing better.
    appendOnly: row.append_only || row.cursor_field === CREATED_STAMP,
    startDate: row.start_date,
    syncedTo: row.synced_to,
    wantedTo: row.wanted_to,
    active: row.active,
    activeSince: row.active_since,
    cursorNillable: row.cursor_nillable,
    rereadFrom: row.reread_from,
    fieldPlan: row.field_plan ?? NO_PLAN,
  };
}
