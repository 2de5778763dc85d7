-- How many calls to each org we made, by the hour, with what Salesforce last said of the org's own count; and ended runs by their end, which
-- are deleted when they are old.

CREATE TABLE org_calls (
  org_id   text NOT NULL CHECK (length(org_id) = 18),
  hour     timestamptz NOT NULL,
  calls    bigint NOT NULL,
  used     bigint,                           -- of the org's calls in 24 hours, whoever made them; null: not told
  most     bigint,                           -- that the org may make in 24 hours
  told_at  timestamptz,
  PRIMARY KEY (org_id, hour)
);

CREATE INDEX runs_ended ON runs (finished_at) WHERE finished_at IS NOT NULL;
