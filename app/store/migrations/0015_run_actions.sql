-- What operators did with a run: cancelled it, made it due, queued it, or accepted the verdict of the one before; who, and when.
ALTER TABLE runs ADD COLUMN actions jsonb NOT NULL DEFAULT '[]';
