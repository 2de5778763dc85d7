import type { Window } from './window.ts';

/** A part of a run that one Salesforce query extracts. */
export interface SlicePlan {
  ordinal: number;
  cursorFrom: Date;
  cursorTo: Date;
  /** reads also what was created before `cursorTo` and stamped after it */
  open: boolean;
}

/**
 * Cuts a window into slices: one for the whole of it. It is the window's last, and so the open one.
 * It reaches back `overlapMinutes`, for what Salesforce committed late, but never before the job's start.
 */
export function slicesOf(window: Window, startDate: Date, overlapMinutes: number): SlicePlan[] {
  const cursorFrom = new Date(Math.max(startDate.getTime(), window.from.getTime() - overlapMinutes * 60_000));
  return [{ ordinal: 0, cursorFrom, cursorTo: window.to, open: true }];
}

const SECOND_MS = 1000;

/** Salesforce began in 1999: a window that begins earlier is cut as if it began then, where the first record is not known. */
const FIRST_RECORD = new Date('1999-01-01T00:00:00Z');

/**
 * Where to cut a slice into so many parts of equal time, in whole seconds, as stamps are. Fewer cuts where there are not so many seconds.
 * @param firstRecord when the oldest record was made: nothing lies before it; null where that is not known
 * @returns instants between its ends, in order; none where it cannot be cut by time
 */
export function cutTimes(slice: Pick<SlicePlan, 'cursorFrom' | 'cursorTo'>, parts: number, firstRecord: Date | null): Date[] {
  const to = slice.cursorTo.getTime();
  const from = Math.min(to, Math.max(slice.cursorFrom.getTime(), (firstRecord ?? FIRST_RECORD).getTime()));
  const cuts = new Set<number>();
  for (let part = 1; part < parts; part++) {
    const cut = Math.floor((from + ((to - from) * part) / parts) / SECOND_MS) * SECOND_MS;
    if (cut > slice.cursorFrom.getTime() && cut < to) cuts.add(cut);
  }
  return [...cuts].sort((one, other) => one - other).map((cut) => new Date(cut));
}
