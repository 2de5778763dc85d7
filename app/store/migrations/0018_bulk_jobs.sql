-- Bulk jobs that the service created, until they are deleted in Salesforce or no longer need to be: of no others may it abort or delete any.
CREATE TABLE bulk_jobs (
  connection_id bigint NOT NULL REFERENCES connections,
  id            text NOT NULL,                          -- Salesforce's
  run_id        uuid NOT NULL,                          -- the run may be deleted before them
  slice         integer NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now(),
  delete_at     timestamptz NOT NULL DEFAULT now(),     -- not before; moved on by each try
  PRIMARY KEY (connection_id, id)
);
