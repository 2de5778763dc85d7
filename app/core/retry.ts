/** Consecutive failures without progress before a run fails permanently: after about three hours. */
export const MAX_FAILURES = 20;

const MAX_MS = 15 * 60_000;

/**
 * The backoff after the `failures`-th consecutive failure (1, 2, …), in milliseconds: doubles from `firstMs` to 15 minutes, with jitter
 * on the second half (`random` in [0, 1)), so that many runs do not retry at once.
 */
export function retryDelayMs(failures: number, firstMs: number, random: number): number {
  const whole = Math.min(MAX_MS, firstMs * 2 ** (Math.max(1, failures) - 1));
  return Math.round(whole / 2 + (whole / 2) * random);
}

/** How long to defer a run that is blocked by an external condition, for example an exhausted quota. */
export const DEFER_MS = 15 * 60_000;
