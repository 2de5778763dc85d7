import type { SliceRange } from './slices.ts';
import type { Window } from './window.ts';

/** The counts that reveal rows that were not read. */
interface ExtractedSlice extends SliceRange {
  /** Salesforce's COUNT() after the extraction; null: not counted */
  countAfter: number | null;
  /** rows that were read */
  processed: number | null;
}

/** How many rows Salesforce counted after a slice was read beyond those that were read: created in the meantime, or committed late. */
export function countMissedRows({ countAfter, processed }: ExtractedSlice): number {
  return countAfter === null || processed === null ? 0 : Math.max(0, countAfter - processed);
}

/**
 * The part of an open slice that no later window reads; null if every unread row counts as missed. The next window reads rows with a
 * cursor value after the end of an open slice.
 */
export function closedPart<Slice extends ExtractedSlice>(slice: Slice, cursorField: string | null): Slice | null {
  return slice.open && cursorField !== 'CreatedDate' ? { ...slice, open: false } : null;
}

/**
 * From where the next window reads again what a slice lacks. Without the overlap, which that window subtracts itself.
 * @param rereadFrom from where this window read again; null: from where it starts
 */
export function rereadStart({ cursorFrom }: SliceRange, window: Window, rereadFrom: Date | null): Date {
  const start = Math.min(window.from.getTime(), rereadFrom?.getTime() ?? Number.POSITIVE_INFINITY);
  return new Date(Math.max(cursorFrom.getTime(), start));
}
