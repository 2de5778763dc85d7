import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { abortable } from '../core/abortable.ts';
import { DEFER_MS, MAX_FAILURES, retryDelayMs } from '../core/retry.ts';
import { delayAtLeast } from '../core/retry-after.ts';
import { isExclusive } from '../core/runs/pass.ts';
import type { RunState } from '../core/runs/run-state.ts';
import { AppError, type ErrorCode, isAppError } from '../errors.ts';
import type { SalesforceClient } from '../salesforce/client.ts';
import { MAX_QUERIES } from '../salesforce/composite.ts';
import { extendLease } from '../store/lease.ts';
import { claimRuns, separateRun } from '../store/runs/claim-run.ts';
import { failRun, postponeRun } from '../store/runs/end-run.ts';
import { listenForRuns } from '../store/runs/listen-for-runs.ts';
import { addCalls, type Run, reloadRun } from '../store/runs/runs.ts';
import { releaseTable } from '../store/runs/table-writes.ts';
import { callsOf } from './calls-of.ts';
import { RunGroup } from './run-group.ts';
import { syncRun } from './sync-run.ts';
import { THIS_PROCESS } from './this-process.ts';
import { watchEndedRuns } from './watch/watch-ended-runs.ts';

const LEASE_SECONDS = 60;
const EXTEND_MS = 15_000;

const RELEASE_MS = 20_000;

/** The codes of a run that waits for other runs, and may be claimed again at once. */
const AT_ONCE: ReadonlySet<ErrorCode> = new Set(['table_busy', 'windows_first', 'worker_busy']);

/** No response and no data arrived for longer than any wait should take. */
function stuck(idleMs: number): AppError {
  const seconds = Math.round(idleMs / 1000);
  return new AppError('no_progress', `The run made no progress for ${seconds} seconds and was stopped. It will be retried.`);
}

/** A run may itself be what kills its worker's process. */
function workersLost(times: number): AppError {
  const message = `No progress in ${times} consecutive attempts: the worker died each time. Check the log for the cause.`;
  return new AppError('internal', message, { recovery: 'give-up' });
}

/** Claims runs and executes several concurrently, until it is stopped. Drops the tables of runs that have ended. */
export class Worker {
  readonly #context: Context;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  /** runs that were claimed together with others and have a slot of their own */
  #ownSlots = 0;
  #wake: () => void = () => {};
  #loop: Promise<void> | undefined;
  #stopListening: (() => void) | undefined;
  #endedRuns: ReturnType<typeof watchEndedRuns> | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  start(): void {
    this.#endedRuns = watchEndedRuns(this.#context);
    this.#loop = this.#claimUntilStopped();
  }

  /** Releases every run, so that another worker can resume it at once. Resolves when all are released or the time is up. */
  async stop(): Promise<void> {
    this.#stopping.abort(new AppError('stopping', 'The service is stopping. Another worker will resume this run.'));
    this.#wake();
    await this.#loop;
    // A run that is not released in time loses its lease, and another worker resumes it.
    const released = Promise.all([...this.#running, this.#endedRuns?.stop()]);
    await Promise.race([released, sleep(RELEASE_MS, undefined, { ref: false })]);
    this.#stopListening?.();
  }

  async #claimUntilStopped(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#listen();
        while ((await this.#mayClaim()) && this.#hasSlot() && (await this.#claim())) {
          // Claim until there is no capacity or no due run.
        }
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        this.#context.events.claimFailed(error);
      }
      await this.#sleep();
    }
  }

  /** Nothing is claimed before the job store is known to agree with BigQuery. Also keeps that up to date for the runs in progress. */
  async #mayClaim(): Promise<boolean> {
    const state = await abortable(this.#stopping.signal, this.#context.agreement.current());
    return state.kind === 'agrees';
  }

  async #claim(): Promise<boolean> {
    if (this.#stopping.signal.aborted) return false;
    const { config, composite, database } = this.#context;
    const together = { max: config.salesforce.composite ? MAX_QUERIES : 1, except: composite.refused() };
    const runs = await claimRuns(database, LEASE_SECONDS, config.runsPerConnection, together, THIS_PROCESS);
    if (runs.length === 0) return false;
    const work = this.#workTogether(runs).finally(() => {
      this.#running.delete(work);
      this.#wake();
    });
    this.#running.add(work);
    return true;
  }

  /** Executes runs that were claimed together, in one slot; never throws. */
  async #workTogether(runs: readonly Run[]): Promise<void> {
    const group = runs.length > 1 ? new RunGroup(this.#context, runs, this.#stopping.signal, (run) => this.#ownSlot(run)) : undefined;
    const work = async (run: Run): Promise<void> => {
      await this.#work(run, group);
      group?.end(run);
      this.#endedRuns?.check();
    };
    await Promise.all(runs.map(work));
  }

  /** A slot for a run that was claimed together with others, if this process and the run's connection may have another running. */
  async #ownSlot(run: Run): Promise<Disposable | undefined> {
    if (!this.#hasSlot()) return undefined;
    this.#ownSlots++;
    const slot = new DisposableStack();
    slot.defer(() => {
      this.#ownSlots--;
      this.#wake();
    });
    if (await separateRun(this.#context.database, run, this.#context.config.runsPerConnection).catch(() => false)) return slot;
    slot.dispose();
    return undefined;
  }

  #hasSlot(): boolean {
    return this.#running.size + this.#ownSlots < this.#context.config.workers;
  }

  /** Executes one run; never throws. */
  async #work(run: Run, group: RunGroup | undefined): Promise<void> {
    const { events } = this.#context;
    const lost = new AbortController();
    const signal = AbortSignal.any([this.#stopping.signal, lost.signal]);
    let activeAt = performance.now();
    const recordActivity = (): void => {
      activeAt = performance.now();
    };
    const { agreement, limits } = this.#context;
    const { noProgressMs } = limits;
    const extending = setInterval(
      () => {
        const idleMs = performance.now() - activeAt;
        if (agreement.last.kind === 'halted') lost.abort(agreement.last.error);
        if (idleMs > noProgressMs) lost.abort(stuck(idleMs));
        // Let the lease expire from here on, even if the run ignores its signal.
        if (lost.signal.aborted) return;
        extendLease(this.#context.database, run, LEASE_SECONDS).catch((error: unknown) => {
          if (isAppError(error) && error.code === 'lease_lost') lost.abort(error);
          else events.leaseNotExtended(run, error);
        });
      },
      Math.min(EXTEND_MS, noProgressMs),
    );
    const client = this.#context.salesforce(run.job.connectionId, signal, recordActivity);
    events.runClaimed(run);
    try {
      // Postgres may have been restored before the claim.
      await abortable(signal, agreement.require());
      if (run.failures >= MAX_FAILURES) throw workersLost(run.failures);
      const { run: ended, receipt } = await syncRun(this.#during(client, signal, recordActivity), run, signal, group);
      events.runSucceeded(ended, receipt);
    } catch (error) {
      // An aborted wait or request does not say why; the signal's reason does.
      await this.#settle(run, callsOf(client, run, group), signal.aborted && !isAppError(error) ? signal.reason : error).catch(
        (settleError: unknown) => {
          // The run was cancelled or taken over meanwhile, so there is nothing to settle.
          if (isAppError(settleError) && settleError.code === 'lease_lost') return;
          // The lease expires, and then another worker resumes the run.
          events.runNotSettled(run, settleError);
        },
      );
    } finally {
      clearInterval(extending);
    }
  }

  /** The context of one run: its calls end when the signal aborts, and count as activity. */
  #during(client: SalesforceClient, signal: AbortSignal, recordActivity: () => void): Context {
    const context = this.#context;
    return {
      ...context,
      warehouse: context.warehouse.withSignal(signal, recordActivity),
      salesforce: () => client,
    };
  }

  /** Releases a run that did not finish, and logs whether it ended. @param calls of this attempt */
  async #settle(claimed: Run, calls: number, error: unknown): Promise<void> {
    const { events, describes, database } = this.#context;
    const failure = isAppError(error) ? error.ofRun() : new AppError('internal', 'Unexpected error. See the log.', { cause: error });
    // If the store is unavailable, releasing the run fails as well.
    const run = await reloadRun(database, claimed).catch(() => claimed);
    await addCalls(database, run, calls);
    const failures = run.failures + 1;
    events.runInterrupted(run, failures, failure);
    // Salesforce may have refused a field that no longer exists.
    if (failure.code === 'salesforce_refused') describes.forget(run.job.connectionId, run.job.objectName);
    const state = await this.#releaseRun(run, failures, failure);
    if (state === 'failed') events.runFailed(run, failures, failure);
    if (state === 'cancelled') events.runCancelled(run);
  }

  /** Postpones or fails a run that did not finish. @returns its new state; undefined if another worker owns it */
  async #releaseRun(run: Run, failures: number, failure: AppError): Promise<RunState | undefined> {
    const { database, limits } = this.#context;
    if (failure.code === 'lease_lost') return undefined;
    if (!isExclusive(run.pass, run.job)) await releaseTable(database, run);
    if (AT_ONCE.has(failure.code)) return await postponeRun(database, run, 0, undefined, failure);
    if (failure.code === 'stopping') return await postponeRun(database, run, 0, undefined, undefined);
    // The run stays queued, unclaimed, until the connection's user logs in again.
    if (failure.recovery === 'reauthorize') return await postponeRun(database, run, 0, undefined, failure);
    if (failure.recovery === 'defer') return await this.#defer(run, DEFER_MS, undefined, failure);
    if (failure.recovery === 'give-up' || failures >= MAX_FAILURES) return await failRun(database, run, failures, failure);
    return await this.#defer(run, retryDelayMs(failures, limits.retryMs, Math.random()), failures, failure);
  }

  /** Postpones a run by a delay, or longer if the platform demands it, and logs until when. */
  async #defer(run: Run, ownDelayMs: number, failures: number | undefined, failure: AppError): Promise<RunState> {
    const { database, events } = this.#context;
    const delayMs = delayAtLeast(failure.retryAfterMs, ownDelayMs, Math.random());
    const state = await postponeRun(database, run, delayMs, failures, failure);
    if (state === 'queued') events.runDeferred(run, new Date(Date.now() + delayMs), failure);
    return state;
  }

  /** Listens for announcements, and again after the connection breaks. */
  async #listen(): Promise<void> {
    this.#stopListening ??= await listenForRuns(
      this.#context.database,
      () => this.#wake(),
      () => {
        this.#stopListening = undefined;
        this.#wake();
      },
    );
  }

  async #sleep(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#context.limits.workerPollMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
