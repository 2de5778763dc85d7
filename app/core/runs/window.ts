import { EVERY, type Every, intervalMs } from '../jobs/every.ts';

/** A half-open interval `[from, to)` in UTC. */
export interface Window {
  from: Date;
  to: Date;
}

/** Salesforce's earliest datetime (SOQL's range starts in 1700), and the meaning of `start_date=all`. */
export const MIN_DATE = new Date('1700-01-01T00:00:00Z');

/** The latest window end at or before `now`: counted from midnight UTC, because the epoch starts at one and `every` divides the day. */
export function windowEnd(now: Date, every: Every): Date {
  const step = intervalMs(every);
  return new Date(Math.floor(now.getTime() / step) * step);
}

/** The end of a window of the jobs with this interval. */
export interface WindowEnd {
  every: Every;
  to: Date;
}

/** The latest window end of each interval at or before `now`. */
export function windowEnds(now: Date): WindowEnd[] {
  return EVERY.map((every) => ({ every, to: windowEnd(now, every) }));
}

/** The earliest window end after `now`. */
export function nextWindowEnd(now: Date, every: Every): Date {
  return new Date(windowEnd(now, every).getTime() + intervalMs(every));
}

/** How long to wait, from `now`, until every change stamped before `to` is committed and readable (Salesforce commits late). */
export function remainingLagMs(to: Date, now: Date, lagMinutes: number): number {
  return Math.max(0, to.getTime() + lagMinutes * 60_000 - now.getTime());
}

/** Up to when every stamped change is committed and readable, in whole seconds as in SOQL. */
export function lastReadable(now: Date, lagMinutes: number): Date {
  return new Date(Math.floor((now.getTime() - lagMinutes * 60_000) / 1000) * 1000);
}
