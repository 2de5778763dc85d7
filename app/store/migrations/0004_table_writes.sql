-- The BigQuery jobs that may still change a target table. Recorded before they are requested, deleted once they are known to have ended.
CREATE TABLE table_writes (
  statement      text PRIMARY KEY,           -- BigQuery's job id
  job_id         uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
  run_id         uuid NOT NULL,              -- not a reference: its run may be deleted while BigQuery's job still runs
  created_at     timestamptz NOT NULL DEFAULT now()
);
-- A job's writes (readOtherWrites).
CREATE INDEX table_writes_by_job ON table_writes (job_id);
-- The run that may change the job's target table: the table lease. Free if null or if that run is neither queued nor running.
ALTER TABLE jobs ADD COLUMN writing_run uuid;
-- What a repair run reads and writes, beside its range; null for a window.
ALTER TABLE runs ADD COLUMN scope jsonb;
-- The end of a repair that a chain of runs executes; null: the run's own end.
ALTER TABLE runs ADD COLUMN repair_to timestamptz;
-- From this release on, runs.counted contains the counts of each of the run's delta tables, by the staging tables they were built from.
-- When the slice's current generation was requested from Salesforce.
ALTER TABLE slices ADD COLUMN requested_at timestamptz;
