import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { unlessAborted } from '../core/unless-aborted.ts';
import { AppError, isAppError } from '../errors.ts';
import { type AccessToken, type Connection, claimRenewal, endRenewal, type Renewal, readTokens, saveRenewal } from './connections.ts';
import type { Sealer } from './seal.ts';

/**
 * Gets new tokens for a refresh token. Ends within two minutes, and at once when `signal` aborts.
 * @throws AppError needs_login when Salesforce no longer accepts the grant
 */
export type Exchange = (connection: Connection, refreshToken: string, signal: AbortSignal) => Promise<Renewal>;

/** A renewal takes a third of a second. */
const LOOK_MS = 150;

/** A connection to Postgres that is silent for so long is taken for broken. */
const STORE_MS = 10_000;

const MAX_PAUSE_MS = 5_000;

/** What is under way when the service stops gets so long. */
const CLOSE_MS = 3_000;

/**
 * Renews sessions. With rotation each reply brings a new refresh token, presenting an old one ends the grant, and a reply is given once.
 * So a renewal is marked in its row before the request, which keeps all other processes from presenting the token; no transaction is open
 * meanwhile. The reply is kept in memory and stored by whatever connection to Postgres works, as often as it takes, also after the caller
 * has stopped waiting for it. What is left: a process that is killed between Salesforce's reply and its storing takes the new token with
 * it, as does a reply that breaks off on its way. The old token is then presented, after a kill when the mark has expired, and with
 * rotation the user has to log in again.
 */
export class Renewals {
  readonly #database: pg.Pool;
  readonly #sealer: Sealer;
  readonly #waitMs: number;
  readonly #onError: (error: unknown) => void;
  readonly #underWay = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  /**
   * @param waitMs how long a caller waits for a renewal, its own or another's
   * @param onError is called each time a reply could not be stored; it is tried again
   */
  constructor(database: pg.Pool, sealer: Sealer, waitMs: number, onError: (error: unknown) => void) {
    this.#database = database;
    this.#sealer = sealer;
    this.#waitMs = waitMs;
    this.#onError = onError;
  }

  /**
   * Gives tokens other than those of a session that failed: another worker's if there are any by now, else new ones. They are committed
   * before anyone uses them.
   * @param reason `moved`: the org does not seem to be at its instance URL. The login host is asked at most every ten minutes; in between
   * the tokens come back as they are.
   * @throws AppError needs_login; salesforce_unavailable when no renewal succeeded in time; the signal's reason
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
      throw new AppError('salesforce_unavailable', 'The Salesforce session is still being renewed: try again shortly.', { cause: error });
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
      if (other || (reason === 'moved' && tokens.locatedRecently && !tokens.renewing)) return { accessToken, instanceUrl };
      const id = randomUUID();
      if (!tokens.renewing && (await claimRenewal(this.#database, tokens, id, reason === 'moved'))) {
        await unlessAborted(over, this.#track(this.#renew(tokens.connection, id, tokens.refreshToken, exchange)));
        const renewed = await readTokens(this.#database, this.#sealer, connectionId);
        return { accessToken: renewed.accessToken, instanceUrl: renewed.instanceUrl };
      }
      await unlessAborted(over, sleep(LOOK_MS));
    }
  }

  /** Lets what is under way end, for a moment; called before the pool closes. */
  async close(): Promise<void> {
    await Promise.race([Promise.allSettled(this.#underWay), sleep(CLOSE_MS, undefined, { ref: false })]);
    this.#closing.abort(new AppError('stopping', 'The service is stopping.'));
  }

  async #renew(connection: Connection, id: string, refreshToken: string, exchange: Exchange): Promise<void> {
    let renewal: Renewal;
    try {
      renewal = await exchange(connection, refreshToken, this.#closing.signal);
    } catch (error) {
      // Committed, so that nobody presents a grant again that has ended.
      const status = isAppError(error) && error.recovery === 'reauthorize' ? 'needs_login' : 'active';
      await this.#untilStored(() => endRenewal(this.#database, connection, id, status));
      throw error;
    }
    await this.#untilStored(() => saveRenewal(this.#database, this.#sealer, connection, id, renewal));
  }

  async #untilStored(store: () => Promise<void>): Promise<void> {
    for (let pause = LOOK_MS; ; pause = Math.min(pause * 2, MAX_PAUSE_MS)) {
      try {
        return await unlessAborted(AbortSignal.timeout(STORE_MS), store());
      } catch (error) {
        this.#onError(error);
      }
      await sleep(pause, undefined, { signal: this.#closing.signal });
    }
  }

  #track(work: Promise<void>): Promise<void> {
    this.#underWay.add(work);
    // Its caller may have stopped waiting by the time it fails.
    work.catch(() => {}).finally(() => this.#underWay.delete(work));
    return work;
  }
}
