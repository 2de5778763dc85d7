import { once } from 'node:events';

/**
 * Waits for work that takes no signal of its own, as jsforce's does, but no longer than `ms`, nor after `signal` aborts.
 * What it does then is left to itself.
 * @throws what the signal aborts with, or a TimeoutError
 */
export async function orGiveUp<T>(work: PromiseLike<T>, ms: number, signal?: AbortSignal): Promise<T> {
  // Nobody may be there any more when it fails.
  Promise.resolve(work).catch(() => {});
  const timeout = AbortSignal.timeout(ms);
  const over = signal ? AbortSignal.any([signal, timeout]) : timeout;
  over.throwIfAborted();
  const listening = new AbortController();
  const gaveUp = once(over, 'abort', { signal: listening.signal }).then(() => {
    throw over.reason;
  });
  try {
    return (await Promise.race([work, gaveUp])) as T;
  } finally {
    gaveUp.catch(() => {});
    listening.abort();
  }
}
