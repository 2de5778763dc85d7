/** Whether the latest repair of `jobs` failed. Uses runs_ended_repairs and runs_one_open_per_lane. */
export const REPAIR_FAILED = `((SELECT state FROM runs WHERE job_id = jobs.id AND kind <> 'window' AND finished_at IS NOT NULL
      ORDER BY created_at DESC LIMIT 1) = 'failed'
    AND NOT EXISTS (SELECT FROM runs WHERE job_id = jobs.id AND kind <> 'window' AND state IN ('queued', 'running')))`;
