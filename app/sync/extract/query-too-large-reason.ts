import { isTimeout, refusalCode } from '../../salesforce/errors.ts';
import { reloadRun } from '../../store/runs/runs.ts';
import type { Extraction } from './extraction.ts';

/** Salesforce's error codes for a query that is too large. */
const TOO_LARGE_CODES = new Set(['QUERY_TIMEOUT', 'QUERY_TOO_COMPLICATED', 'OPERATION_TOO_LARGE']);

/**
 * Why a query was too large for Salesforce; undefined if it failed for another reason. Salesforce ends a query after two minutes. A longer
 * silence may be a network failure, so it counts only if the run has failed since it last made progress.
 */
export async function queryTooLargeReason({ context, run }: Extraction, error: unknown): Promise<string | undefined> {
  const code = refusalCode(error);
  if (code && TOO_LARGE_CODES.has(code)) return code;
  return isTimeout(error) && (await reloadRun(context.database, run)).failures > 0 ? 'no response in time' : undefined;
}
