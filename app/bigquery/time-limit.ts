import { setTimeout as sleep } from 'node:timers/promises';

/** What `withTimeLimit` gives where the work took too long. */
export const TIMED_OUT = Symbol('timed out');

/**
 * Waits for work that takes no signal of its own, but no longer than `ms`, nor after `signal` aborts: the work is then left to itself.
 * @returns its result, or TIMED_OUT
 * @throws what the work throws, or what the signal aborts with
 */
export async function withTimeLimit<T>(work: Promise<T>, ms: number, signal: AbortSignal): Promise<T | typeof TIMED_OUT> {
  // Nobody may be waiting any more when it fails.
  work.catch(() => {});
  signal.throwIfAborted();
  const over = new AbortController();
  const waiting = sleep(ms, TIMED_OUT, { signal: AbortSignal.any([signal, over.signal]) }).catch(() => {
    throw signal.reason;
  });
  try {
    return await Promise.race([work, waiting]);
  } finally {
    waiting.catch(() => {});
    over.abort();
  }
}
