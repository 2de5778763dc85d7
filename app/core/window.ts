/** A half-open interval `[from, to)` in UTC. */
export interface Window {
  from: Date;
  to: Date;
}

/** How often a window closes. */
export type Every = 'day';

const STEP_MS: Record<Every, number> = { day: 24 * 60 * 60 * 1000 };

/** Salesforce's earliest datetime (SOQL's range starts in 1700), and the meaning of `start_date=all`. */
export const MIN_DATE = new Date('1700-01-01T00:00:00Z');

/** The latest window end at or before `now`. */
export function windowEnd(now: Date, every: Every): Date {
  const step = STEP_MS[every];
  return new Date(Math.floor(now.getTime() / step) * step);
}

/** The earliest window end after `now`. */
export function nextWindowEnd(now: Date, every: Every): Date {
  return new Date(windowEnd(now, every).getTime() + STEP_MS[every]);
}

/** How long to wait, from `now`, until every change stamped before `to` is committed and readable (Salesforce commits late). */
export function remainingLagMs(to: Date, now: Date, lagMinutes: number): number {
  return Math.max(0, to.getTime() + lagMinutes * 60_000 - now.getTime());
}
