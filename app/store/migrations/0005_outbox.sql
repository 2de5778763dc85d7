-- Rows for the metadata tables of the target datasets. A batch is the content of one load job, fixed before the job's id is used. After it is
-- loaded, it stays without its rows until a later batch of its table is loaded.
CREATE TABLE outbox_batches (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- increases with time
  token          uuid NOT NULL DEFAULT gen_random_uuid(), -- part of the load job's id: another or a restored job store repeats ids
  dataset        text NOT NULL,
  table_name     text NOT NULL,
  rows           jsonb,                      -- [{column: value}]; null once loaded
  digest         text,                       -- of a table's whole content, to recognize that it is unchanged; null: rows to append
  load_try       integer NOT NULL DEFAULT 1, -- part of the load job's id
  next_load_at   timestamptz NOT NULL DEFAULT now(), -- no load job of this table before
  created_at     timestamptz NOT NULL DEFAULT now(),
  loaded_at      timestamptz,
  CHECK ((rows IS NULL) = (loaded_at IS NOT NULL))
);
-- The batches of a table: whether another one is due, and the newest (isDue, newestDigest, claimBatch).
CREATE INDEX outbox_batches_by_table ON outbox_batches (dataset, table_name, id);

ALTER TABLE runs ADD COLUMN batched boolean NOT NULL DEFAULT false; -- it has ended, and a batch contains it
-- Ended runs that no batch contains yet, oldest first (batchEndedRuns).
CREATE INDEX runs_unbatched ON runs (finished_at) WHERE finished_at IS NOT NULL AND NOT batched;
