-- A job has two lanes of runs: its windows, and its repairs. At most one open run per lane.
ALTER TABLE runs
  DROP CONSTRAINT runs_kind_check,
  ADD CONSTRAINT runs_kind_check CHECK (kind IN ('window', 'reimport', 'rebuild', 'sweep'));
CREATE UNIQUE INDEX runs_one_open_per_lane ON runs (job_id, (kind = 'window')) WHERE state IN ('queued', 'running');
DROP INDEX runs_one_open_per_job;
