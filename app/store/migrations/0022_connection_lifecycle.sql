-- What users see of a connection and set for it, and why it cannot be used.
ALTER TABLE connections
  DROP CONSTRAINT connections_status_check,
  ADD CONSTRAINT connections_status_check CHECK (status IN ('active', 'needs_login', 'disconnected')),
  ADD COLUMN alias text,                     -- a name that callers may use instead of the user_id
  ADD COLUMN error_code text,                -- why it is not active, and since when; null while it is
  ADD COLUMN error_message text,
  ADD COLUMN ended_at timestamptz,
  ADD COLUMN scopes text,                    -- as granted, separated by spaces; null: an earlier release stored the grant
  ADD COLUMN username text,                  -- this and the next two according to Salesforce; null: not read yet
  ADD COLUMN org_name text,
  ADD COLUMN is_sandbox boolean,
  ADD COLUMN used_at timestamptz,            -- when it last called its org
  ADD COLUMN api_share float8,               -- instead of API_SHARE; null: no other
  ADD COLUMN quiet_hours text;               -- when no repair runs, such as '08:00-18:00 Europe/Berlin'; null: never
CREATE UNIQUE INDEX connections_by_alias ON connections (alias);
