import type { FinishedJob, JobOutcome } from '../bigquery/jobs.ts';

/** Jobs that failed in passing, in a row, within one attempt of a run. */
const MOST_TRIES = 4;

/**
 * Runs a BigQuery job under an id made of a try number, which goes up only when the job was seen to have failed.
 * @param saveTry keeps the number before it is used
 * @throws the last failure, when it does not pass
 */
export async function untilSucceeded(
  firstTry: number,
  saveTry: (number: number) => Promise<void>,
  run: (tryNumber: number) => Promise<JobOutcome>,
): Promise<FinishedJob> {
  for (let tryNumber = firstTry; ; tryNumber++) {
    const outcome = await run(tryNumber);
    if (outcome.succeeded) return outcome.job;
    await saveTry(tryNumber + 1);
    if (!outcome.passing || tryNumber - firstTry + 1 >= MOST_TRIES) throw outcome.error;
  }
}
