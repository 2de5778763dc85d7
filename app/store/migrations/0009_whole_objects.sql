-- The object has no usable cursor: each window replaces its table whole. Its cursor_field is Id, which no window of another release can compare
-- with an instant.
ALTER TABLE jobs ADD COLUMN whole boolean NOT NULL DEFAULT false;
-- What the replacement of the target table was found to change, counted once: {rows, removed, before, live, missing}; null: not counted.
ALTER TABLE runs ADD COLUMN replacement jsonb;
