import { once } from 'node:events';

/**
 * Waits for `work` until the signal aborts. After that the work continues unobserved, and its failure is ignored.
 * @throws the error of the work, or the signal's reason
 */
export async function abortable<T>(signal: AbortSignal, work: PromiseLike<T>): Promise<T> {
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
