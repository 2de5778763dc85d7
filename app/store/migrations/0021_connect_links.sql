-- Links with which a Salesforce admin, who has no API key, connects an org once.
CREATE TABLE connect_links (
  token_hash bytea PRIMARY KEY,                  -- SHA-256 of the token, which only the link contains
  login_url  text NOT NULL,
  org_id     text,                               -- the only org that it connects; null: any
  created_by text NOT NULL,                      -- name of the API key
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at    timestamptz                         -- when it connected an org
);

ALTER TABLE authorizations ADD COLUMN link_hash bytea; -- the link that opened the login
