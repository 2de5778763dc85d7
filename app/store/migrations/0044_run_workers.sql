-- Which process claimed the run last; both null: it is not claimed yet, or an earlier release claimed it.
ALTER TABLE runs
  ADD COLUMN version text,                   -- of the process's release
  ADD COLUMN worker text;                    -- as in processes.host: a process's own row may be deleted before the run
