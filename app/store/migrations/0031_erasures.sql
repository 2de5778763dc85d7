-- Fields whose values must still be erased from the job's tables, each with whether the job reads it again afterwards; '{}': none.
ALTER TABLE jobs ADD COLUMN clear_fields jsonb NOT NULL DEFAULT '{}';
CREATE INDEX jobs_to_clear ON jobs (id) WHERE clear_fields <> '{}';
-- The hashes of the Ids of erased records that Salesforce still has (core/fields/record-hash.ts): the job's runs leave these records out.
ALTER TABLE jobs ADD COLUMN suppressed text[] NOT NULL DEFAULT '{}';
