import { isTimeOut, refusalCode } from '../../salesforce/errors.ts';
import type { Run } from '../../store/runs.ts';

/** With these, Salesforce says that a query is too much for it. */
const TOO_LARGE = new Set(['QUERY_TIMEOUT', 'QUERY_TOO_COMPLICATED', 'OPERATION_TOO_LARGE']);

/**
 * Why a query was more than Salesforce answers in time; undefined where it failed for another reason. Salesforce ends a query after two
 * minutes. When it says nothing for longer than that, the line may be to blame: only when it does so again is it the query.
 */
export function queryTooLargeReason(error: unknown, run: Run): string | undefined {
  const code = refusalCode(error);
  if (code && TOO_LARGE.has(code)) return code;
  return isTimeOut(error) && run.failures > 0 ? 'no answer in time' : undefined;
}
