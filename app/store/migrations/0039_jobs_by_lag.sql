-- Active jobs, the least current first (readGauges).
CREATE INDEX jobs_by_lag ON jobs (synced_to) WHERE active;
