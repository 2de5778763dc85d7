-- Whether the job keeps a version per record and stamp in <Object>_versions, and since when that table has every row of the target table; null:
-- the next run copies the target table first.
ALTER TABLE jobs ADD COLUMN history boolean NOT NULL DEFAULT false, ADD COLUMN versions_since timestamptz;
-- Part of the id of the statement that adds the run's versions.
ALTER TABLE runs ADD COLUMN versions_try integer NOT NULL DEFAULT 1;
