-- A verdict with which a run failed, and which an operator may accept: how many rows it concerns; null: no such verdict.
ALTER TABLE runs ADD COLUMN acceptable_rows bigint;
-- {by, at, code, rows}: an operator accepted the verdict of an earlier run, so this one may pass it for as many rows.
ALTER TABLE runs ADD COLUMN accepted jsonb;
-- Part of the id of the job that compares a sweep's keys with the target table.
ALTER TABLE runs ADD COLUMN compare_try integer NOT NULL DEFAULT 1;
-- When a tick may queue the job's next sweep, in real time.
ALTER TABLE jobs ADD COLUMN sweep_due_at timestamptz NOT NULL DEFAULT now() + interval '7 days';
