-- The newest events of a run, as logged: lines without secrets and record values.
CREATE TABLE run_events (
  run_id         uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
  id             bigint GENERATED ALWAYS AS IDENTITY, -- increases with time
  at             timestamptz NOT NULL,
  level          text NOT NULL,
  event          text NOT NULL,
  details        json NOT NULL,              -- the line's other fields
  PRIMARY KEY (run_id, id)
);
