-- One renewal at a time for each grant, whether or not the connection to Postgres lasts as long as Salesforce takes to answer.
ALTER TABLE connections
  ADD COLUMN renewing_by uuid,               -- the renewal that has presented the refresh token and not yet stored a reply
  ADD COLUMN renewing_until timestamptz,     -- its process must have ended by then: another may present the token
  ADD COLUMN located_at timestamptz;         -- when the login host was last asked because the org seemed to have moved
