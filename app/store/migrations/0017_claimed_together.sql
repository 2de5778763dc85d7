-- The run with which this one was claimed, to share its first call to Salesforce: together they count as one running run of their
-- connection (claimRuns). Null: claimed alone, or the first of them. Set by each claim.
ALTER TABLE runs ADD COLUMN claimed_with uuid;
