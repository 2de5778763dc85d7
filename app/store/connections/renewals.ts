import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { abortable } from '../../core/abortable.ts';
import { AppError, isAppError } from '../../errors.ts';
import type { Sealer } from '../seal.ts';
import {
  type AccessToken,
  type Connection,
  claimRenewal,
  endRenewal,
  type Renewal,
  readAccessToken,
  readTokens,
  saveRenewal,
  type Tokens,
} from './connections.ts';

/**
 * Requests new tokens. Ends within two minutes, and immediately when `signal` aborts.
 * @param refreshToken undefined: the connection's flow has none
 * @throws AppError needs_login if Salesforce no longer accepts the grant
 */
export type Exchange = (connection: Connection, refreshToken: string | undefined, signal: AbortSignal) => Promise<Renewal>;

/** Poll interval: a renewal takes about a third of a second. */
const POLL_MS = 150;

/** A connection to Postgres that is silent for this long counts as broken. */
const STORE_TIMEOUT_MS = 10_000;

const MAX_PAUSE_MS = 5_000;

/** How long renewals in progress may take after the service is stopped. */
const CLOSE_MS = 3_000;

/**
 * Renews sessions. With rotation, each response contains a new refresh token, presenting an old one ends the grant, and a response is sent
 * only once. Therefore a renewal is claimed in its row before the request, which keeps all other processes from presenting the token; no
 * transaction is open during the request. The response stays in memory, and storing it is retried on any working connection to Postgres,
 * even after the caller stops waiting; within a process, no other renewal of the connection starts meanwhile. Gaps remain: the new token is
 * lost if the process is killed between response and write, if the response is lost in transit, or if Postgres is unavailable for longer
 * than the claim lasts and another process then renews first. The old token is then presented again (after a kill, once the claim
 * expires), and with rotation the user must log in again.
 */
export class Renewals {
  readonly #database: pg.Pool;
  readonly #sealer: Sealer;
  readonly #waitMs: number;
  readonly #requireAgreement: () => Promise<void>;
  readonly #onError: (error: unknown) => void;
  /** this process's renewals by connection, each from its claim until its response is stored */
  readonly #inProgress = new Map<number, Promise<unknown>>();
  readonly #closing = new AbortController();

  /**
   * @param waitMs how long a caller waits for a renewal, its own or another's
   * @param requireAgreement throws if the job store may contain refresh tokens of the past
   * @param onError called each time a response could not be stored; the write is retried
   */
  constructor(database: pg.Pool, sealer: Sealer, waitMs: number, requireAgreement: () => Promise<void>, onError: (error: unknown) => void) {
    this.#database = database;
    this.#sealer = sealer;
    this.#waitMs = waitMs;
    this.#requireAgreement = requireAgreement;
    this.#onError = onError;
  }

  /**
   * Returns tokens other than those of a failed session: another worker's if it has renewed them, otherwise new ones. They are committed
   * before they are returned.
   * @param reason `moved`: the org seems to have left its instance URL. The login host is queried at most every ten minutes; in between,
   * the current tokens are returned. `refused`: if the session replaced another refused one less than five minutes ago, it is returned.
   * @throws AppError needs_login; salesforce_unavailable if no renewal succeeds in time; the signal's reason; what `requireAgreement` throws
   */
  async fresh(
    connectionId: number,
    failed: AccessToken,
    reason: 'refused' | 'moved',
    exchange: Exchange,
    signal?: AbortSignal,
  ): Promise<AccessToken> {
    const timeout = AbortSignal.timeout(this.#waitMs);
    const over = signal ? AbortSignal.any([signal, timeout]) : timeout;
    try {
      return await this.#freshUnless(over, connectionId, failed, reason, exchange);
    } catch (error) {
      if (error !== timeout.reason) throw error;
      throw new AppError('salesforce_unavailable', 'The Salesforce session is still being renewed. Try again shortly.', { cause: error });
    }
  }

  async #freshUnless(
    over: AbortSignal,
    connectionId: number,
    failed: AccessToken,
    reason: 'refused' | 'moved',
    exchange: Exchange,
  ): Promise<AccessToken> {
    for (;;) {
      const tokens = await readTokens(this.#database, this.#sealer, connectionId);
      const { accessToken, instanceUrl } = tokens;
      const other = accessToken !== failed.accessToken || (reason === 'moved' && instanceUrl !== failed.instanceUrl);
      const recently = reason === 'moved' ? tokens.locatedRecently : tokens.renewedRecently;
      if (other || (recently && !tokens.renewing)) return { accessToken, instanceUrl };
      const own = this.#inProgress.get(connectionId);
      if (own) {
        // Its claim may have expired while its response is still pending.
        await abortable(
          over,
          own.catch(() => {}),
        );
        continue;
      }
      if (!tokens.renewing && (await abortable(over, this.#track(connectionId, this.#renew(tokens, reason === 'moved', exchange))))) {
        return await readAccessToken(this.#database, this.#sealer, connectionId);
      }
      await abortable(over, sleep(POLL_MS));
    }
  }

  /** Waits briefly for renewals in progress. Call before the pool closes. */
  async close(): Promise<void> {
    await Promise.race([Promise.allSettled(this.#inProgress.values()), sleep(CLOSE_MS, undefined, { ref: false })]);
    this.#closing.abort(new AppError('stopping', 'The service is stopping.'));
  }

  /** @returns false if another process is renewing, or just did */
  async #renew(tokens: Tokens, locating: boolean, exchange: Exchange): Promise<boolean> {
    const { connection, refreshToken } = tokens;
    const id = randomUUID();
    await this.#requireAgreement();
    if (!(await claimRenewal(this.#database, tokens, id, locating))) return false;
    let renewal: Renewal;
    try {
      // Postgres may have been restored before the claim. The claim must outlast the request.
      await abortable(AbortSignal.timeout(STORE_TIMEOUT_MS), this.#requireAgreement());
      renewal = await exchange(connection, refreshToken, this.#closing.signal);
    } catch (error) {
      // Committed, so that no process presents an ended grant again.
      const grantEnded = isAppError(error) && error.recovery === 'reauthorize' ? error : undefined;
      await this.#untilStored(() => endRenewal(this.#database, connection, id, grantEnded));
      throw error;
    }
    await this.#untilStored(() => saveRenewal(this.#database, this.#sealer, connection, id, renewal, !locating));
    return true;
  }

  async #untilStored(store: () => Promise<void>): Promise<void> {
    for (let pause = POLL_MS; ; pause = Math.min(pause * 2, MAX_PAUSE_MS)) {
      try {
        return await abortable(AbortSignal.timeout(STORE_TIMEOUT_MS), store());
      } catch (error) {
        this.#onError(error);
      }
      await sleep(pause, undefined, { signal: this.#closing.signal });
    }
  }

  #track<T>(connectionId: number, work: Promise<T>): Promise<T> {
    this.#inProgress.set(connectionId, work);
    // The caller may have stopped waiting by the time the work fails.
    work.catch(() => {}).finally(() => this.#inProgress.delete(connectionId));
    return work;
  }
}
