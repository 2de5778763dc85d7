import { once } from 'node:events';

/**
 * Waits for work, but not after the signal aborts. What the work does then is left to itself, and its failure is not reported.
 * @throws what the work throws, or the signal's reason
 */
export async function unlessAborted<T>(signal: AbortSignal, work: PromiseLike<T>): Promise<T> {
  Promise.resolve(work).catch(() => {});
  signal.throwIfAborted();
  const listening = new AbortController();
  const aborted = once(signal, 'abort', { signal: listening.signal }).then(() => {
    throw signal.reason;
  });
  try {
    return (await Promise.race([work, aborted])) as T;
  } finally {
    aborted.catch(() => {});
    listening.abort();
  }
}
