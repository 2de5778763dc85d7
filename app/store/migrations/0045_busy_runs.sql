-- The ended runs of a job that read rows, repaired or failed, newest first: there may be thousands of empty windows between them
-- (listBusyRuns).
CREATE INDEX runs_busy ON runs (job_id, created_at DESC)
  WHERE state IN ('succeeded', 'failed') AND (kind <> 'window' OR state = 'failed' OR receipt ->> 'distinct_ids' <> '0');
