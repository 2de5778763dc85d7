-- Lists of runs are read from the newest to the oldest, page by page, by the index that fits their filters (listRuns).
CREATE INDEX runs_by_creation ON runs (created_at, id);
CREATE INDEX runs_by_connection ON runs (connection_id, created_at, id);
-- Few of all runs end like this.
CREATE INDEX runs_unsuccessful ON runs (state, created_at, id) WHERE state IN ('failed', 'cancelled');
-- Repairs. A list of kinds, not "other than window": claims must not choose this index.
CREATE INDEX runs_by_kind ON runs (kind, created_at, id) WHERE kind IN ('reimport', 'rebuild', 'sweep');
-- The jobs for an object, of all connections (listRuns, listJobPage, listJobPage).
CREATE INDEX jobs_by_object ON jobs (lower(object_name));
