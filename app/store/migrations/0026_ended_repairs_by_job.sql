-- A job's ended repairs, newest first, which are few among its runs: lists of jobs show the latest one. Without those that are queued, so
-- that claims cannot choose this index while there are hardly any repairs.
CREATE INDEX runs_ended_repairs ON runs (job_id, created_at DESC) WHERE kind <> 'window' AND finished_at IS NOT NULL;
