import { setTimeout as sleep } from 'node:timers/promises';

/** The result of `withTimeLimit` if the work took too long. */
export const TIMED_OUT = Symbol('timed out');

/**
 * Waits for work that accepts no signal, until `ms` have passed or `signal` aborts. The work is then abandoned.
 * @returns its result, or TIMED_OUT
 * @throws the work's error, or the signal's reason
 */
export async function withTimeout<T>(work: Promise<T>, ms: number, signal: AbortSignal): Promise<T | typeof TIMED_OUT> {
  // The work may fail after we stopped waiting for it.
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
