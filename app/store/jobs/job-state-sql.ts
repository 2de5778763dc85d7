import type { JobState } from '../../core/jobs/job-state.ts';

/** The latest window of `jobs`, as `run`: only of active jobs that are behind. Uses runs_by_job. */
export const LATEST_WINDOW = `LEFT JOIN LATERAL (
    SELECT state, run_at FROM runs
    WHERE job_id = jobs.id AND kind = 'window' AND jobs.active AND connections.status = 'active' AND jobs.synced_to < jobs.wanted_to
    ORDER BY created_at DESC LIMIT 1) AS run ON true`;

const WITHOUT_RUN = `WHEN NOT jobs.active THEN 'paused'
  WHEN connections.status <> 'active' THEN 'needs_login'
  WHEN jobs.synced_to >= jobs.wanted_to THEN 'complete'`;

/** The state of a job, of its connection and of LATEST_WINDOW. Mirrors core's `jobState`. @param now in SQL */
export const stateAt = (now: string): string => `CASE ${WITHOUT_RUN}
  WHEN run.state = 'failed' THEN 'failed'
  WHEN run.state = 'queued' AND run.run_at > ${now} THEN 'deferred'
  ELSE 'unfinished' END`;

/**
 * The part of a statement that selects the jobs in a state by now, and the join that it needs. By CASE, of which Postgres expects half to be
 * true: it then reads jobs in the order of the list until it has enough, instead of all of them.
 * @param parameter the state, in SQL
 */
export function inState(state: JobState, parameter: string): { join: string; condition: string } {
  const needsRun = state === 'failed' || state === 'deferred' || state === 'unfinished';
  const found = needsRun ? stateAt('now()') : `CASE ${WITHOUT_RUN} END`;
  const connected = 'JOIN connections ON connections.id = jobs.connection_id';
  return {
    join: needsRun ? `${connected} ${LATEST_WINDOW}` : connected,
    condition: `CASE WHEN ${found} = ${parameter} THEN true ELSE false END`,
  };
}
