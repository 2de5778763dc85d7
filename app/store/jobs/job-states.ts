import type pg from 'pg';
import type { Every } from '../../core/jobs/every.ts';
import { type JobState, PENDING_STATES, type PendingState } from '../../core/jobs/job-state.ts';
import { transaction } from '../database.ts';
import { type ListedJob, listJobs } from './job-list.ts';
import { LATEST_WINDOW, stateAt } from './job-state-sql.ts';
import type { JobFilter } from './jobs.ts';

/** How many jobs are in a state, with the first of them in order of creation. */
export interface JobsInState {
  state: JobState;
  /** complete jobs are counted by their `last_date`; null for the others */
  syncedTo: Date | null;
  jobs: number;
  /** of the first jobs */
  names: string[];
  /** intervals of the jobs */
  every: Every[];
  /** jobs whose next window reads rows again that were committed too late; counted only of complete jobs */
  rereading: number;
}

export interface JobStates {
  /** by their first jobs, in order of creation */
  groups: JobsInState[];
  /** the first pending jobs, most urgent states first */
  pending: { state: PendingState; job: ListedJob }[];
  /** the first complete jobs whose next window reads rows again, in order of creation */
  rereading: ListedJob[];
}

/** How many jobs to return at most. */
export interface Limits {
  names: number;
  pending: number;
  rereading: number;
}

/**
 * Counts the matching jobs by state, and lists the first that need attention. Reads each job and connection once, and the latest window only
 * of active jobs that are behind: uses runs_by_job.
 * @param now in real time, because runs are deferred in real time
 */
export async function readJobStates(database: pg.Pool, filter: JobFilter, now: Date, limits: Limits): Promise<JobStates> {
  return await transaction(database, async (client) => {
    // Both statements see the same jobs.
    await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const groups = await countStates(client, filter, now, limits);
    const ids = PENDING_STATES.flatMap((state) =>
      groups.filter((group) => group.state === state).flatMap(({ first }) => first.map((id) => ({ state, id }))),
    ).slice(0, limits.pending);
    const listed = await listJobs(client, [...ids.map(({ id }) => id), ...groups.flatMap(({ firstRereading }) => firstRereading)]);
    const byId = new Map(listed.map((job) => [job.id, job]));
    return {
      groups: groups.map(({ first: _, firstRereading: __, ...group }) => group),
      pending: ids.map(({ state, id }) => ({ state, job: byId.get(id)! })),
      rereading: listed.filter(({ id }) => groups.some(({ firstRereading }) => firstRereading.includes(id))).slice(0, limits.rereading),
    };
  });
}

/** With the ids of the first jobs. */
type Counted = JobsInState & { first: string[]; firstRereading: string[] };

async function countStates(client: pg.PoolClient, filter: JobFilter, now: Date, limits: Limits): Promise<Counted[]> {
  const { rows } = await client.query<Counted>(
    `WITH found AS (
       SELECT jobs.id, jobs.object_name, jobs.every, ${stateAt('$3')} AS state, jobs.synced_to, jobs.reread_from,
         row_number() OVER (ORDER BY jobs.created_at, jobs.id) AS position
       FROM jobs JOIN connections ON connections.id = jobs.connection_id
       ${LATEST_WINDOW}
       WHERE ($1::bigint IS NULL OR jobs.connection_id = $1) AND ($2::uuid IS NULL OR jobs.id = $2)
     ), marked AS (
       SELECT *, CASE state WHEN 'complete' THEN synced_to END AS through, state = 'complete' AND reread_from IS NOT NULL AS rereads FROM found
     )
     SELECT state, through AS "syncedTo", count(*) AS jobs, (array_agg(object_name ORDER BY position))[1:$4] AS names,
       array_agg(DISTINCT every) AS every, count(*) FILTER (WHERE rereads) AS rereading,
       CASE WHEN state = ANY($5) THEN (array_agg(id ORDER BY position))[1:$6] ELSE '{}' END AS first,
       coalesce((array_agg(id ORDER BY position) FILTER (WHERE rereads))[1:$7], '{}') AS "firstRereading"
     FROM marked GROUP BY state, through ORDER BY min(position)`,
    [filter.connectionId ?? null, filter.jobId ?? null, now, limits.names, PENDING_STATES, limits.pending, limits.rereading],
  );
  return rows;
}
