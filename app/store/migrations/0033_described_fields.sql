-- The dictionary of a job: the fields of its object, as last described, for the metadata table _fields and the descriptions of columns.
CREATE TABLE described_fields (
  job_id      uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
  field       text NOT NULL,                      -- its API name
  place       integer NOT NULL,                   -- in the description
  column_name text,                               -- that it fills, or filled last; null: none
  column_type text,
  hashed      boolean NOT NULL,                   -- whether it contains hashes
  label       text NOT NULL,
  type        text NOT NULL,                      -- Salesforce's, with the size
  help        text,
  formula     text,
  picklist    jsonb,                              -- {first: [value], more: number}
  refers_to   jsonb,                              -- the objects whose Ids it contains, likewise
  since       timestamptz NOT NULL DEFAULT now(), -- when it was first described
  until       timestamptz,                        -- when it was first missing in the description; null: it is not
  PRIMARY KEY (job_id, field)
);

ALTER TABLE jobs ADD COLUMN fields_digest text; -- of its dictionary, to recognize that it is unchanged; null: it has none yet
