import type { ErrorCode } from '../errors.ts';

/** The errors of an endpoint that calls the org. */
export const SALESFORCE_ERRORS = [
  'needs_login',
  'login_refused',
  'salesforce_unavailable',
  'salesforce_refused',
  'salesforce_quota',
  'unknown_token_key',
  'store_restored',
] as const satisfies ErrorCode[];

/** Those of an endpoint that calls BigQuery. */
export const BIGQUERY_ERRORS = ['bigquery_unavailable', 'bigquery_refused'] as const satisfies ErrorCode[];
