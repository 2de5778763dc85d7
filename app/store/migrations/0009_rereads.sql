-- What has to be read again: Ids that a slice had more than once, to see whether a second reading has the same; and rows that Salesforce
-- committed too late for their window, which the next one reaches back for.

ALTER TABLE slices
  ADD COLUMN repeated_ids text,                          -- such as '3 Ids from 001… to 001…'; null: none so far
  ADD COLUMN null_cursor boolean NOT NULL DEFAULT false; -- reads the rows whose cursor is null, by CreatedDate

ALTER TABLE jobs
  ADD COLUMN cursor_nillable boolean NOT NULL DEFAULT false, -- the object may have rows whose cursor is null
  ADD COLUMN reread_from timestamptz;                    -- the next window reads from here on; null: from where it starts
