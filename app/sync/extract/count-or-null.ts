import { isAppError } from '../../errors.ts';
import { countRows, type RowRange } from '../../salesforce/soql.ts';
import type { Extraction } from './extraction.ts';
import { queryTooLargeReason } from './query-too-large-reason.ts';

/** Salesforce's COUNT(), or null if it cannot count (a large object takes too long); the verdict is then `not counted`. */
export async function countOrNull(extraction: Extraction, range: RowRange): Promise<number | null> {
  const { context, client, run } = extraction;
  try {
    return await countRows(client, range);
  } catch (error) {
    if (!isAppError(error)) throw error;
    if (error.code !== 'salesforce_refused' && !(await queryTooLargeReason(extraction, error))) throw error;
    context.events.notCounted(run, error);
    return null;
  }
}
