import type { JobState } from '../../core/jobs/job-state.ts';
import type { Queryable } from '../database.ts';
import { type ListedJob, listJobs } from './job-list.ts';
import { LATEST_WINDOW, stateAt } from './job-state-sql.ts';
import { FIRST_JOB_ID } from './jobs.ts';
import { REPAIR_FAILED } from './repair-failed-sql.ts';

/** Which jobs to find; undefined: any. */
export interface JobSearch {
  state?: JobState | undefined;
  connectionId?: number | undefined;
  dataset?: string | undefined;
  /** a part of the object's name, in any case */
  object?: string | undefined;
  /** whether its latest repair failed, and nothing else keeps the job from being repaired */
  repairFailed?: true | undefined;
}

/** A part of the found jobs: those that need attention first, then by the names of their objects. */
export interface Part {
  limit: number;
  /** how many to skip */
  offset: number;
}

export interface FoundJobs {
  jobs: ListedJob[];
  /** how many the search finds in each state, whichever state it names */
  counts: Partial<Record<JobState, number>>;
}

const URGENCY = `array_position(ARRAY['failed', 'needs_login', 'deferred', 'unfinished', 'complete', 'paused'], state)`;

/** Every job of a search, with its state; `$1` to `$4` are the search's. Uses runs_by_job, and runs_ended_repairs. */
const FOUND = `SELECT jobs.id, jobs.object_name, ${stateAt('now()')} AS state
  FROM jobs JOIN connections ON connections.id = jobs.connection_id ${LATEST_WINDOW}
  WHERE ($1::bigint IS NULL OR jobs.connection_id = $1) AND ($2::text IS NULL OR jobs.target_dataset = $2)
    AND ($3::text IS NULL OR strpos(lower(jobs.object_name), lower($3)) > 0)
    AND ($4::boolean IS NULL OR CASE WHEN jobs.active AND connections.status = 'active' THEN ${REPAIR_FAILED} ELSE false END)`;

function parametersOf({ connectionId, dataset, object, repairFailed }: JobSearch): unknown[] {
  return [connectionId ?? null, dataset ?? null, object ?? null, repairFailed ?? null];
}

/** Finds jobs for display. Reads each job once, and the latest window only of active jobs that are behind: uses runs_by_job. */
export async function searchJobs(database: Queryable, search: JobSearch, { limit, offset }: Part): Promise<FoundJobs> {
  const { rows } = await database.query<{ counts: FoundJobs['counts']; ids: string[] }>(
    `WITH found AS MATERIALIZED (${FOUND}), counted AS (SELECT state, count(*) AS jobs FROM found GROUP BY state)
     SELECT (SELECT coalesce(json_object_agg(state, jobs), '{}') FROM counted) AS counts,
       ARRAY(SELECT id FROM found WHERE $5::text IS NULL OR state = $5
             ORDER BY ${URGENCY}, lower(object_name), id LIMIT $6 OFFSET $7) AS ids`,
    [...parametersOf(search), search.state ?? null, limit, offset],
  );
  const { counts, ids } = rows[0]!;
  const byId = new Map((await listJobs(database, ids)).map((job) => [job.id, job]));
  return { jobs: ids.flatMap((id) => byId.get(id) ?? []), counts };
}

/**
 * The ids of all jobs that a search finds now, in their order: what happens to the jobs afterwards, for example by an action on the first of
 * them, changes nothing of it. An id takes about a hundred bytes.
 * @param after only those after this one
 */
export async function findJobIds(database: Queryable, search: JobSearch, after = FIRST_JOB_ID): Promise<string[]> {
  const { rows } = await database.query<{ ids: string[] }>(
    `WITH found AS MATERIALIZED (${FOUND})
     SELECT ARRAY(SELECT id FROM found WHERE ($5::text IS NULL OR state = $5) AND id > $6 ORDER BY id) AS ids`,
    [...parametersOf(search), search.state ?? null, after],
  );
  return rows[0]!.ids;
}

/** A window that has ended, for a chart. */
export interface EndedWindow {
  rows: number;
  failed: boolean;
}

/** The latest ended windows of jobs, by job, oldest first. Uses runs_by_job. */
export async function latestWindows(database: Queryable, jobIds: readonly string[], limit: number): Promise<Map<string, EndedWindow[]>> {
  const { rows } = await database.query<{ id: string; windows: EndedWindow[] }>(
    `SELECT job.id, (
       SELECT coalesce(json_agg(json_build_object('rows', rows, 'failed', failed) ORDER BY created_at), '[]') FROM (
         SELECT created_at, coalesce((receipt->>'distinct_ids')::bigint, 0) AS rows, state = 'failed' AS failed
         FROM runs WHERE job_id = job.id AND kind = 'window' AND state IN ('succeeded', 'failed') ORDER BY created_at DESC LIMIT $2
       ) AS latest) AS windows
     FROM unnest($1::uuid[]) AS job (id)`,
    [jobIds, limit],
  );
  return new Map(rows.map(({ id, windows }) => [id, windows]));
}
