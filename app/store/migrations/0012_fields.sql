-- Field groups: a slice is read for one group of its object's fields. Its ordinal stays unique within the run, so that slices and pages
-- keep their keys. When a run's fields were described, what refused queries showed about a job's fields, and when a user last logged in.

ALTER TABLE slices ADD COLUMN field_group integer NOT NULL DEFAULT 0;
ALTER TABLE pages ADD COLUMN field_group integer NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN described_at timestamptz;      -- null: its columns are those of an earlier description
ALTER TABLE jobs ADD COLUMN field_plan jsonb;              -- {groups, refused}; null: no query was refused for its fields
ALTER TABLE connections ADD COLUMN granted_at timestamptz NOT NULL DEFAULT now();
