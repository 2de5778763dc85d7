-- The job store. Times are UTC instants; ids of runs are random UUIDs, since they are part of names in BigQuery.

CREATE TABLE connections (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  org_id         text NOT NULL CHECK (length(org_id) = 18),
  user_id        text NOT NULL CHECK (length(user_id) = 18),
  identity_url   text NOT NULL,              -- as Salesforce gave it last
  login_url      text NOT NULL,              -- the host that issued the grant: refreshes go there
  instance_url   text NOT NULL,              -- changes with an org's migration
  access_token   text NOT NULL,              -- sealed
  refresh_token  text NOT NULL,              -- sealed
  status         text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'needs_login')),
  created_at     timestamptz NOT NULL DEFAULT now(),
  updated_at     timestamptz NOT NULL DEFAULT now(),
  UNIQUE (org_id, user_id)
);

-- An authorization that somebody was sent to and has not come back from.
CREATE TABLE authorizations (
  state          text PRIMARY KEY,
  redirect_uri   text NOT NULL,
  login_url      text NOT NULL,
  code_verifier  text NOT NULL,              -- sealed
  created_at     timestamptz NOT NULL DEFAULT now(),
  expires_at     timestamptz NOT NULL
);
CREATE INDEX authorizations_by_redirect_uri ON authorizations (redirect_uri, created_at DESC);

CREATE TABLE jobs (
  id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  connection_id      bigint NOT NULL REFERENCES connections,
  object_name        text NOT NULL,          -- as describe spells it
  cursor_field       text NOT NULL,
  every              text NOT NULL DEFAULT 'day' CHECK (every IN ('day')),
  target_dataset     text NOT NULL,
  target_table       text NOT NULL,
  target_created_at  timestamptz,            -- of the target table as we made it; null until then
  start_date         timestamptz NOT NULL,
  synced_to          timestamptz NOT NULL,   -- the API's last_date: all before it is in the target table
  wanted_to          timestamptz NOT NULL,   -- the latest window end that a tick asked for
  wanted_at          timestamptz NOT NULL DEFAULT now(), -- from when on that end may be read (Salesforce commits late)
  active             boolean NOT NULL DEFAULT true,
  created_at         timestamptz NOT NULL DEFAULT now(),
  UNIQUE (connection_id, object_name),
  UNIQUE (target_dataset, target_table),
  CHECK (synced_to >= start_date)
);

CREATE TABLE runs (
  id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  job_id         uuid NOT NULL REFERENCES jobs,
  connection_id  bigint NOT NULL REFERENCES connections,
  kind           text NOT NULL CHECK (kind IN ('window')),
  window_from    timestamptz NOT NULL,
  window_to      timestamptz NOT NULL,
  state          text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  run_at         timestamptz NOT NULL,       -- not to be claimed earlier
  attempt        integer NOT NULL DEFAULT 0, -- counts claims; fences every write of a worker
  lease_until    timestamptz,
  failures       integer NOT NULL DEFAULT 0, -- in a row
  error_code     text,                       -- of the last failure
  error_message  text,
  columns        jsonb,                      -- fixed for the run: [{name, type}]
  delta_try      integer NOT NULL DEFAULT 1, -- part of the delta job's id
  merge_try      integer NOT NULL DEFAULT 1, -- part of the merge job's id
  receipt        jsonb,
  created_at     timestamptz NOT NULL DEFAULT now(),
  started_at     timestamptz,
  finished_at    timestamptz,
  CHECK (window_to > window_from)
);
CREATE UNIQUE INDEX runs_one_open_per_job ON runs (job_id) WHERE state IN ('queued', 'running');
CREATE INDEX runs_by_job ON runs (job_id, created_at DESC);
CREATE INDEX runs_queued ON runs (run_at, id) WHERE state = 'queued';
CREATE INDEX runs_running ON runs (connection_id, lease_until) WHERE state = 'running';

CREATE TABLE slices (
  run_id         uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
  ordinal        integer NOT NULL,
  cursor_from    timestamptz NOT NULL,       -- the overlap included
  cursor_to      timestamptz NOT NULL,
  open           boolean NOT NULL,           -- reads also what was created before cursor_to and stamped after it
  generation     integer NOT NULL DEFAULT 1, -- how often Salesforce was asked anew
  state          text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'extracting', 'staged')),
  count_before   bigint,
  count_after    bigint,
  bulk_job_id    text,
  processed      bigint,                     -- rows, as Bulk says
  staged         bigint,                     -- rows in the staging table
  PRIMARY KEY (run_id, ordinal)
);

CREATE TABLE pages (
  run_id         uuid NOT NULL,
  slice          integer NOT NULL,
  generation     integer NOT NULL,
  number         integer NOT NULL,           -- 0, 1, …
  locator        text,                       -- null for the first
  next_locator   text,                       -- null after the last, and before its headers were read
  rows           bigint,                     -- as its header says
  bytes          bigint,                     -- as it came, mostly compressed
  load_try       integer NOT NULL DEFAULT 1, -- part of the load job's id
  loaded         bigint,                     -- rows that the load job put out; null until it succeeded
  PRIMARY KEY (run_id, slice, generation, number),
  FOREIGN KEY (run_id, slice) REFERENCES slices (run_id, ordinal) ON DELETE CASCADE
);
