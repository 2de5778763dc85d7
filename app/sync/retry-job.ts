import { setTimeout as sleep } from 'node:timers/promises';
import type { FinishedJob, JobOutcome } from '../bigquery/jobs.ts';
import type { Limits } from '../core/limits.ts';
import { retryDelayMs } from '../core/retry.ts';

/** Jobs that failed in passing, in a row, within one attempt of a run. */
const MAX_TRIES = 4;

/**
 * Runs a BigQuery job under an id made of a try number, which goes up only when the job was seen to have failed.
 * BigQuery fails jobs that come too fast for a table, and wants a pause before the next, longer each time.
 * @param saveTry keeps the number before it is used
 * @throws the last failure, when it does not pass
 */
export async function retryJob(
  { context, signal }: { context: { limits: Limits }; signal: AbortSignal },
  firstTry: number,
  saveTry: (number: number) => Promise<void>,
  run: (tryNumber: number) => Promise<JobOutcome>,
): Promise<FinishedJob> {
  for (let tryNumber = firstTry; ; tryNumber++) {
    const outcome = await run(tryNumber);
    if (outcome.succeeded) return outcome.job;
    await saveTry(tryNumber + 1);
    const failures = tryNumber - firstTry + 1;
    if (!outcome.passing || failures >= MAX_TRIES) throw outcome.error;
    await sleep(retryDelayMs(failures, context.limits.retryMs, Math.random()), undefined, { signal });
  }
}
