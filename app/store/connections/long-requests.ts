import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { AppError } from '../../errors.ts';
import { onlyRow, type Queryable, transaction } from '../database.ts';

/** How long the places of a process that died stay taken; a living one extends them three times meanwhile. */
const KEPT_SECONDS = 60;
const EXTEND_MS = 20_000;

/** How often a request checks whether it is its turn, because another process may have finished one. */
const POLL_MS = 500;

/** Serializes the start of long requests, so that their ids are visible in order. Any number that no other advisory lock of ours uses. */
const START_LOCK = 0x5f_b9_06;

/** A long request's permission. */
export interface LongRequest extends Disposable {
  /** aborts once the place may have been taken by another request */
  readonly signal: AbortSignal;
}

interface Place {
  readonly lost: AbortController;
  /** when it was taken or extended last, by this process's clock */
  keptAt: number;
}

/** Limits the concurrent long requests of all processes to each org. They take turns in the order in which they start. */
export class LongRequests {
  readonly #database: pg.Pool;
  readonly #limit: number;
  readonly #onError: (error: unknown) => void;
  /** of this process, by id: under way, or waiting */
  readonly #own = new Map<string, Place>();
  #finished = Promise.withResolvers<void>();
  #extending: NodeJS.Timeout | undefined;

  /**
   * @param limit concurrent long requests to one org
   * @param onError called if a place could not be extended or freed; it expires
   */
  constructor(database: pg.Pool, limit: number, onError: (error: unknown) => void) {
    this.#database = database;
    this.#limit = limit;
    this.#onError = onError;
  }

  /**
   * Waits for a request's turn; it ends when the result is disposed of.
   * @param moved called whenever requests before this one have finished
   * @throws AppError store_unavailable; the signal's reason
   */
  async acquire(orgId: string, signal: AbortSignal, moved: () => void = () => {}): Promise<LongRequest> {
    signal.throwIfAborted();
    using held = new DisposableStack();
    const keptAt = performance.now();
    const id = await startRequest(this.#database, orgId);
    const place = { lost: new AbortController(), keptAt };
    this.#own.set(id, place);
    held.defer(() => this.#finish(id));
    this.#extending ??= setInterval(() => void this.#extend(), EXTEND_MS).unref();
    const either = AbortSignal.any([signal, place.lost.signal]);
    for (let before = Number.POSITIVE_INFINITY; ; ) {
      const requests = await countUntil(this.#database, orgId, id);
      if (requests < before) moved();
      if (requests <= this.#limit) break;
      before = requests;
      await this.#waitForNext(either);
    }
    const kept = held.move();
    return { signal: place.lost.signal, [Symbol.dispose]: () => kept.dispose() };
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

  /** Keeps the places of this process. One that could not be extended in time may be taken by another request soon. */
  async #extend(): Promise<void> {
    const now = performance.now();
    const kept = await extendRequests(this.#database, [...this.#own.keys()]).catch(this.#onError);
    for (const [id, place] of this.#own) {
      if (kept?.has(id)) place.keptAt = now;
      // One that was taken meanwhile was not extended yet.
      else if (now - place.keptAt >= KEPT_SECONDS * 1000 - EXTEND_MS) place.lost.abort(placeLost());
    }
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

function placeLost(): AppError {
  return new AppError('store_unavailable', 'The place of a long request to Salesforce was lost, because the job store did not respond.');
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

/** @returns those that had not expired and been removed */
async function extendRequests(database: Queryable, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await database.query<{ id: string }>(
    `UPDATE long_requests SET kept_until = now() + $2 * interval '1 second' WHERE id = ANY($1::bigint[]) RETURNING id`,
    [ids, KEPT_SECONDS],
  );
  return new Set(rows.map(({ id }) => id));
}

async function finishRequest(database: Queryable, id: string): Promise<void> {
  await database.query('DELETE FROM long_requests WHERE id = $1', [id]);
}
