import { createHash } from 'node:crypto';
import type pg from 'pg';
import { readPublishedStore } from '../bigquery/tables/published-store.ts';
import type { Warehouse } from '../bigquery/warehouse.ts';
import { abortable } from '../core/abortable.ts';
import { compareStores, type Disagreement, type PublishedStore, storeRestoredError } from '../core/connections/agreement.ts';
import type { Limits } from '../core/connections/limits.ts';
import { AppError } from '../errors.ts';
import type { Events } from '../events.ts';
import { type Installation, readInstallation, readServerStart } from '../store/installation.ts';

/** Whether the job store agrees with BigQuery. `unknown`: they have not been compared yet, or could not be. */
export type StoreState =
  /** `address` identifies the job store's address */
  | { readonly kind: 'agrees'; readonly address: string }
  | { readonly kind: 'unknown'; readonly error: unknown }
  | { readonly kind: 'halted'; readonly error: AppError };

/** A job store compared with BigQuery. */
export interface Comparison {
  readonly own: Installation;
  /** identifies the job store's address */
  readonly address: string;
  /** undefined: nothing has been written to BigQuery yet */
  readonly published: PublishedStore | undefined;
  /** undefined: they agree */
  readonly disagreement: Disagreement | undefined;
}

interface Parts {
  readonly database: pg.Pool;
  readonly warehouse: Warehouse;
  /** of `_installation` */
  readonly dataset: string;
  /** host and port of the job store; undefined: on this machine, where they may change between starts */
  readonly server: string | undefined;
  readonly limits: Limits;
  readonly events: Events;
}

const NOT_COMPARED = new AppError('store_unavailable', 'The job store has not been compared with BigQuery yet. Try again in a moment.');

/** How long callers wait for a comparison if the previous one agreed. */
const MAX_WAIT_MS = 5_000;

/** A batch that the job store has deleted has been replaced in BigQuery by then. */
const MAX_READS = 3;

/**
 * Compares the job store with what the service has written to BigQuery, before anything is claimed or renewed and then regularly: a store
 * that was restored or copied must not repeat what another one has done since, above all not present refresh tokens of the past. One per
 * process.
 */
export class Agreement {
  readonly #parts: Parts;
  #state: StoreState = { kind: 'unknown', error: NOT_COMPARED };
  /** when they were last compared, or the comparison failed */
  #comparedAt = Number.NEGATIVE_INFINITY;
  #comparing: Promise<void> | undefined;
  /** of the server whose store was last compared */
  #serverStartedAt: number | undefined;
  /** Postgres has accepted a connection since: it may have restarted */
  #hasReconnected = false;
  #noticing: Promise<void> | undefined;
  /** how often it has: a comparison that started before says nothing about the store after it */
  #restarts = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    parts.database.on('connect', () => {
      this.#hasReconnected = true;
    });
  }

  /** The state as last compared, without waiting. */
  get last(): StoreState {
    return this.#state;
  }

  /** The state. Compares again if that is due or if Postgres has restarted; never throws. */
  async current(): Promise<StoreState> {
    // Every caller waits for it: it may be about to present a token.
    while (this.#noticing || (this.#hasReconnected && this.#serverStartedAt !== undefined)) {
      this.#noticing ??= this.#noticeRestart().finally(() => {
        this.#noticing = undefined;
      });
      await this.#noticing;
    }
    if (this.#isDue()) {
      this.#comparing ??= this.#update().finally(() => {
        this.#comparing = undefined;
      });
    }
    if (!this.#comparing) return this.#state;
    // A BigQuery that does not respond says nothing against the previous state.
    if (this.#state.kind === 'agrees') await abortable(AbortSignal.timeout(MAX_WAIT_MS), this.#comparing).catch(() => {});
    else await this.#comparing;
    return this.#state;
  }

  /** The state after a change of it: compares again in any case. */
  async refresh(): Promise<StoreState> {
    await this.#comparing;
    this.#comparedAt = Number.NEGATIVE_INFINITY;
    return await this.current();
  }

  /** @throws AppError store_restored; store_unavailable or bigquery_unavailable if it is unknown */
  async require(): Promise<void> {
    const state = await this.current();
    if (state.kind !== 'agrees') throw state.error;
  }

  /** Unlike `require`, does not wait for a comparison. @throws AppError store_restored */
  requireNotHalted(): void {
    if (this.#state.kind === 'halted') throw this.#state.error;
  }

  /** Compares the job store with BigQuery. @throws AppError */
  async compare(): Promise<Comparison> {
    const { database, warehouse, dataset, server, limits } = this.#parts;
    for (let reads = 1; ; reads++) {
      const published = await readPublishedStore(warehouse, dataset);
      const own = await readInstallation(database, published, server === undefined);
      const address = this.#addressOf(own);
      const disagreement = compareStores({ ...own, installation: own.id, address }, published, limits.aliveMs);
      // Since BigQuery was read, the job store may have replaced that batch there and deleted it here.
      const mayBeReplaced = published !== undefined && published.batch < own.newestBatch && !own.knowsBatch;
      if (!disagreement || !mayBeReplaced || reads === MAX_READS) return { own, address, published, disagreement };
    }
  }

  #isDue(): boolean {
    const { agreementMs, retryMs } = this.#parts.limits;
    return performance.now() - this.#comparedAt >= (this.#state.kind === 'unknown' ? retryMs : agreementMs);
  }

  /** After a restart, the server may contain an earlier state of the job store. */
  async #noticeRestart(): Promise<void> {
    this.#hasReconnected = false;
    try {
      const startedAt = await readServerStart(this.#parts.database);
      if (startedAt.getTime() !== this.#serverStartedAt) this.#forget(NOT_COMPARED);
    } catch (error) {
      this.#forget(error);
    }
  }

  #forget(error: unknown): void {
    this.#restarts++;
    this.#state = { kind: 'unknown', error };
    this.#comparedAt = Number.NEGATIVE_INFINITY;
  }

  async #update(): Promise<void> {
    const { dataset, limits, events } = this.#parts;
    const restarts = this.#restarts;
    try {
      const { own, address, disagreement } = await this.compare();
      if (restarts !== this.#restarts) return;
      this.#serverStartedAt = own.serverStartedAt.getTime();
      const before = this.#state;
      this.#state = disagreement
        ? { kind: 'halted', error: storeRestoredError(disagreement, dataset, limits.aliveMs) }
        : { kind: 'agrees', address };
      if (this.#state.kind === 'halted') events.storeHalted(this.#state.error);
      else if (before.kind === 'halted') events.storeAgrees();
    } catch (error) {
      events.storeNotCompared(error);
      if (this.#state.kind === 'unknown') this.#state = { kind: 'unknown', error };
    }
    if (restarts === this.#restarts) this.#comparedAt = performance.now();
  }

  #addressOf({ serverId, database }: Installation): string {
    const server = this.#parts.server ?? serverId;
    return createHash('sha256').update(`${server}/${database}`).digest('hex').slice(0, 32);
  }
}
