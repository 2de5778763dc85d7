-- Long requests to an org, such as for a result page of a Bulk job, that are under way or wait for their turn: Salesforce limits how many an
-- org may have at once. The first ones of an org, by id, may be sent. A process that dies keeps its places until they expire.
CREATE TABLE long_requests (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  org_id     text NOT NULL,
  kept_until timestamptz NOT NULL    -- extended while its process lives
);
CREATE INDEX long_requests_by_org ON long_requests (org_id, id);
