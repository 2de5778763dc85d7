-- Which job store this is, compared with what the service has written to BigQuery: a restored or copied store is recognized before it acts.
CREATE TABLE installation (
  singleton      boolean PRIMARY KEY DEFAULT true CHECK (singleton), -- only one row
  id             uuid NOT NULL DEFAULT gen_random_uuid(), -- a restored or copied store has the same
  epoch          integer NOT NULL DEFAULT 1, -- increases each time that an operator accepts a restored store
  supersedes     uuid,                       -- the installation whose dataset this one took over by being accepted; null: none
  accepted_at    timestamptz,                -- when an operator last accepted it; null: never
  accepted_by    text
);
-- How often Salesforce has replaced the refresh token: an earlier one must not be presented, because that ends the grant.
ALTER TABLE connections ADD COLUMN rotations integer NOT NULL DEFAULT 0;
