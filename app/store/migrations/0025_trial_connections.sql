-- Connected through the login of the Salesforce CLI, which only a local service may use.
ALTER TABLE connections ADD COLUMN trial boolean NOT NULL DEFAULT false;
