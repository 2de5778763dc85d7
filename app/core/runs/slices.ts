import { chunk } from '../chunk.ts';
import { splitIdRange } from './split-id-range.ts';
import type { Window } from './window.ts';

/** The rows of a slice. */
export interface SliceRange {
  readonly cursorFrom: Date;
  readonly cursorTo: Date;
  /** also contains rows created before `cursorTo` whose cursor value is after it */
  readonly open: boolean;
  /** null: from the first Id */
  readonly idFrom: string | null;
  /** exclusive; null: to the last Id */
  readonly idTo: string | null;
  /** contains the rows whose cursor is null; its bounds then apply to CreatedDate */
  readonly nullCursor: boolean;
  /** contains only the rows with these Ids, whatever their cursor; null or undefined: no list */
  readonly ids?: readonly string[] | null | undefined;
}

/** Whether two ranges may have rows in common, whatever their Ids. */
export function overlaps(one: SliceRange, other: SliceRange): boolean {
  const end = ({ open, cursorTo }: SliceRange): number => (open ? Number.POSITIVE_INFINITY : cursorTo.getTime());
  return one.nullCursor === other.nullCursor && one.cursorFrom.getTime() < end(other) && other.cursorFrom.getTime() < end(one);
}

/** Whether two ranges may have rows in common. */
export function sharesRows(one: SliceRange, other: SliceRange): boolean {
  const startsBefore = (a: SliceRange, b: SliceRange): boolean => a.idFrom === null || b.idTo === null || a.idFrom < b.idTo;
  return overlaps(one, other) && startsBefore(one, other) && startsBefore(other, one);
}

/** A part of a run that one Salesforce query extracts. */
export interface SlicePlan extends SliceRange {
  /** unique within the run */
  readonly ordinal: number;
  /** the field group that it reads */
  readonly fieldGroup: number;
}

/** Options for the slices of a window. */
export interface SliceOptions {
  startDate: Date;
  overlapMinutes: number;
  /** reread rows from here on, which were committed too late for an earlier window; null: none */
  rereadFrom: Date | null;
  /** whether rows may have a null cursor */
  cursorNillable: boolean;
}

/**
 * The slices of a window: one open slice for the whole window, and one for rows whose cursor is null, if there may be any. Both overlap the
 * previous window by `overlapMinutes`, to catch late commits, but never start before the job's start date.
 */
export function sliceWindow(window: Window, { startDate, overlapMinutes, rereadFrom, cursorNillable }: SliceOptions): SliceRange[] {
  const from = Math.min(window.from.getTime(), rereadFrom?.getTime() ?? Number.POSITIVE_INFINITY);
  const cursorFrom = new Date(Math.max(startDate.getTime(), from - overlapMinutes * 60_000));
  const range = { cursorFrom, cursorTo: window.to, idFrom: null, idTo: null };
  const whole = { ...range, open: true, nullCursor: false };
  return cursorNillable ? [whole, { ...range, open: false, nullCursor: true }] : [whole];
}

/** A range of Ids; a bound that is missing is open. */
export interface IdRange {
  readonly idFrom?: string;
  /** exclusive */
  readonly idTo?: string;
}

/**
 * The slices of a reimport: the rows stamped in a range, and those of its time without a cursor. Without an overlap, and closed: what is
 * edited meanwhile belongs to a later window.
 */
export function sliceReimport(window: Window, ids: IdRange, cursorNillable: boolean): SliceRange[] {
  const { idFrom = null, idTo = null } = ids;
  const range = { cursorFrom: window.from, cursorTo: window.to, open: false, idFrom, idTo };
  const stamped = { ...range, nullCursor: false };
  return cursorNillable ? [stamped, { ...range, nullCursor: true }] : [stamped];
}

/**
 * The slices of a list of Ids, whatever their cursor. Their Id bounds only order them.
 * @param ids in order
 * @param perSlice maximum Ids of a slice
 */
export function sliceIds(window: Window, ids: readonly string[], perSlice: number): SliceRange[] {
  const range = { cursorFrom: window.from, cursorTo: window.to, open: false, idFrom: null, idTo: null, nullCursor: false };
  return splitIdList({ ...range, ids }, Math.ceil(ids.length / perSlice)) ?? [{ ...range, ids }];
}

/** Splits the Ids of a slice into up to `parts` parts of equal size. @returns undefined if the slice has only one Id, or no list of Ids */
export function splitIdList(slice: SliceRange, parts: number): SliceRange[] | undefined {
  const ids = slice.ids ?? [];
  const lists = chunk(ids, Math.ceil(ids.length / parts));
  if (lists.length < 2) return undefined;
  const bounds = [slice.idFrom, ...lists.slice(1).map(([first]) => first!), slice.idTo];
  return lists.map((list, index) => ({ ...slice, ids: list, idFrom: bounds[index]!, idTo: bounds[index + 1]! }));
}

/** The slice of a whole object, whatever its rows' cursors. Its times only order it, and it can be divided by Id only. */
export function sliceWhole({ from, to }: Window): SliceRange {
  return { cursorFrom: from, cursorTo: to, open: false, idFrom: null, idTo: null, nullCursor: false };
}

/** Plans a slice for each range and field group. */
export function planSlices(ranges: readonly SliceRange[], fieldGroups: readonly number[]): SlicePlan[] {
  const plans = fieldGroups.flatMap((fieldGroup) => ranges.map((range) => ({ ...range, fieldGroup })));
  return plans.map((plan, ordinal) => ({ ...plan, ordinal }));
}

/** Whether two slices have the same rows, regardless of field group. */
export function haveSameRange(one: SliceRange, other: SliceRange): boolean {
  const key = ({ cursorFrom, cursorTo, open, idFrom, idTo, nullCursor }: SliceRange): string =>
    JSON.stringify([cursorFrom, cursorTo, open, idFrom, idTo, nullCursor]);
  return key(one) === key(other);
}

/**
 * Splits an open slice into cursor values before its end and after it. Only the first part can be split further by time; after a mass
 * update, the second may be the larger one. Undefined if the slice is already split.
 */
export function splitOpenSlice(slice: SliceRange): SliceRange[] | undefined {
  if (!slice.open || slice.cursorFrom >= slice.cursorTo) return undefined;
  return [
    { ...slice, open: false },
    { ...slice, cursorFrom: slice.cursorTo },
  ];
}

const SECOND_MS = 1000;

/** Salesforce was founded in 1999: if the first record is unknown, assume that no record is older. */
const FIRST_RECORD = new Date('1999-01-01T00:00:00Z');

/**
 * Splits a closed slice into up to `parts` parts of equal duration, in whole seconds, which is the precision of cursor values.
 * @param firstRecord the creation time of the oldest record; null: unknown
 * @returns the parts, in order; undefined if the slice cannot be split by time
 */
export function splitByTime(slice: SliceRange, parts: number, firstRecord: Date | null): SliceRange[] | undefined {
  // If the slice ends before the first record, halve the whole range.
  const cuts = splitTimes(slice, parts, firstRecord ?? FIRST_RECORD) ?? splitTimes(slice, 2, slice.cursorFrom);
  if (!cuts) return undefined;
  const bounds = [slice.cursorFrom, ...cuts, slice.cursorTo];
  return bounds.slice(1).map((cursorTo, index) => ({ ...slice, cursorFrom: bounds[index]!, cursorTo }));
}

function splitTimes({ cursorFrom, cursorTo }: SliceRange, parts: number, firstRecord: Date): Date[] | undefined {
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
 * Splits a slice into up to `parts` Id ranges of equal width.
 * @param first the first Id of its rows; `last` is the last
 * @returns the parts, in order; undefined if the slice cannot be split by Id
 */
export function splitById(slice: SliceRange, first: string, last: string, parts: number): SliceRange[] | undefined {
  const cuts = splitIdRange(first, last, parts);
  if (cuts.length === 0) return undefined;
  const bounds = [slice.idFrom, ...cuts, slice.idTo];
  return bounds.slice(1).map((idTo, index) => ({ ...slice, idFrom: bounds[index]!, idTo }));
}
