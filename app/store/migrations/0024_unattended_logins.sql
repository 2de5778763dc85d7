-- Sessions that need no user: refresh_token is then '', which no release takes for a sealed token. The assertions of jwt_bearer name `username`.
ALTER TABLE connections
  ADD COLUMN flow text NOT NULL DEFAULT 'browser' CHECK (flow IN ('browser', 'client_credentials', 'jwt_bearer'));
