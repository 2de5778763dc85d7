-- When the latest ticks of all jobs came, in real time, newest first: how often ticks come..
CREATE TABLE ticks (
  id             boolean PRIMARY KEY DEFAULT true CHECK (id), -- only one row
  recent         timestamptz[] NOT NULL
);
-- How many rows of the object changed in the week before this was last counted; null: not counted.
ALTER TABLE jobs ADD COLUMN weekly_changes bigint;
