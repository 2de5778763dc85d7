-- An org may refuse each new session, too: the login host is then not asked for another at every call.
ALTER TABLE connections ADD COLUMN renewed_at timestamptz;  -- when a session was last renewed because Salesforce refused it
