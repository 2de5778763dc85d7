-- The run's calls to Salesforce in attempts that did not finish it. A fraction: runs that were claimed together share calls.
ALTER TABLE runs ADD COLUMN calls double precision NOT NULL DEFAULT 0;
