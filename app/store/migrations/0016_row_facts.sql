-- What the service counted of rows that it read by REST, of one generation of a slice; null: BigQuery must count them.
ALTER TABLE slices ADD COLUMN facts jsonb;
