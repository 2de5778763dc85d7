-- What BigQuery billed, by statement: a job that is adopted is not counted twice. And what was counted in a run's delta table, so that a
-- run that waits for its budget does not pay for the counting again.

CREATE TABLE billed (
  statement      text PRIMARY KEY,           -- the id of BigQuery's job
  run_id         uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
  bytes          bigint NOT NULL,
  billed_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX billed_by_run ON billed (run_id);
CREATE INDEX billed_by_time ON billed (billed_at);

ALTER TABLE runs ADD COLUMN counted jsonb;               -- {of, delta, kept}: of which staging tables, and what; null until counted
