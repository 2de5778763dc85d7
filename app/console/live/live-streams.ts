import { setTimeout as sleep } from 'node:timers/promises';
import { sum } from '../../core/sum.ts';
import { AppError } from '../../errors.ts';

/** Open pages of one API key: a team may share it. */
const MAX_OF_KEY = 50;

/** Each is a connection, and text to render every few seconds: one key must leave the others some. */
const MAX_IN_PROCESS = 200;

/** With more streams than four, each is renewed more slowly, down to every twelve seconds or so: what all cost together stays bounded. */
const PAUSE_PER_STREAM_MS = 500;
const FREE_STREAMS = 4;
const MAX_PAUSE_MS = 10_000;

/** A browser tries again by itself. */
const RETRY_AFTER_MS = 60_000;

/** Limits the open live pages of this process. */
export class LiveStreams {
  readonly #ofKey = new Map<string, number>();

  /** Counts a stream until `closed` aborts. @param key its name @throws AppError too_many_requests */
  add(key: string, closed: AbortSignal): void {
    const count = this.#ofKey.get(key) ?? 0;
    if (count >= MAX_OF_KEY) throw tooMany(`of the API key ${key}`);
    if (this.#total >= MAX_IN_PROCESS) throw tooMany('of the console');
    if (closed.aborted) return;
    this.#ofKey.set(key, count + 1);
    closed.addEventListener('abort', () => this.#remove(key), { once: true });
  }

  /** What each stream waits for between two pieces, in addition to its own pause. */
  async pause(closed: AbortSignal): Promise<void> {
    await sleep(this.pauseMs, undefined, { signal: closed }).catch(() => {});
  }

  /** How long that is now, in milliseconds. */
  get pauseMs(): number {
    return Math.min(Math.max(0, this.#total - FREE_STREAMS) * PAUSE_PER_STREAM_MS, MAX_PAUSE_MS);
  }

  get #total(): number {
    return sum([...this.#ofKey.values()]);
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
