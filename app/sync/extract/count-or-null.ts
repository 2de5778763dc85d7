import { isAppError } from '../../errors.ts';
import { countRows, type RowRange } from '../../salesforce/soql.ts';
import type { Extraction } from './extraction.ts';
import { queryTooLargeReason } from './is-query-too-large.ts';

/** Salesforce's COUNT(), or null if it cannot count (a large object takes too long); the verdict is then `not counted`. */
export async function countOrNull({ context, client, run }: Extraction, range: RowRange): Promise<number | null> {
  try {
    return await countRows(client, range);
  } catch (error) {
    if (!isAppError(error) || (error.code !== 'salesforce_refused' && !queryTooLargeReason(error, run))) throw error;
    context.events.notCounted(run, error);
    return null;
  }
}
