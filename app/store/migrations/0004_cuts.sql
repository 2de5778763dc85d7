-- Slices that are cut by Id, where time does not divide them; when Bulk was asked for a slice; and since when a job is at work.

ALTER TABLE slices
  ADD COLUMN id_from text,                               -- null: from the first Id
  ADD COLUMN id_to text,                                 -- not itself; null: to the last
  ADD COLUMN bulk_asked_at timestamptz;

ALTER TABLE jobs ADD COLUMN active_since timestamptz NOT NULL DEFAULT now(); -- by the schedule's clock: made, or resumed
