-- The hashes of the Ids of records that must still be erased from the job's tables (core/fields/record-hash.ts), until a run has erased them.
ALTER TABLE jobs ADD COLUMN erase_records text[] NOT NULL DEFAULT '{}';
CREATE INDEX jobs_to_erase ON jobs (id) WHERE erase_records <> '{}';
-- The repairs that erasing runs interrupted, oldest first, which start over when nothing is left to erase.
ALTER TABLE jobs ADD COLUMN interrupted uuid[] NOT NULL DEFAULT '{}';
CREATE INDEX jobs_interrupted ON jobs (id) WHERE interrupted <> '{}';
