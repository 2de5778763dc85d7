import { setTimeout as sleep } from 'node:timers/promises';
import type { JobOutcome, JobStatistics } from '../bigquery/jobs.ts';
import type { Limits } from '../core/connections/limits.ts';
import { retryDelayMs } from '../core/retry.ts';

/** Maximum consecutive transient failures within one attempt of a run. */
const MAX_TRIES = 4;

/**
 * Runs a BigQuery job whose id contains a try number, which increases only after the job is known to have failed.
 * BigQuery fails jobs that update a table too often, and requires exponential backoff between them.
 * @param saveTry stores the number before it is used
 * @returns the job that succeeded
 * @throws the last failure, if it is permanent or the tries are used up
 */
export async function retryJob(
  { context, signal }: { context: { limits: Limits }; signal: AbortSignal },
  firstTry: number,
  saveTry: (number: number) => Promise<unknown>,
  run: (tryNumber: number) => Promise<JobOutcome>,
): Promise<{ job: JobStatistics; tryNumber: number }> {
  for (let tryNumber = firstTry; ; tryNumber++) {
    const outcome = await run(tryNumber);
    if (outcome.succeeded) return { job: outcome.job, tryNumber };
    await saveTry(tryNumber + 1);
    const failures = tryNumber - firstTry + 1;
    if (!outcome.transient || failures >= MAX_TRIES) throw outcome.error;
    await sleep(retryDelayMs(failures, context.limits.retryMs, Math.random()), undefined, { signal });
  }
}
