-- Objects for which a job was requested, and which turned out not to be importable.
CREATE TABLE refused_objects (
  connection_id bigint NOT NULL REFERENCES connections,
  object_name text NOT NULL,
  error_message text NOT NULL,
  refused_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (connection_id, object_name)
);
