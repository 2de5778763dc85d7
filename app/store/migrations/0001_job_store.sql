-- The job store. Timestamps are instants (UTC). Job and run ids are random UUIDs, because run ids become part of names in BigQuery.

-- A Salesforce user's grant. Columns marked "sealed" are encrypted with a key that is not in this database.
CREATE TABLE connections (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  org_id         text NOT NULL CHECK (length(org_id) = 18),
  user_id        text NOT NULL CHECK (length(user_id) = 18),
  identity_url   text NOT NULL,              -- as Salesforce last returned it
  login_url      text NOT NULL,              -- host that issued the grant; tokens are refreshed there
  instance_url   text NOT NULL,              -- changes when Salesforce migrates the org
  access_token   text NOT NULL,              -- sealed
  refresh_token  text NOT NULL,              -- sealed
  status         text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'needs_login')),
  granted_at     timestamptz NOT NULL DEFAULT now(), -- when the user last logged in
  -- Only one renewal at a time may present the refresh token, and the claim must survive a lost connection to Postgres.
  renewing_by    uuid,                       -- the renewal that presented the refresh token and has not stored the response yet
  renewing_until timestamptz,                -- by then its request has ended, and another renewal may start
  renewed_at     timestamptz,                -- when a session was last renewed because Salesforce refused it
  located_at     timestamptz,                -- when the login host was last queried for the org's address
  created_at     timestamptz NOT NULL DEFAULT now(),
  updated_at     timestamptz NOT NULL DEFAULT now(),
  UNIQUE (org_id, user_id)
);

-- A login in progress: a user was sent to Salesforce and has not returned yet.
CREATE TABLE authorizations (
  state          text PRIMARY KEY,
  redirect_uri   text NOT NULL,
  login_url      text NOT NULL,
  code_verifier  text NOT NULL,              -- sealed
  created_at     timestamptz NOT NULL DEFAULT now(),
  expires_at     timestamptz NOT NULL
);
-- The newest open login for a redirect URI (findAuthorization): a callback may arrive without its state.
CREATE INDEX authorizations_by_redirect_uri ON authorizations (redirect_uri, created_at DESC);

-- The standing order to replicate one object of an org into one table.
CREATE TABLE jobs (
  id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  connection_id      bigint NOT NULL REFERENCES connections,
  object_name        text NOT NULL,          -- as spelled by describe
  cursor_field       text NOT NULL,
  cursor_nillable    boolean NOT NULL DEFAULT false, -- the object may have rows whose cursor field is null
  append_only        boolean NOT NULL DEFAULT false, -- rows are never edited: windows by CreatedDate would miss edits and deletes
  every              text NOT NULL DEFAULT 'day' CHECK (every IN ('day')),
  target_dataset     text NOT NULL,
  target_table       text NOT NULL,
  target_created_at  timestamptz,            -- creation time of the target table, which identifies it; null until created
  partitioned        boolean NOT NULL DEFAULT false, -- the target table, by month of CreatedDate
  deletes            text NOT NULL DEFAULT 'keep' CHECK (deletes IN ('keep', 'blank', 'remove')),
  start_date         timestamptz NOT NULL,
  synced_to          timestamptz NOT NULL,   -- last_date in the API: the target table is complete up to here
  reread_from        timestamptz,            -- the next window reaches back to here; null: to its start
  wanted_to          timestamptz NOT NULL,   -- the latest window end that a tick requested
  wanted_at          timestamptz NOT NULL DEFAULT now(), -- that window is readable from then on: Salesforce commits late
  active             boolean NOT NULL DEFAULT true,
  active_since       timestamptz NOT NULL DEFAULT now(), -- created or last resumed, by the schedule's clock
  bulk_refused       text,                   -- error code with which Bulk refused the object; null: not refused so far
  field_plan         jsonb,                  -- {groups, refused}; null: no query was refused because of its fields
  created_at         timestamptz NOT NULL DEFAULT now(),
  UNIQUE (connection_id, object_name),
  UNIQUE (target_dataset, target_table),
  CHECK (synced_to >= start_date)
);

-- One execution for a job. `attempt` counts claims and fences every write by a worker.
CREATE TABLE runs (
  id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  job_id         uuid NOT NULL REFERENCES jobs,
  connection_id  bigint NOT NULL REFERENCES connections,
  kind           text NOT NULL CHECK (kind IN ('window')),
  window_from    timestamptz NOT NULL,
  window_to      timestamptz NOT NULL,
  state          text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  run_at         timestamptz NOT NULL,       -- not claimed before
  attempt        integer NOT NULL DEFAULT 0,
  lease_until    timestamptz,
  failures       integer NOT NULL DEFAULT 0, -- consecutive
  error_code     text,                       -- of the last failure
  error_message  text,
  described_at   timestamptz,                -- when the columns were described; null: they are those of an earlier describe
  columns        jsonb,                      -- [{name, type, …}], fixed for the run except that columns are removed; null until resolved
  drift          jsonb,                      -- how the columns differ from the target table's; null until resolved
  insert_only    boolean,                    -- whether the MERGE only inserts: the same for all workers; null until resolved
  delta_try      integer NOT NULL DEFAULT 1, -- part of the delta job's id
  merge_try      integer NOT NULL DEFAULT 1, -- part of the merge job's id
  counted        jsonb,                      -- {of, delta, storedColumns}: counts of the delta table, not paid for twice; null until counted
  receipt        jsonb,
  created_at     timestamptz NOT NULL DEFAULT now(),
  started_at     timestamptz,
  finished_at    timestamptz,
  CHECK (window_to > window_from)
);
-- At most one open run per job. Also the conflict target of queueRuns.
CREATE UNIQUE INDEX runs_one_open_per_job ON runs (job_id) WHERE state IN ('queued', 'running');
-- A job's runs, newest first (listJobs, lastFields, abandonedRuns, deleteOldRuns).
CREATE INDEX runs_by_job ON runs (job_id, created_at DESC);
-- Runs that are due (claimRun, runsInProgress).
CREATE INDEX runs_queued ON runs (run_at, id) WHERE state = 'queued';
-- Running runs per connection, and expired leases (claimRun, runsInProgress).
CREATE INDEX runs_running ON runs (connection_id, lease_until) WHERE state = 'running';
-- Old runs, deleted oldest first (deleteOldRuns).
CREATE INDEX runs_ended ON runs (finished_at) WHERE finished_at IS NOT NULL;

-- Part of a run that one Salesforce query extracts: a range of the cursor field or of Ids, for one group of fields.
CREATE TABLE slices (
  run_id         uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
  ordinal        integer NOT NULL,           -- unique within the run, across its field groups
  field_group    integer NOT NULL DEFAULT 0, -- 0: the base group
  cursor_from    timestamptz NOT NULL,       -- includes the overlap
  cursor_to      timestamptz NOT NULL,
  open           boolean NOT NULL,           -- also reads rows created before cursor_to and stamped later
  null_cursor    boolean NOT NULL DEFAULT false, -- reads the rows whose cursor field is null, by CreatedDate
  id_from        text,                       -- inclusive; null: no lower bound
  id_to          text,                       -- exclusive; null: no upper bound
  generation     integer NOT NULL DEFAULT 1, -- how often it was requested from Salesforce
  state          text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'extracting', 'staged')),
  method         text CHECK (method IN ('rest', 'bulk')), -- null until chosen
  reason         text,                       -- why this method
  count_before   bigint,                     -- Salesforce's COUNT() before and after the extraction
  count_after    bigint,
  bulk_job_id    text,
  bulk_requested_at timestamptz,             -- when the Bulk job was created
  page_rows      integer,                    -- target rows per page; null until the first page shows how wide rows are
  processed      bigint,                     -- rows, according to Salesforce
  staged         bigint,                     -- rows in the staging table
  repeated_ids   text,                       -- Ids returned more than once, such as '3 Ids from 001… to 001…'; null: none so far
  PRIMARY KEY (run_id, ordinal)
);

-- One result page of a slice, loaded by one load job. Recorded before it is fetched.
CREATE TABLE pages (
  run_id         uuid NOT NULL,
  slice          integer NOT NULL,
  field_group    integer NOT NULL DEFAULT 0, -- the slice's
  generation     integer NOT NULL,           -- the slice's, when the page was requested
  number         integer NOT NULL,           -- from 0
  locator        text,                       -- null for the first page
  next_locator   text,                       -- null on the last page, and until the page's headers are read
  rows           bigint,                     -- according to its header
  bytes          bigint,                     -- as received, usually compressed
  load_try       integer NOT NULL DEFAULT 1, -- part of the load job's id
  loaded         bigint,                     -- rows that the load job wrote; null until it succeeds
  PRIMARY KEY (run_id, slice, generation, number),
  FOREIGN KEY (run_id, slice) REFERENCES slices (run_id, ordinal) ON DELETE CASCADE
);

-- Bytes that BigQuery billed per statement, so that an adopted job is not counted twice.
CREATE TABLE billed (
  statement      text PRIMARY KEY,           -- BigQuery's job id
  run_id         uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
  bytes          bigint NOT NULL,
  billed_at      timestamptz NOT NULL DEFAULT now()
);
-- A run's total (billedByRun), and the cascade from runs.
CREATE INDEX billed_by_run ON billed (run_id);
-- Today's total against a job's daily budget (billedToday).
CREATE INDEX billed_by_time ON billed (billed_at);

-- The service's own calls to each org per hour, and the usage that Salesforce last reported for the org.
CREATE TABLE org_calls (
  org_id         text NOT NULL CHECK (length(org_id) = 18),
  hour           timestamptz NOT NULL,
  calls          bigint NOT NULL,
  used           bigint,                     -- calls by all of the org's clients in 24 hours; null: not reported
  call_limit     bigint,                     -- the org's limit for 24 hours
  reported_at    timestamptz,                -- when Salesforce reported both
  PRIMARY KEY (org_id, hour)
);
