-- Active jobs by interval and the window end that was last requested: a tick finds those with a later one (wantWindows).
CREATE INDEX jobs_by_wanted ON jobs (every, wanted_to) WHERE active;
-- Active jobs that have not imported what ticks requested (wantWindows).
CREATE INDEX jobs_behind ON jobs (id) WHERE active AND wanted_to > synced_to;
-- A connection's queued windows and its queued repairs, in the order in which they are due (claimRun, isWindowWaiting).
CREATE INDEX runs_queued_windows ON runs (connection_id, run_at, id) WHERE state = 'queued' AND kind = 'window';
CREATE INDEX runs_queued_repairs ON runs (connection_id, run_at, id) WHERE state = 'queued' AND kind <> 'window';
-- Jobs that are swept, by when the next sweep is due, and those with fields to backfill (queueDueSweeps).
CREATE INDEX jobs_by_sweep ON jobs (sweep_due_at) WHERE NOT whole;
CREATE INDEX jobs_to_backfill ON jobs (id) WHERE backfill_fields <> '{}';
-- Open runs by age: those that have waited for days start over (claimRun). Not by state: for the open run of a job, Postgres must choose
-- runs_one_open_per_lane, even if its statistics say that there are hardly any open runs.
CREATE INDEX runs_unfinished ON runs (created_at) WHERE finished_at IS NULL;
-- When a run of the connection was last claimed, so that connections take turns; null: never.
ALTER TABLE connections ADD COLUMN claimed_at timestamptz;
