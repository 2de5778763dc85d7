-- How often the windows of a job close: also several times a day. Windows are counted from midnight UTC.
ALTER TABLE jobs
  DROP CONSTRAINT jobs_every_check,
  ADD CONSTRAINT jobs_every_check CHECK (every IN ('15m', '20m', '30m', '1h', '2h', '3h', '4h', '6h', '8h', '12h', 'day'));
