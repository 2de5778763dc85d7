-- The runs of a job that found invalid values, newest first (listRunsWithInvalidValues).
CREATE INDEX runs_with_invalid_values ON runs (job_id, created_at DESC) WHERE receipt -> 'invalid_values' <> '{}';
