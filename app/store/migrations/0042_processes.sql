-- The processes of the service, each as long as it runs. One that ended without a word keeps its row for a day.
CREATE TABLE processes (
  id             uuid PRIMARY KEY,
  host           text NOT NULL,              -- the name of its machine or container
  version        text NOT NULL,              -- of the release
  started_at     timestamptz NOT NULL DEFAULT now(),
  heartbeat_at   timestamptz NOT NULL DEFAULT now()
);

-- When each API key was used last.
CREATE TABLE key_uses (
  name           text PRIMARY KEY,           -- as in API_KEYS
  used_at        timestamptz NOT NULL
);
