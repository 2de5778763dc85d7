-- A login belongs to the API key or the browser that opened it. Both null: an earlier release opened it, and no caller can complete it.
ALTER TABLE authorizations
  ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid(), -- names the login in a URL, unlike its state, which is secret
  ADD COLUMN api_key text,                               -- name of the key
  ADD COLUMN browser_hash bytea,                         -- SHA-256 of the browser's cookie
  ADD COLUMN used_at timestamptz,                        -- expires_at is the same then, so that earlier releases do not use it again
  ADD COLUMN result jsonb;                               -- what a browser's login led to; null while it is being completed
