-- Whether a job's rows are never edited, as its creator says: windows by CreatedDate see neither edits nor deletes.

ALTER TABLE jobs ADD COLUMN append_only boolean NOT NULL DEFAULT false;
