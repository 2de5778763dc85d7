/** How often in a row, without getting anywhere, a run may fail before it is given up and the failure told: after some three hours. */
export const MAX_FAILURES = 20;

const MAX_MS = 15 * 60_000;

/**
 * How long to wait after the `failures`-th failure in a row (1, 2, …): doubling from `firstMs` to a quarter of an hour,
 * the later half of it by chance (`random` in [0, 1)), so that many runs do not come back at once.
 */
export function retryDelayMs(failures: number, firstMs: number, random: number): number {
  const whole = Math.min(MAX_MS, firstMs * 2 ** (Math.max(1, failures) - 1));
  return Math.round(whole / 2 + (whole / 2) * random);
}

/** How long a run rests that cannot go on for reasons outside of it, such as a used-up quota. */
export const DEFER_MS = 15 * 60_000;
