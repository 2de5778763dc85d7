import type { Context } from '../context.ts';
import { abortable } from '../core/abortable.ts';
import { Semaphore } from '../core/semaphore.ts';
import { AppError, isAppError } from '../errors.ts';
import type { PageQuery, PageReply } from '../salesforce/composite.ts';
import type { ObjectDescription } from '../salesforce/describe.ts';
import type { RestPage } from '../salesforce/rest.ts';
import type { Run } from '../store/runs/runs.ts';
import { readPages } from './extract/read-pages.ts';

/** How long the call waits for a run that takes long to request its page. */
const GATHER_MS = 5_000;

/** A run's first page, from a call that it shared. */
export interface SharedPage {
  page: RestPage;
  /** the object as it is now; undefined: not described */
  description: ObjectDescription | undefined;
}

/** A run that waits for its page. */
interface Waiting {
  run: Run;
  query: PageQuery;
  signal: AbortSignal;
  page: PromiseWithResolvers<SharedPage | undefined>;
}

/** Where a run may continue without waiting for the others. @returns undefined if it must wait */
export type OwnSlot = (run: Run) => Promise<Disposable | undefined>;

/** What the call returned for a run. */
type Outcome = { kind: 'page'; page: SharedPage } | { kind: 'alone' } | { kind: 'failed'; error: AppError };

/**
 * Runs of one connection that a worker claimed together. Their first pages are read in one call. Those without rows end at once; the others
 * take turns, the smallest first, so that together they use as much memory and as many of the connection's runs as one; a run continues at
 * once where there is a slot of its own.
 */
export class RunGroup {
  readonly #context: Context;
  readonly #signal: AbortSignal;
  readonly #connectionId: number;
  /** the runs that have neither requested their page nor ended */
  readonly #absent: Set<string>;
  readonly #waiting: Waiting[] = [];
  readonly #ownSlot: OwnSlot;
  readonly #turn = new Semaphore(1);
  /** of the runs that continue, because it is their turn or in a slot of their own */
  readonly #permits = new Map<string, Disposable>();
  /** the runs that wait to continue, in their order */
  readonly #queue: { run: Run; admitted: PromiseWithResolvers<void> }[] = [];
  /** ends with the last attempt to let them continue: one at a time, so that they keep their order */
  #admission = Promise.resolve();
  #deadline: NodeJS.Timeout | undefined;
  /** each run's share of the calls */
  readonly #calls = new Map<string, number>();
  #isSent = false;

  /** @param signal aborts the call */
  constructor(context: Context, runs: readonly Run[], signal: AbortSignal, ownSlot: OwnSlot) {
    this.#ownSlot = ownSlot;
    this.#context = context;
    this.#signal = signal;
    this.#connectionId = runs[0]!.job.connectionId;
    this.#absent = new Set(runs.map(({ runId }) => runId));
  }

  /**
   * The first page of a run's query. If it has rows, resolves when the run may continue, until `end`.
   * @param signal ends the wait
   * @returns undefined if the page must be requested alone
   * @throws AppError that a call for this query alone would throw; worker_busy if the others take too long
   */
  async firstPage(run: Run, query: PageQuery, signal: AbortSignal): Promise<SharedPage | undefined> {
    // A query with other fields, or of a slice that is read again: the run already continues.
    if (!this.#absent.delete(run.runId)) return undefined;
    if (this.#isSent) {
      await this.#takeTurn({ run, signal });
      return undefined;
    }
    const page = Promise.withResolvers<SharedPage | undefined>();
    this.#waiting.push({ run, query, signal, page });
    this.#deadline ??= setTimeout(() => void this.#send(), GATHER_MS);
    if (this.#absent.size === 0) void this.#send();
    return await abortable(signal, page.promise);
  }

  /** A run's share of the calls that it shared with others. */
  callsOf({ runId }: Run): number {
    return this.#calls.get(runId) ?? 0;
  }

  /** A run has ended or been released: the others need not wait for it. */
  end({ runId }: Run): void {
    this.#permits.get(runId)?.[Symbol.dispose]();
    this.#admitNext();
    this.#absent.delete(runId);
    if (this.#absent.size === 0) void this.#send();
  }

  /** Sends the call, once, and gives each run its page. Never throws. */
  async #send(): Promise<void> {
    if (this.#isSent) return;
    this.#isSent = true;
    clearTimeout(this.#deadline);
    // Not kept: a promise keeps its page in memory, and one of the runs may take hours.
    const all = this.#waiting.splice(0);
    const outcomes = await this.#request(all);
    const replied = all.map((waiting, index) => ({ waiting, outcome: outcomes[index]! }));
    for (const { waiting, outcome } of replied.toSorted((one, other) => sizeOf(one.outcome) - sizeOf(other.outcome))) {
      const isEmpty = outcome.kind === 'page' && outcome.page.page.totalSize === 0;
      const turn = isEmpty ? Promise.resolve() : this.#takeTurn(waiting);
      turn.then(() => settle(waiting, outcome), waiting.page.reject);
    }
  }

  /** The outcome of each run, in their order. */
  async #request(all: readonly Waiting[]): Promise<Outcome[]> {
    const { composite, events, limits } = this.#context;
    const sharing = all.filter(({ query, signal }) => !signal.aborted && !composite.isAlone(this.#connectionId, query.objectName));
    if (sharing.length < 2 || !composite.isAllowed(this.#connectionId)) return all.map(() => ({ kind: 'alone' }));
    const requestedAt = Date.now();
    const queries = sharing.map((waiting) => this.#withDescribe(waiting));
    try {
      const client = this.#context.salesforce(this.#connectionId, this.#signal);
      const options = { signal: this.#signal, totalMs: limits.compositeMs, maxBytes: limits.compositeBytes };
      const replies = await readPages(this.#context, client, this.#connectionId, queries, options).finally(() => {
        for (const { run } of sharing) this.#calls.set(run.runId, client.calls / sharing.length);
      });
      return all.map((waiting) => this.#toOutcome(waiting, replies?.[sharing.indexOf(waiting)], requestedAt));
    } catch (error) {
      const failure = isAppError(error) ? error.ofRun() : new AppError('internal', 'Unexpected error. See the log.', { cause: error });
      if (!this.#signal.aborted) events.compositeFailed(this.#connectionId, queries.length, false, failure);
      // A call for each run would only meet the same limit, need the same login, or come before Salesforce wants another.
      const isShared = failure.recovery === 'defer' || failure.recovery === 'reauthorize' || failure.retryAfterMs !== undefined;
      return all.map(() => (isShared ? { kind: 'failed', error: failure } : { kind: 'alone' }));
    }
  }

  /** The query, with a description if one costs nothing unless it has changed. */
  #withDescribe({ run, query }: Waiting): PageQuery {
    const { connectionId, objectName } = run.job;
    const since = run.described ? undefined : this.#context.describes.lastModified(connectionId, objectName, run.grantedAt);
    return { ...query, describedSince: since };
  }

  #toOutcome({ query: { objectName } }: Waiting, reply: PageReply | undefined, requestedAt: number): Outcome {
    const { describes } = this.#context;
    if (reply === undefined || reply.kind === 'unanswered') return { kind: 'alone' };
    if (reply.kind === 'refused') return { kind: 'failed', error: reply.error };
    const { page, described } = reply;
    if (typeof described === 'object') describes.save(this.#connectionId, objectName, described, requestedAt);
    return { kind: 'page', page: { page, description: described && describes.cached(this.#connectionId, objectName) } };
  }

  /** Resolves when a run may continue. @throws AppError worker_busy */
  async #takeTurn({ run, signal }: Pick<Waiting, 'run' | 'signal'>): Promise<void> {
    const admitted = Promise.withResolvers<void>();
    const entry = { run, admitted };
    this.#queue.push(entry);
    this.#admitNext();
    try {
      await abortable(AbortSignal.any([signal, AbortSignal.timeout(this.#context.limits.turnMs)]), admitted.promise);
    } catch (error) {
      const at = this.#queue.indexOf(entry);
      if (at >= 0) this.#queue.splice(at, 1);
      if (signal.aborted) throw error;
      throw new AppError('worker_busy', 'The windows that were started together with this one take long. A worker will start it again.');
    }
  }

  /** Lets the runs that wait continue, in their order, as far as there is room. */
  #admitNext(): void {
    this.#admission = this.#admission.then(() => this.#admit());
  }

  async #admit(): Promise<void> {
    for (let next = this.#queue[0]; next; next = this.#queue[0]) {
      const permit = this.#turn.tryAcquire() ?? (await this.#ownSlot(next.run));
      if (!permit) return;
      if (this.#queue[0] === next) {
        this.#queue.shift();
        this.#permits.set(next.run.runId, permit);
        next.admitted.resolve();
      } else {
        // It stopped waiting meanwhile.
        permit[Symbol.dispose]();
      }
    }
  }
}

/** Rows of a page; more for what is read alone, which may take long. */
function sizeOf(outcome: Outcome): number {
  return outcome.kind === 'page' ? outcome.page.page.totalSize : Number.MAX_SAFE_INTEGER;
}

function settle({ page }: Waiting, outcome: Outcome): void {
  if (outcome.kind === 'failed') page.reject(outcome.error);
  else page.resolve(outcome.kind === 'page' ? outcome.page : undefined);
}
