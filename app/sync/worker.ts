import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { DEFER_MS, MAX_FAILURES, retryDelayMs } from '../core/retry.ts';
import type { RunState } from '../core/run-state.ts';
import { AppError, isAppError } from '../errors.ts';
import { describeError } from '../log.ts';
import { listenForRuns } from '../store/listen-for-runs.ts';
import { claimRun, extendLease, failRun, postponeRun, type Run } from '../store/runs.ts';
import { syncRun } from './sync-run.ts';

const LEASE_SECONDS = 60;
const EXTEND_MS = 15_000;

const LET_GO_MS = 20_000;

/** Nothing was answered, and nothing came, for longer than any wait should take. */
function stuck(quietMs: number): AppError {
  const seconds = Math.round(quietMs / 1000);
  return new AppError('no_progress', `The run made no progress for ${seconds} seconds, so it was stopped. It will be retried.`);
}

/** A run may be what ends the process of whoever works on it. */
function workersLost(times: number): AppError {
  const message = `The run did not get on, ${times} times in a row, since its worker was gone: look in the log for what ended it.`;
  return new AppError('internal', message, { recovery: 'give-up' });
}

/** Claims runs and works on several side by side, until it is stopped. */
export class Worker {
  readonly #context: Context;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #wake: () => void = () => {};
  #loop: Promise<void> | undefined;
  #stopListening: (() => void) | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  start(): void {
    this.#loop = this.#claimUntilStopped();
  }

  /** Lets go of every run, for another worker to go on with at once; returns when all are let go, or have had time for it. */
  async stop(): Promise<void> {
    this.#stopping.abort(new AppError('stopping', 'The service is stopping: another will go on with this run.'));
    this.#wake();
    await this.#loop;
    // Whoever does not let go in time loses its lease, and another goes on where it was.
    await Promise.race([Promise.all(this.#running), sleep(LET_GO_MS, undefined, { ref: false })]);
    this.#stopListening?.();
  }

  async #claimUntilStopped(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#listen();
        while (this.#running.size < this.#context.config.workers && (await this.#claim())) {
          // Claims as many as there is room for.
        }
      } catch (error) {
        this.#context.log.error({ event: 'claim_failed', ...describeError(error) }, 'the job store cannot be asked for runs');
      }
      await this.#sleep();
    }
  }

  async #claim(): Promise<boolean> {
    if (this.#stopping.signal.aborted) return false;
    const run = await claimRun(this.#context.database, LEASE_SECONDS, this.#context.config.runsPerConnection);
    if (!run) return false;
    const work = this.#work(run).finally(() => {
      this.#running.delete(work);
      this.#wake();
    });
    this.#running.add(work);
    return true;
  }

  /** Works on one run; never throws. */
  async #work(run: Run): Promise<void> {
    const { log } = this.#context;
    const about = { run: run.runId, job: run.job.id, object: run.job.objectName, window: run.window, attempt: run.attempt };
    const lost = new AbortController();
    const signal = AbortSignal.any([this.#stopping.signal, lost.signal]);
    let activeAt = performance.now();
    const recordActivity = (): void => {
      activeAt = performance.now();
    };
    const { noProgressMs } = this.#context.limits;
    const extending = setInterval(
      () => {
        const quietMs = performance.now() - activeAt;
        if (quietMs > noProgressMs) lost.abort(stuck(quietMs));
        // From then on the lease runs out, even if the run does not heed its signal.
        if (lost.signal.aborted) return;
        extendLease(this.#context.database, run, LEASE_SECONDS).catch((error: unknown) => {
          if (isAppError(error) && error.code === 'lease_lost') lost.abort(error);
          else log.warn({ event: 'lease_not_extended', ...about, ...describeError(error) });
        });
      },
      Math.min(EXTEND_MS, noProgressMs),
    );
    log.info({ event: 'run_claimed', ...about });
    try {
      if (run.failures >= MAX_FAILURES) throw workersLost(run.failures);
      const receipt = await syncRun(this.#during(signal, recordActivity), run, signal);
      const level = Object.keys(receipt.invalid_values).length > 0 ? 'warn' : 'info';
      log[level]({ event: 'run_succeeded', ...about, receipt });
    } catch (error) {
      // An aborted wait or request says only that; why is the signal's to say.
      await this.#settle(run, signal.aborted && !isAppError(error) ? signal.reason : error, about).catch((settleError: unknown) => {
        // The lease runs out by itself, and then another worker goes on.
        log.error({ event: 'run_not_settled', ...about, ...describeError(settleError) });
      });
    } finally {
      clearInterval(extending);
    }
  }

  /** The context of one run: what it calls ends at its signal, and is seen. */
  #during(signal: AbortSignal, recordActivity: () => void): Context {
    const context = this.#context;
    return {
      ...context,
      warehouse: context.warehouse.during(signal, recordActivity),
      salesforce: (connectionId) => context.salesforce(connectionId, signal, recordActivity),
    };
  }

  /** Lets go of a run that did not end, and tells whether that is its end. */
  async #settle(run: Run, error: unknown, about: object): Promise<void> {
    const { log, describes } = this.#context;
    const failure = isAppError(error) ? error : new AppError('internal', 'An unexpected error: see the log.', { cause: error });
    const failures = run.failures + 1;
    log.warn({ event: 'run_interrupted', ...about, failures, recovery: failure.recovery, ...describeError(failure) });
    // What Salesforce refused may be a field that is no more.
    if (failure.code === 'salesforce_refused') describes.forget(run.job.connectionId, run.job.objectName);
    const state = await this.#letGo(run, failures, failure);
    if (state === 'failed') log.error({ event: 'run_failed', ...about, failures, ...describeError(failure) });
    if (state === 'cancelled') log.info({ event: 'run_cancelled', ...about });
  }

  /** Decides what becomes of a run that did not end. @returns the state that it has now; undefined where it is another worker's */
  async #letGo(run: Run, failures: number, failure: AppError): Promise<RunState | undefined> {
    const { database, limits } = this.#context;
    if (failure.code === 'lease_lost') return undefined;
    if (failure.code === 'stopping') return await postponeRun(database, run, 0, run.failures, undefined);
    // Waits in the queue, unclaimed, until the connection's user has logged in again.
    if (failure.recovery === 'reauthorize') return await postponeRun(database, run, 0, run.failures, failure);
    if (failure.recovery === 'defer') return await postponeRun(database, run, DEFER_MS, run.failures, failure);
    if (failure.recovery === 'give-up' || failures >= MAX_FAILURES) return await failRun(database, run, failures, failure);
    return await postponeRun(database, run, retryDelayMs(failures, limits.retryMs, Math.random()), failures, failure);
  }

  /** Listens for announcements; again where the connection broke. */
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
      const timer = setTimeout(resolve, this.#context.limits.lookMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
