-- Who called the latest tick of all jobs: the name of an API key, or what stands for one; null: an earlier release did not store it.
ALTER TABLE ticks ADD COLUMN latest_by text;
