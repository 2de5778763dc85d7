import { notTested, type Probe } from './probe.ts';

/** Assumptions that cannot be checked by reading one org, and why. */
const UNTESTABLE: readonly [assumption: string, why: string][] = [
  // The documentation does not describe the errorMessage of a failed query job.
  ['A failed query job says why in errorMessage', 'a job cannot be forced to fail'],
  // The documentation does not say whether other users' jobs are hidden or refused.
  ['The results of another user’s Bulk job are not found', 'requires a second user'],
  // The documentation does not mention the header.
  ['Salesforce sends Retry-After with a transient error', 'requires an overload'],
  // Refresh token rotation: a grace period is not documented.
  ['A rotated refresh token no longer works, even if the response was lost', 'would lose the connection'],
  // OAuth 2.0 web server flow with PKCE: error descriptions are not documented.
  ['A wrong PKCE verifier is refused as invalid_grant or invalid_request', 'requires a user to log in'],
  // The documentation does not say which of these update SystemModstamp.
  ['A recalculated roll-up, a cascading delete and an undelete update SystemModstamp', 'doctor writes nothing to Salesforce'],
  // BigQuery, resumable uploads: a week in one place, a day in another.
  ['An upload session lasts a day', 'takes a day'],
  // BigQuery, quotas.
  ['More than 1,500 loads a day into one table are refused as quotaExceeded', 'would use up the quota'],
];

/** Lists each of them as not tested. */
export const UNTESTABLE_PROBES: readonly Probe<object>[] = UNTESTABLE.map(([assumption, why]) => ({
  assumption,
  run: async () => notTested(why),
}));
