ALTER TABLE jobs
  -- {field: {column, filled}}: the column that the job created for each field, and whether all runs have filled it since; null until first used
  ADD COLUMN field_columns jsonb,
  -- {field: since}: the fields that old rows lack, until a sweep has filled them; null: none so far
  ADD COLUMN backfill_fields jsonb;
