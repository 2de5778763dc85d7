-- By which of Salesforce's APIs a slice is read, and why; and what was learned of an object that Bulk refuses.

ALTER TABLE slices
  ADD COLUMN method text CHECK (method IN ('rest', 'bulk')), -- null until chosen
  ADD COLUMN reason text;

ALTER TABLE jobs ADD COLUMN bulk_refused text;               -- Salesforce's code; null: not refused so far
