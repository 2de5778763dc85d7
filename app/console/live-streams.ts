import { AppError } from '../errors.ts';

/** Open pages of one API key: a team may share it. */
const MAX_OF_KEY = 50;

/** Each is a connection, and text to render every few seconds: one key must leave the others some. */
const MAX_IN_PROCESS = 200;

/** A browser tries again by itself. */
const RETRY_AFTER_MS = 60_000;

/** Limits the open live pages of this process. */
export class LiveStreams {
  readonly #ofKey = new Map<string, number>();

  /** Counts a stream until `closed` aborts. @param key its name @throws AppError too_many_requests */
  add(key: string, closed: AbortSignal): void {
    const count = this.#ofKey.get(key) ?? 0;
    const total = this.#ofKey.values().reduce((sum, streams) => sum + streams, 0);
    if (count >= MAX_OF_KEY) throw tooMany(`of the API key ${key}`);
    if (total >= MAX_IN_PROCESS) throw tooMany('of the console');
    if (closed.aborted) return;
    this.#ofKey.set(key, count + 1);
    closed.addEventListener('abort', () => this.#remove(key), { once: true });
  }

  #remove(key: string): void {
    const left = this.#ofKey.get(key)! - 1;
    if (left === 0) this.#ofKey.delete(key);
    else this.#ofKey.set(key, left);
  }
}

function tooMany(which: string): AppError {
  return new AppError('too_many_requests', `Too many live pages ${which} are open. Close some, then reload the page.`, {
    retryAfterMs: RETRY_AFTER_MS,
  });
}
