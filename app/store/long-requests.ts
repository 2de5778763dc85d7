import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { onlyRow, type Queryable, transaction } from './database.ts';

/** How long the places of a process that died stay taken; a living one extends them three times meanwhile. */
const KEPT_SECONDS = 60;
const EXTEND_MS = 20_000;

/** How often a request checks whether it is its turn, because another process may have finished one. */
const POLL_MS = 500;

/** Serializes the start of long requests, so that their ids are visible in order. Any number that no other advisory lock of ours uses. */
const START_LOCK = 0x5f_b9_06;

/** Limits the concurrent long requests of all processes to each org. They take turns in the order in which they start. */
export class LongRequests {
  readonly #database: pg.Pool;
  readonly #limit: number;
  readonly #onError: (error: unknown) => void;
  /** of this process: under way, or waiting */
  readonly #own = new Set<string>();
  #finished = Promise.withResolvers<void>();
  #extending: NodeJS.Timeout | undefined;

  /**
   * @param limit concurrent long requests to one org
   * @param onError called if a place could not be extended or freed: it expires, and another request may start
   */
  constructor(database: pg.Pool, limit: number, onError: (error: unknown) => void) {
    this.#database = database;
    this.#limit = limit;
    this.#onError = onError;
  }

  /** Waits for a request's turn; it ends when the result is disposed of. @throws AppError store_unavailable; the signal's reason */
  async acquire(orgId: string, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    using place = new DisposableStack();
    const id = await startRequest(this.#database, orgId);
    this.#own.add(id);
    place.defer(() => this.#finish(id));
    this.#extending ??= setInterval(() => this.#extend(), EXTEND_MS).unref();
    while ((await countUntil(this.#database, orgId, id)) > this.#limit) await this.#waitForNext(signal);
    return place.move();
  }

  /** Until a request of this process has finished, or one of another may have. */
  async #waitForNext(signal: AbortSignal): Promise<void> {
    const waited = new AbortController();
    // The timer rejects if it is aborted, whose reason is the signal's.
    const timer = sleep(POLL_MS, undefined, { signal: AbortSignal.any([signal, waited.signal]) }).catch(() => {});
    await Promise.race([timer, this.#finished.promise]);
    waited.abort();
    signal.throwIfAborted();
  }

  #extend(): void {
    extendRequests(this.#database, [...this.#own]).catch(this.#onError);
  }

  #finish(id: string): void {
    this.#own.delete(id);
    if (this.#own.size === 0) {
      clearInterval(this.#extending);
      this.#extending = undefined;
    }
    const next = (): void => {
      this.#finished.resolve();
      this.#finished = Promise.withResolvers();
    };
    finishRequest(this.#database, id).catch(this.#onError).finally(next);
  }
}

/** @returns the request's id, which is higher than that of each request that any process can see */
async function startRequest(database: pg.Pool, orgId: string): Promise<string> {
  return await transaction(database, async (client) => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [START_LOCK]);
    const { rows } = await client.query<{ id: string }>(
      `WITH expired AS (DELETE FROM long_requests WHERE org_id = $1 AND kept_until < now())
       INSERT INTO long_requests (org_id, kept_until) VALUES ($1, now() + $2 * interval '1 second') RETURNING id`,
      [orgId, KEPT_SECONDS],
    );
    return onlyRow({ rows }).id;
  });
}

/** How many requests to the org are not finished up to this one. Uses long_requests_by_org. */
async function countUntil(database: Queryable, orgId: string, id: string): Promise<number> {
  const { rows } = await database.query<{ requests: number }>(
    'SELECT count(*)::integer AS requests FROM long_requests WHERE org_id = $1 AND id <= $2 AND kept_until >= now()',
    [orgId, id],
  );
  return onlyRow({ rows }).requests;
}

async function extendRequests(database: Queryable, ids: readonly string[]): Promise<void> {
  await database.query(`UPDATE long_requests SET kept_until = now() + $2 * interval '1 second' WHERE id = ANY($1::bigint[])`, [
    ids,
    KEPT_SECONDS,
  ]);
}

async function finishRequest(database: Queryable, id: string): Promise<void> {
  await database.query('DELETE FROM long_requests WHERE id = $1', [id]);
}
