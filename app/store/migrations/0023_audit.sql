-- Every change that a caller requested, once it was made. Rows outlive the jobs and runs that they name.
CREATE TABLE audit (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at             timestamptz NOT NULL DEFAULT now(),
  by             text NOT NULL,              -- the name of the API key; 'local' without keys; 'command line'
  action         text NOT NULL,              -- the name of the log event
  job_id         uuid,
  object_name    text,                       -- the job's
  run_id         uuid,
  connection_id  bigint,
  details        jsonb NOT NULL DEFAULT '{}' -- names of settings, counts and codes: never a secret or a record value
);
-- Old rows, deleted oldest first (deleteOldAudit).
CREATE INDEX audit_by_time ON audit (at);
