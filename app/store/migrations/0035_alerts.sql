-- What webhooks report: conditions while they last, and the messages that wait to be sent.
CREATE TABLE alerts (
  event          text NOT NULL,
  subject        text NOT NULL,              -- what it is about: unique within the event
  data           json NOT NULL,              -- ids, codes and counts
  opened_at      timestamptz NOT NULL DEFAULT now(),
  reported       boolean NOT NULL,           -- a message says that it has started
  PRIMARY KEY (event, subject)
);

CREATE TABLE webhook_messages (
  id             uuid PRIMARY KEY DEFAULT gen_random_uuid(), -- sent with each try, so that the receiver recognizes a repetition
  position       bigint GENERATED ALWAYS AS IDENTITY,        -- increases with time
  event          text NOT NULL,
  subject        text NOT NULL,
  content        json NOT NULL,              -- type, timestamp and data; the same for each try
  tries          integer NOT NULL DEFAULT 0, -- that failed
  next_try_at    timestamptz NOT NULL DEFAULT now(), -- not sent before: after a failed try, or while a process sends it
  created_at     timestamptz NOT NULL DEFAULT now()
);
-- The oldest message that may be sent, and those about the same before it (claimMessage).
CREATE INDEX webhook_messages_by_position ON webhook_messages (position);
CREATE INDEX webhook_messages_by_subject ON webhook_messages (event, subject, position);

-- Windows that ended by then are in a tick_completed, or ended before the service reported any.
CREATE TABLE reported_windows (
  id             boolean PRIMARY KEY DEFAULT true CHECK (id), -- only one row
  ended_to       timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE runs ADD COLUMN alerted boolean NOT NULL DEFAULT false; -- it has ended, and the alerts reflect it
-- Ended runs that the alerts do not reflect yet, oldest first (takeEndedRuns).
CREATE INDEX runs_not_alerted ON runs (finished_at) WHERE finished_at IS NOT NULL AND NOT alerted;
