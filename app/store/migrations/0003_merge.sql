-- How a job's rows are merged: chosen when the job is made. And whether a run's MERGE only inserts, which is settled once, since its
-- statement must be the same for whoever runs it.

ALTER TABLE jobs
  ADD COLUMN partitioned boolean NOT NULL DEFAULT false, -- the target table, by month of CreatedDate
  ADD COLUMN deletes text NOT NULL DEFAULT 'keep' CHECK (deletes IN ('keep', 'blank', 'remove'));

ALTER TABLE runs ADD COLUMN insert_only boolean;         -- null until settled
