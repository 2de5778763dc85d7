/** The result of `withTimeout` if the work took too long. */
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
  const { promise: over, resolve, reject } = Promise.withResolvers<typeof TIMED_OUT>();
  const timer = setTimeout(resolve, ms, TIMED_OUT);
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort);
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
