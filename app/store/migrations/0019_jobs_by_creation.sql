-- Lists of jobs are read in this order, page by page.
CREATE INDEX jobs_by_creation ON jobs (created_at, id);
