import { notTried, type Probe } from './probe.ts';

/** What is uncertain and cannot be tried by reading one org, with why. */
const WHY: readonly [what: string, why: string][] = [
  // Salesforce's documentation does not say what a failed query job tells.
  ['A query job that fails says why in errorMessage', 'none can be made to fail'],
  // Salesforce's documentation does not say whether other users' jobs are not found or refused.
  ['The results of another user’s Bulk job are not found', 'it takes a second user'],
  // Salesforce's documentation does not say that any answer has it.
  ['Salesforce sends Retry-After with a refusal that passes', 'it takes an overload'],
  // Refresh token rotation: a grace period is not documented.
  ['A refresh token that was rotated out works no more, also where the answer was lost', 'the connection would be lost'],
  // OAuth 2.0 web server flow with PKCE: the descriptions of the errors are not documented.
  ['A wrong PKCE verifier is refused as invalid_grant or invalid_request', 'it takes a person who logs in'],
  // Salesforce's documentation does not say which of these move SystemModstamp.
  ['A roll-up that is counted anew, a cascading delete and an undelete move SystemModstamp', 'nothing is written in Salesforce'],
  // BigQuery, resumable uploads: a week in one place, a day in another.
  ['An upload session lasts a day', 'it takes a day'],
  // BigQuery, quotas.
  ['More than 1,500 loads a day into one table are refused as quotaExceeded', 'they would be used up'],
];

export const UNTRIED: readonly Probe<object>[] = WHY.map(([what, why]) => ({ what, try: async () => notTried(why) }));
