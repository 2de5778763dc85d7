import type { Deletes } from '../core/deletes.ts';
import type { Every } from '../core/every.ts';
import type { RunKind } from '../core/pass.ts';
import type { Receipt } from '../core/receipt.ts';
import type { RunAction } from '../core/run-action.ts';
import type { RunState } from '../core/run-state.ts';
import type { Queryable } from './database.ts';
import type { JobFilter } from './jobs.ts';
import { type RowOf, toRecord } from './to-record.ts';

/** A job with its connection and its latest window, for display. */
export interface ListedJob {
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
  /** whether each window replaces the table whole */
  whole: boolean;
  every: Every;
  startDate: Date;
  syncedTo: Date;
  wantedTo: Date;
  /** rows stamped from here on were committed too late for their window: the next window reads them again; null: none */
  rereadFrom: Date | null;
  active: boolean;
  run: ListedRun | null;
}

export interface ListedRun {
  id: string;
  kind: RunKind;
  /** what a repair reads and writes beside its range, with the number of its Ids instead of the list; null for a window */
  scope: Record<string, unknown> | null;
  windowFrom: Date;
  windowTo: Date;
  state: RunState;
  /** the run does not start before */
  runAt: Date;
  failures: number;
  errorCode: string | null;
  errorMessage: string | null;
  /** rows of the verdict with which it failed, if an operator may accept that; null: nothing to accept */
  acceptableRows: number | null;
  receipt: Receipt | null;
  finishedAt: Date | null;
  /** what operators did with it, oldest first */
  actions: RunAction[];
}

/** A job's place in the list: after those that were created before it. */
export interface Position {
  /** as Postgres writes it, with microseconds */
  createdAt: string;
  id: string;
}

/** A part of the list. */
export interface Page {
  limit: number;
  /** undefined: from the start */
  after: Position | undefined;
}

/** A job with one of its runs. */
export type JobWithRun = ListedJob & { run: ListedRun };

type Row = RowOf<
  Omit<ListedJob, 'userId' | 'needsLogin' | 'loginError' | 'run'> &
    Omit<ListedRun, 'id'> & { identityUrl: string; status: string; runId: string | null } & {
      loginCode: string | null;
      loginMessage: string | null;
      loginSince: Date | null;
    }
>;

/** A job, its connection, and a run of it, which may be absent. */
const COLUMNS = `jobs.id, connections.identity_url, connections.status, connections.error_code AS login_code,
  connections.error_message AS login_message, connections.ended_at AS login_since, jobs.object_name, jobs.target_dataset, jobs.target_table,
  jobs.deletes, jobs.append_only, jobs.whole, jobs.every, jobs.start_date, jobs.synced_to, jobs.wanted_to, jobs.reread_from, jobs.active,
  run.id AS run_id, run.kind, CASE WHEN run.scope ? 'ids' THEN jsonb_set(run.scope, '{ids}', to_jsonb(jsonb_array_length(run.scope->'ids')))
    ELSE run.scope END AS scope, run.window_from, run.window_to, run.state, run.run_at, run.failures, run.error_code, run.error_message,
  run.acceptable_rows, run.receipt, run.finished_at, run.actions`;

/** Which jobs to list. */
export interface ListFilter extends JobFilter {
  jobIds?: readonly string[];
}

/** Whether a job matches the filter of `filterParameters`. */
const MATCHES = '($1::bigint IS NULL OR jobs.connection_id = $1) AND ($2::uuid[] IS NULL OR jobs.id = ANY($2))';

function filterParameters({ connectionId, jobId, jobIds }: ListFilter): unknown[] {
  return [connectionId ?? null, jobIds ?? (jobId === undefined ? null : [jobId])];
}

/** The jobs that match the filter, in order of creation. Uses runs_by_job. */
export async function listJobs(database: Queryable, filter: ListFilter = {}): Promise<ListedJob[]> {
  const { rows } = await database.query<Row>(
    `SELECT ${COLUMNS} FROM jobs
     JOIN connections ON connections.id = jobs.connection_id
     LEFT JOIN LATERAL (SELECT * FROM runs WHERE runs.job_id = jobs.id AND runs.kind = 'window' ORDER BY created_at DESC LIMIT 1) AS run ON true
     WHERE ${MATCHES}
     ORDER BY jobs.created_at, jobs.id`,
    filterParameters(filter),
  );
  return rows.map(toListedJob);
}

/** A page of all jobs, in order of creation, and the position of its last one. Reads only that page: uses jobs_by_creation and runs_by_job. */
export async function listJobPage(database: Queryable, { limit, after }: Page): Promise<{ jobs: ListedJob[]; last: Position | undefined }> {
  const { rows } = await database.query<{ id: string; created_at: string }>(
    `SELECT id, created_at::text FROM jobs WHERE (created_at, id) > ($1::timestamptz, $2::uuid)
     ORDER BY jobs.created_at, jobs.id LIMIT $3`,
    [after?.createdAt ?? '-infinity', after?.id ?? '00000000-0000-0000-0000-000000000000', limit],
  );
  const last = rows.at(-1);
  return {
    jobs: await listJobs(database, { jobIds: rows.map(({ id }) => id) }),
    last: last && { createdAt: last.created_at, id: last.id },
  };
}

/** The latest repair of each job that matches the filter, by job id. Uses runs_by_job. */
export async function latestRepairs(database: Queryable, filter: ListFilter = {}): Promise<Map<string, ListedRun>> {
  const { rows } = await database.query<Row>(
    `SELECT ${COLUMNS} FROM jobs
     JOIN connections ON connections.id = jobs.connection_id
     JOIN LATERAL (SELECT * FROM runs WHERE runs.job_id = jobs.id AND runs.kind <> 'window' ORDER BY created_at DESC LIMIT 1) AS run ON true
     WHERE ${MATCHES}`,
    filterParameters(filter),
  );
  return new Map(rows.map((row) => [row.id, (toListedJob(row) as JobWithRun).run]));
}

/** A run, with its job. */
export async function findRun(database: Queryable, runId: string): Promise<JobWithRun | undefined> {
  const { rows } = await database.query<Row>(
    `SELECT ${COLUMNS} FROM runs AS run
     JOIN jobs ON jobs.id = run.job_id
     JOIN connections ON connections.id = jobs.connection_id
     WHERE run.id = $1`,
    [runId],
  );
  return rows[0] && (toListedJob(rows[0]) as JobWithRun);
}

function toListedJob(row: Row): ListedJob {
  const { identityUrl, status, loginCode, loginMessage, loginSince, ...rest } = toRecord(row);
  const {
    runId,
    kind,
    scope,
    windowFrom,
    windowTo,
    state,
    runAt,
    failures,
    errorCode,
    errorMessage,
    acceptableRows,
    receipt,
    finishedAt,
    actions,
    ...job
  } = rest;
  const run = {
    kind,
    scope,
    windowFrom,
    windowTo,
    state,
    runAt,
    failures,
    errorCode,
    errorMessage,
    acceptableRows,
    receipt,
    finishedAt,
    actions,
  };
  const needsLogin = status !== 'active';
  const loginError = needsLogin && loginCode !== null ? { code: loginCode, message: loginMessage!, since: loginSince! } : null;
  return { ...job, userId: identityUrl, needsLogin, loginError, run: runId === null ? null : { id: runId, ...run } };
}
