-- The staging and delta tables that runs created in BigQuery and that have not been dropped. Recorded before they are created.
CREATE TABLE run_tables (
  run_id         uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
  name           text NOT NULL,              -- in the staging dataset
  created_by     text,                       -- a delta table: the id of the BigQuery job that creates it; null: a staging table
  drop_at        timestamptz NOT NULL DEFAULT now(), -- not dropped before, nor before its run has ended
  PRIMARY KEY (run_id, name)
);
