/** The latest window of `jobs`, as `run`: only of active jobs that are behind. Uses runs_by_job. */
export const LATEST_WINDOW = `LEFT JOIN LATERAL (
    SELECT state, run_at FROM runs
    WHERE job_id = jobs.id AND kind = 'window' AND jobs.active AND connections.status = 'active' AND jobs.synced_to < jobs.wanted_to
    ORDER BY created_at DESC LIMIT 1) AS run ON true`;

/** The state of a job, of its connection and of LATEST_WINDOW. Mirrors core's `jobState`. @param now in SQL */
export const stateAt = (now: string): string => `CASE
  WHEN NOT jobs.active THEN 'paused'
  WHEN connections.status <> 'active' THEN 'needs_login'
  WHEN jobs.synced_to >= jobs.wanted_to THEN 'complete'
  WHEN run.state = 'failed' THEN 'failed'
  WHEN run.state = 'queued' AND run.run_at > ${now} THEN 'deferred'
  ELSE 'unfinished' END`;
