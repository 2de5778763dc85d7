-- Which fields a job reads, and how: names and patterns, as JSON arrays.
ALTER TABLE jobs
  ADD COLUMN exclude_fields jsonb NOT NULL DEFAULT '[]',   -- never requested from Salesforce
  ADD COLUMN hash_fields jsonb NOT NULL DEFAULT '[]',      -- only their hash reaches the target table
  ADD COLUMN new_fields text NOT NULL DEFAULT 'add' CHECK (new_fields IN ('add', 'review')),
  ADD COLUMN approved_fields jsonb;                        -- with review, the fields that may be read; null: all
-- What the new jobs of a connection get besides their own.
ALTER TABLE connections
  ADD COLUMN exclude_fields jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN hash_fields jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN new_fields text CHECK (new_fields IN ('add', 'review'));   -- null: add
