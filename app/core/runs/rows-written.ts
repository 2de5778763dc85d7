import { sum } from '../sum.ts';
import type { Receipt } from './receipt.ts';

/** What it counts by. */
type Counts = { [Field in 'inserted' | 'updated' | 'deleted' | 'rows_after' | 'refreshed' | 'rows_erased']?: Receipt[Field] | undefined };

/**
 * How many rows of its tables a run wrote: those that it merged, marked or refreshed, all of a table that it replaced, and those of which it
 * erased something. `updated` and `deleted` of a sweep are the rows that it marked. The job store counts the same (store/runs/rows-written.ts).
 * @param receipt one of another release may lack fields
 */
export function rowsWritten({ inserted, updated, deleted, rows_after, refreshed, rows_erased }: Counts): number {
  const merged = rows_after ?? sum([inserted ?? null, updated ?? null, deleted ?? null]);
  return merged + (refreshed ?? 0) + sum(Object.values(rows_erased ?? {}));
}
