/** A half-open interval `[from, to)` in UTC. */
export interface Window {
  from: Date;
  to: Date;
}

/** How often a job's window closes. */
export type Every = 'day';

const STEP_MS: Record<Every, number> = { day: 24 * 60 * 60 * 1000 };

/** The instant before which Salesforce has no datetime (SOQL's range begins in 1700): what `start_date=all` stands for. */
export const BEGINNING = new Date('1700-01-01T00:00:00Z');

/** The last end of a window at or before `now`. */
export function windowEnd(now: Date, every: Every): Date {
  const step = STEP_MS[every];
  return new Date(Math.floor(now.getTime() / step) * step);
}

/** The first end of a window after `now`. */
export function nextWindowEnd(now: Date, every: Every): Date {
  return new Date(windowEnd(now, every).getTime() + STEP_MS[every]);
}

/** How long to wait, from `now`, until everything stamped before `to` is committed and can be read (Salesforce commits late). */
export function lagLeftMs(to: Date, now: Date, lagMinutes: number): number {
  return Math.max(0, to.getTime() + lagMinutes * 60_000 - now.getTime());
}
