import type { RunKind } from '../../core/runs/pass.ts';
import type { RunState } from '../../core/runs/run-state.ts';
import type { Queryable } from '../database.ts';
import type { JobWithRun, Page, Position } from '../jobs/job-list.ts';
import { FIRST_JOB_ID } from '../jobs/jobs.ts';
import { RUN_COLUMNS, toListedRun } from './listed-run.ts';

/** A run that is shown by itself, with what names its job. */
export type RunOfJob = Pick<JobWithRun, 'id' | 'userId' | 'objectName' | 'run'>;

/** Which runs to list; undefined: any. */
export interface RunFilter {
  connectionId?: number | undefined;
  /** in any case */
  objectName?: string | undefined;
  jobId?: string | undefined;
  state?: RunState | undefined;
  kind?: RunKind | undefined;
  /** created then or later */
  since?: Date | undefined;
  /** created before then */
  until?: Date | undefined;
}

/** Adds a parameter to a statement. @returns its place, for example `$1` */
type Bind = (value: unknown) => string;

/** Which runs an index finds, in the order in which it has them. */
interface Source {
  sql: string;
  /** by which the index orders runs first; undefined: by their creation */
  column?: string;
}

/**
 * A page of the runs of all jobs that match a filter, the latest first, and the position of its last one. Uses the index for the filter
 * that excludes most runs.
 */
export async function listRuns(
  database: Queryable,
  filter: RunFilter,
  page: Page,
): Promise<{ runs: RunOfJob[]; last: Position | undefined }> {
  const parameters: unknown[] = [];
  const bind: Bind = (value) => `$${parameters.push(value)}`;
  const { sql, column } = sourceOf(filter, page, bind);
  const order = [...(column ? [column] : []), 'run.created_at', 'run.id'].map((name) => `${name} DESC`).join(', ');
  const { rows } = await database.query<Record<string, unknown> & NamedJob & { created_at: string; run_id: string }>(
    `SELECT jobs.id, connections.identity_url, jobs.object_name, ${RUN_COLUMNS}, run.created_at::text
     FROM (${sql} ORDER BY ${order} LIMIT ${bind(page.limit)}) AS run
     JOIN jobs ON jobs.id = run.job_id JOIN connections ON connections.id = jobs.connection_id
     ORDER BY run.created_at DESC, run.id DESC`,
    parameters,
  );
  const last = rows.at(-1);
  return {
    runs: rows.map((row) => ({ id: row.id, userId: row.identity_url, objectName: row.object_name, run: toListedRun(row)! })),
    last: last && { createdAt: last.created_at, id: last.run_id },
  };
}

interface NamedJob {
  id: string;
  identity_url: string;
  object_name: string;
}

/** The conditions on a run that no source implies. */
function conditionsOf({ connectionId, jobId, objectName, state, kind, since, until }: RunFilter, { after }: Page, bind: Bind): string {
  const conditions = [
    ...(connectionId === undefined ? [] : [`run.connection_id = ${bind(connectionId)}`]),
    ...(jobId === undefined ? [] : [`run.job_id = ${bind(jobId)}`]),
    ...(objectName === undefined ? [] : [`run.job_id = ANY(ARRAY(${jobsFor(bind(objectName))}))`]),
    ...(state === undefined ? [] : [`run.state = ${bind(state)}`]),
    ...(kind === undefined ? [] : [`run.kind = ${bind(kind)}`]),
    ...(since === undefined ? [] : [`run.created_at >= ${bind(since)}`]),
    ...(until === undefined ? [] : [`run.created_at < ${bind(until)}`]),
    ...(after === undefined ? [] : [`(run.created_at, run.id) < (${bind(after.createdAt)}::timestamptz, ${bind(after.id)}::uuid)`]),
  ];
  return conditions.map((condition) => ` AND ${condition}`).join('');
}

/** Uses jobs_by_object. */
const jobsFor = (objectName: string): string => `SELECT id FROM jobs WHERE lower(object_name) = lower(${objectName})`;

function sourceOf(filter: RunFilter, page: Page, bind: Bind): Source {
  const { connectionId, jobId, objectName, state, kind } = filter;
  const all = (others: RunFilter): string => `SELECT * FROM runs AS run WHERE true${conditionsOf(others, page, bind)}`;
  if (jobId !== undefined) return { sql: all(filter) };
  // At most two of each job. OFFSET 0 keeps Postgres from searching all runs for them, in the order of the list.
  if (state === 'queued' || state === 'running') {
    return { sql: `SELECT * FROM (${all(filter)} AND run.finished_at IS NULL OFFSET 0) AS run` };
  }
  if (state === 'failed' || state === 'cancelled') {
    const range = rangeOf('run.state', bind(state), filter, page, bind);
    return { sql: `${all({ ...filter, state: undefined })} AND run.state IN ('failed', 'cancelled') AND ${range}`, column: 'run.state' };
  }
  if (objectName !== undefined) {
    const latest = `${all({ ...filter, objectName: undefined })} AND run.job_id = jobs.id ORDER BY run.created_at DESC, run.id DESC`;
    return {
      sql: `SELECT run.* FROM (${jobsFor(bind(objectName))}) AS jobs CROSS JOIN LATERAL (${latest} LIMIT ${bind(page.limit)}) AS run`,
    };
  }
  if (kind !== undefined && kind !== 'window') {
    const range = rangeOf('run.kind', bind(kind), filter, page, bind);
    return {
      sql: `${all({ ...filter, kind: undefined })} AND run.kind IN ('reimport', 'rebuild', 'sweep') AND ${range}`,
      column: 'run.kind',
    };
  }
  if (connectionId !== undefined) {
    const range = rangeOf('run.connection_id', `${bind(connectionId)}::bigint`, filter, page, bind);
    return { sql: `${all({ ...filter, connectionId: undefined })} AND ${range}`, column: 'run.connection_id' };
  }
  return { sql: all(filter) };
}

/**
 * The runs with one value in the first column of an index. Not by equality: Postgres would then know that the column does not affect the
 * order, and might read all runs in the order of their creation to find these.
 */
function rangeOf(column: string, value: string, { since, until }: RunFilter, { after }: Page, bind: Bind): string {
  const row = `(${column}, run.created_at, run.id)`;
  const end = `(${value}, ${bind(after?.createdAt ?? until ?? 'infinity')}::timestamptz, ${bind(after?.id ?? FIRST_JOB_ID)}::uuid)`;
  return `${row} < ${end} AND ${row} >= (${value}, ${bind(since ?? '-infinity')}::timestamptz, '${FIRST_JOB_ID}'::uuid)`;
}
