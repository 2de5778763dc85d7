import type { FieldPolicy } from '../../core/fields/field-policy.ts';
import type { Deletes } from '../../core/jobs/deletes.ts';
import type { Every } from '../../core/jobs/every.ts';
import type { JobState } from '../../core/jobs/job-state.ts';
import type { Queryable } from '../database.ts';
import { type ListedRun, RUN_COLUMNS, RUN_PREFIX, toListedRun } from '../runs/listed-run.ts';
import { type RowOf, toRecord } from '../to-record.ts';
import { inState } from './job-state-sql.ts';
import { FIRST_JOB_ID } from './jobs.ts';

/** A job with its connection, its latest window and its latest repair, for display. */
export interface ListedJob extends FieldPolicy {
  id: string;
  userId: string;
  needsLogin: boolean;
  /** why it needs a login; null: it does not, or an earlier release did not store why */
  loginError: { code: string; message: string; since: Date } | null;
  objectName: string;
  targetDataset: string;
  targetTable: string;
  deletes: Deletes;
  appendOnly: boolean;
  /** whether it keeps each version of a record */
  history: boolean;
  /** whether each window replaces the table whole */
  whole: boolean;
  every: Every;
  startDate: Date;
  syncedTo: Date;
  wantedTo: Date;
  /** rows stamped from here on were committed too late for their window: the next window reads them again; null: none */
  rereadFrom: Date | null;
  active: boolean;
  /** its latest window */
  run: ListedRun | null;
  /** its latest run of another kind */
  repair: ListedRun | null;
}

/** The place of a job or a run in a list in order of creation. */
export interface Position {
  /** as Postgres writes it, with microseconds */
  createdAt: string;
  id: string;
}

/** A part of a list. */
export interface Page {
  limit: number;
  /** undefined: from the start */
  after?: Position | undefined;
}

/** A job with one of its runs. */
export type JobWithRun = Omit<ListedJob, 'run' | 'repair'> & { run: ListedRun };

type JobRow = RowOf<
  Omit<JobWithRun, 'userId' | 'needsLogin' | 'loginError' | 'run'> & {
    identityUrl: string;
    status: string;
    loginCode: string | null;
    loginMessage: string | null;
    loginSince: Date | null;
  }
>;

/** A job's columns, and those of a run, whose names start with RUN_PREFIX; all null: there is none. */
type Row = JobRow & Record<string, unknown>;

const JOB_COLUMNS = `jobs.id, connections.identity_url, connections.status, connections.error_code AS login_code,
  connections.error_message AS login_message, connections.ended_at AS login_since, jobs.object_name, jobs.target_dataset, jobs.target_table,
  jobs.deletes, jobs.append_only, jobs.history, jobs.whole, jobs.every, jobs.start_date, jobs.synced_to, jobs.wanted_to, jobs.reread_from,
  jobs.active, jobs.exclude_fields, jobs.hash_fields, jobs.new_fields`;

/** The jobs with these ids, in order of creation. */
export async function listJobs(database: Queryable, jobIds: readonly string[]): Promise<ListedJob[]> {
  return (await list(database, 'SELECT * FROM jobs WHERE id = ANY($1)', [jobIds])).jobs;
}

/** The job with this id. */
export async function listJob(database: Queryable, jobId: string): Promise<ListedJob | undefined> {
  return (await listJobs(database, [jobId]))[0];
}

/** Which jobs to list; undefined: any. */
export interface JobListFilter {
  connectionId?: number | undefined;
  /** in any case */
  objectName?: string | undefined;
  dataset?: string | undefined;
  /** by now */
  state?: JobState | undefined;
}

/**
 * A page of the jobs that match a filter, in order of creation, and the position of its last one. Reads only that page unless there is a
 * filter: uses jobs_by_creation, or jobs_by_object.
 */
export async function listJobPage(
  database: Queryable,
  { limit, after }: Page,
  { connectionId, objectName, dataset, state }: JobListFilter = {},
): Promise<{ jobs: ListedJob[]; last: Position | undefined }> {
  const parameters: unknown[] = [after?.createdAt ?? '-infinity', after?.id ?? FIRST_JOB_ID, limit];
  const bind = (value: unknown): string => `$${parameters.push(value)}`;
  const byState = state && inState(state, bind(state));
  const conditions = [
    ...(connectionId === undefined ? [] : [`jobs.connection_id = ${bind(connectionId)}`]),
    ...(objectName === undefined ? [] : [`lower(jobs.object_name) = lower(${bind(objectName)})`]),
    ...(dataset === undefined ? [] : [`jobs.target_dataset = ${bind(dataset)}`]),
    ...(byState ? [byState.condition] : []),
  ].map((condition) => ` AND ${condition}`);
  const page = `SELECT jobs.* FROM jobs ${byState ? byState.join : ''} WHERE (jobs.created_at, jobs.id) > ($1::timestamptz, $2::uuid)${conditions.join('')}
    ORDER BY jobs.created_at, jobs.id LIMIT $3`;
  return await list(database, page, parameters);
}

/**
 * Lists the jobs that a statement selects. A job has a row for its latest window, one for its open repair, and one for its latest ended
 * repair. Uses runs_by_job, runs_one_open_per_lane and runs_ended_repairs, and reads no other run.
 */
async function list(database: Queryable, selected: string, parameters: unknown[]) {
  const { rows } = await database.query<Row & { created_at: string }>(
    `SELECT ${JOB_COLUMNS}, ${RUN_COLUMNS}, jobs.created_at::text FROM (${selected}) AS jobs
     JOIN connections ON connections.id = jobs.connection_id
     LEFT JOIN LATERAL (
       (SELECT * FROM runs WHERE job_id = jobs.id AND kind = 'window' ORDER BY created_at DESC LIMIT 1) UNION ALL
       (SELECT * FROM runs WHERE job_id = jobs.id AND kind <> 'window' AND state IN ('queued', 'running')) UNION ALL
       (SELECT * FROM runs WHERE job_id = jobs.id AND kind <> 'window' AND finished_at IS NOT NULL ORDER BY created_at DESC LIMIT 1)
     ) AS run ON true
     ORDER BY jobs.created_at, jobs.id, run.created_at DESC`,
    parameters,
  );
  const last = rows.at(-1);
  const byJob = [...Map.groupBy(rows, ({ id }) => id).values()];
  return { jobs: byJob.map(toListedJob), last: last && { createdAt: last.created_at, id: last.id } };
}

/** A page of a job's runs, the latest first, and the position of its last one. Reads only that page: uses runs_by_job. */
export async function listRunPage(
  database: Queryable,
  jobId: string,
  { limit, after }: Page,
): Promise<{ runs: ListedRun[]; last: Position | undefined }> {
  const { rows } = await database.query<Record<string, unknown> & { created_at: string; run_id: string }>(
    `SELECT ${RUN_COLUMNS}, run.created_at::text FROM runs AS run
     WHERE run.job_id = $1 AND (run.created_at, run.id) < ($2::timestamptz, $3::uuid)
     ORDER BY run.created_at DESC, run.id DESC LIMIT $4`,
    [jobId, after?.createdAt ?? 'infinity', after?.id ?? FIRST_JOB_ID, limit],
  );
  const last = rows.at(-1);
  return { runs: rows.map((row) => toListedRun(row)!), last: last && { createdAt: last.created_at, id: last.run_id } };
}

/** A run, with its job. */
export async function findRun(database: Queryable, runId: string): Promise<JobWithRun | undefined> {
  const { rows } = await database.query<Row>(
    `SELECT ${JOB_COLUMNS}, ${RUN_COLUMNS} FROM runs AS run
     JOIN jobs ON jobs.id = run.job_id
     JOIN connections ON connections.id = jobs.connection_id
     WHERE run.id = $1`,
    [runId],
  );
  return rows[0] && { ...toJob(rows[0]), run: toListedRun(rows[0])! };
}

/** @param rows of one job, the latest run first */
function toListedJob(rows: readonly Row[]): ListedJob {
  const runs = rows.map(toListedRun);
  return {
    ...toJob(rows[0]!),
    run: runs.find((run) => run?.kind === 'window') ?? null,
    repair: runs.find((run) => run && run.kind !== 'window') ?? null,
  };
}

function toJob(row: Row): Omit<JobWithRun, 'run'> {
  const { created_at: _, ...columns } = Object.fromEntries(Object.entries(row).filter(([column]) => !column.startsWith(RUN_PREFIX)));
  const { identityUrl, status, loginCode, loginMessage, loginSince, ...job } = toRecord(columns as JobRow);
  const needsLogin = status !== 'active';
  const loginError = needsLogin && loginCode !== null ? { code: loginCode, message: loginMessage!, since: loginSince! } : null;
  return { ...job, userId: identityUrl, needsLogin, loginError };
}
