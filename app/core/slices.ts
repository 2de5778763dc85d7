import { cutIds } from './id-range.ts';
import type { Window } from './window.ts';

/** Which rows a slice has. */
export interface SliceRange {
  cursorFrom: Date;
  cursorTo: Date;
  /** reads also what was created before `cursorTo` and stamped after it */
  open: boolean;
  /** null: from the first Id */
  idFrom: string | null;
  /** not itself; null: to the last Id */
  idTo: string | null;
  /** has the rows whose cursor is null; its bounds are then of CreatedDate */
  nullCursor: boolean;
}

/** Whether two ranges may have rows in common, whatever their Ids. */
export function overlaps(one: SliceRange, other: SliceRange): boolean {
  const end = ({ open, cursorTo }: SliceRange): number => (open ? Number.POSITIVE_INFINITY : cursorTo.getTime());
  return one.nullCursor === other.nullCursor && one.cursorFrom.getTime() < end(other) && other.cursorFrom.getTime() < end(one);
}

/** A part of a run that one Salesforce query extracts. */
export interface SlicePlan extends SliceRange {
  /** unique within the run */
  ordinal: number;
  /** which of the object's fields it has */
  fieldGroup: number;
}

/** What the slices of a window depend on, besides the window. */
export interface SliceOptions {
  startDate: Date;
  overlapMinutes: number;
  /** rows from here on were committed too late for an earlier window; null: none */
  rereadFrom: Date | null;
  /** there may be rows whose cursor is null */
  cursorNillable: boolean;
}

/**
 * Cuts a window into slices: one for the whole of it. It is the window's last, and so the open one. Rows whose cursor is null have a slice
 * of their own. Both reach back `overlapMinutes`, for what Salesforce committed late, but never before the job's start.
 */
export function slicesOf(window: Window, { startDate, overlapMinutes, rereadFrom, cursorNillable }: SliceOptions): SliceRange[] {
  const from = Math.min(window.from.getTime(), rereadFrom?.getTime() ?? Number.POSITIVE_INFINITY);
  const cursorFrom = new Date(Math.max(startDate.getTime(), from - overlapMinutes * 60_000));
  const range = { cursorFrom, cursorTo: window.to, idFrom: null, idTo: null };
  const whole = { ...range, open: true, nullCursor: false };
  return cursorNillable ? [whole, { ...range, open: false, nullCursor: true }] : [whole];
}

/** The slices that read these ranges for each of these field groups. */
export function planSlices(ranges: readonly SliceRange[], fieldGroups: readonly number[]): SlicePlan[] {
  const plans = fieldGroups.flatMap((fieldGroup) => ranges.map((range) => ({ ...range, fieldGroup })));
  return plans.map((plan, ordinal) => ({ ...plan, ordinal }));
}

/** Whether two slices have the same rows, of whatever fields. */
export function haveSameRange(one: SliceRange, other: SliceRange): boolean {
  const key = ({ cursorFrom, cursorTo, open, idFrom, idTo, nullCursor }: SliceRange): string =>
    JSON.stringify([cursorFrom, cursorTo, open, idFrom, idTo, nullCursor]);
  return key(one) === key(other);
}

/**
 * Divides an open slice in what was stamped before its end and what was stamped after it: only the first can be divided by time, and
 * after many rows were edited at once, the second may be the larger. Undefined where that was done.
 */
export function divideOpen(slice: SliceRange): SliceRange[] | undefined {
  if (!slice.open || slice.cursorFrom >= slice.cursorTo) return undefined;
  return [
    { ...slice, open: false },
    { ...slice, cursorFrom: slice.cursorTo },
  ];
}

const SECOND_MS = 1000;

/** Salesforce began in 1999: a window that begins earlier is cut as if it began then, where the first record is not known. */
const FIRST_RECORD = new Date('1999-01-01T00:00:00Z');

/**
 * Divides a slice that is not open into so many parts of equal time, in whole seconds, as stamps are. Fewer where there are not so many seconds.
 * @param firstRecord when the oldest record was made: nothing lies before it; null where that is not known
 * @returns its parts, in order; undefined where time does not divide it
 */
export function divideByTime(slice: SliceRange, parts: number, firstRecord: Date | null): SliceRange[] | undefined {
  // All of it may be younger than the first record is old; then halves of the whole are as good.
  const cuts = cutTimes(slice, parts, firstRecord ?? FIRST_RECORD) ?? cutTimes(slice, 2, slice.cursorFrom);
  if (!cuts) return undefined;
  const bounds = [slice.cursorFrom, ...cuts, slice.cursorTo];
  return bounds.slice(1).map((cursorTo, index) => ({ ...slice, cursorFrom: bounds[index]!, cursorTo }));
}

function cutTimes({ cursorFrom, cursorTo }: SliceRange, parts: number, firstRecord: Date): Date[] | undefined {
  const to = cursorTo.getTime();
  const from = Math.min(to, Math.max(cursorFrom.getTime(), firstRecord.getTime()));
  const cuts = new Set<number>();
  for (let part = 1; part < parts; part++) {
    const cut = Math.floor((from + ((to - from) * part) / parts) / SECOND_MS) * SECOND_MS;
    if (cut > cursorFrom.getTime() && cut < to) cuts.add(cut);
  }
  if (cuts.size === 0) return undefined;
  return [...cuts].sort((one, other) => one - other).map((cut) => new Date(cut));
}

/**
 * Divides a slice into so many parts of equally many Ids.
 * @param first the first Id of its rows, and `last` the last
 * @returns its parts, in order; undefined where Ids do not divide it
 */
export function divideById(slice: SliceRange, first: string, last: string, parts: number): SliceRange[] | undefined {
  const cuts = cutIds(first, last, parts);
  if (cuts.length === 0) return undefined;
  const bounds = [slice.idFrom, ...cuts, slice.idTo];
  return bounds.slice(1).map((idTo, index) => ({ ...slice, idFrom: bounds[index]!, idTo }));
}
