import type { ErrorCode } from '../errors.ts';

/** The errors of every endpoint: of the request itself, of its API key, and of the job store. */
export const COMMON_ERRORS = [
  'invalid_request',
  'unauthorized',
  'forbidden',
  'body_too_large',
  'unsupported_media_type',
  'too_many_requests',
  'internal',
  'store_unavailable',
] as const satisfies ErrorCode[];

/** Those of an endpoint that calls the org. */
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
