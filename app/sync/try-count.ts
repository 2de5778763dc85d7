import { AppError } from '../errors.ts';
import { countRows, type RowRange } from '../salesforce/soql.ts';
import type { Extraction } from './stage-slice.ts';

/** Salesforce's own count, or null where it refuses to count (a time-out on a large object): then nothing is claimed of it. */
export async function tryCount({ context, client, run }: Extraction, range: RowRange): Promise<number | null> {
  try {
    return await countRows(client, range);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'salesforce_refused') throw error;
    context.log.warn({ event: 'not_counted', run: run.runId, object: range.objectName, ...error.details });
    return null;
  }
}
