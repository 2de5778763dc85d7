-- Operators list connect links by an id that reveals no token, and revoke them. expires_at of a revoked link is no later than revoked_at, so
-- that the previous release refuses it too.
ALTER TABLE connect_links
  ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid(),
  ADD COLUMN revoked_at timestamptz; -- null: it was not revoked
