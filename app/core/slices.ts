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
