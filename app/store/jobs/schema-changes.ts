import type { RunWithDrift } from '../../core/runs/run-rows.ts';
import type { Queryable } from '../database.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** Each changes something, so there are few. */
const MAX_RUNS = 1_000;

/**
 * The ended runs of a job whose drift differs from that of the run before, the latest first, as far back as runs are kept. A sweep reads too few
 * fields to show drift. The oldest run that is left is compared with nothing, so it counts only if it is the job's first. Uses runs_by_job.
 */
export async function listDriftingRuns(database: Queryable, jobId: string): Promise<RunWithDrift[]> {
  const { rows } = await database.query<RowOf<RunWithDrift>>(
    `SELECT run_id, job_id, object_name, target_table, finished_at, drift, previous_drift FROM (
       SELECT runs.id AS run_id, runs.job_id, jobs.object_name, jobs.target_table, runs.finished_at, runs.drift, runs.created_at,
         lag(runs.drift) OVER by_time AS previous_drift, lag(runs.id) OVER by_time IS NULL AND runs.window_from > jobs.start_date AS is_cut_off
       FROM runs JOIN jobs ON jobs.id = runs.job_id
       WHERE runs.job_id = $1 AND runs.insert_only IS NOT NULL AND runs.kind <> 'sweep'
       WINDOW by_time AS (ORDER BY runs.created_at)
     ) AS run
     WHERE finished_at IS NOT NULL AND drift IS DISTINCT FROM previous_drift AND NOT is_cut_off
     ORDER BY created_at DESC LIMIT ${MAX_RUNS}`,
    [jobId],
  );
  return rows.map(toRecord);
}
