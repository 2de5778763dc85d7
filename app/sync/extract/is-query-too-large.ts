import { isTimeout, refusalCode } from '../../salesforce/errors.ts';
import type { Run } from '../../store/runs.ts';

/** Salesforce's error codes for a query that is too large. */
const TOO_LARGE_CODES = new Set(['QUERY_TIMEOUT', 'QUERY_TOO_COMPLICATED', 'OPERATION_TOO_LARGE']);

/**
 * Why a query was too large for Salesforce; undefined if it failed for another reason. Salesforce ends a query after two minutes. A longer
 * silence may be a network failure, so it counts only if the run has failed before.
 */
export function queryTooLargeReason(error: unknown, run: Run): string | undefined {
  const code = refusalCode(error);
  if (code && TOO_LARGE_CODES.has(code)) return code;
  return isTimeout(error) && run.failures > 0 ? 'no response in time' : undefined;
}
