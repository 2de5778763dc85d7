import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.ts';
import type { JobFilter } from '../store/jobs.ts';
import { runsInProgress } from '../store/runs.ts';

const LOOK_MS = 100;

/**
 * Waits up to `seconds` until no run of these jobs is under way, or will be before then: a run that waits for a login, or that is deferred
 * for longer, is not waited for.
 * @returns whether there was any
 */
export async function waitForRuns({ database }: Context, filter: JobFilter, seconds: number): Promise<boolean> {
  const deadline = Date.now() + seconds * 1000;
  for (let waited = false; ; waited = true) {
    const leftMs = deadline - Date.now();
    if (leftMs <= 0 || !(await runsInProgress(database, filter, leftMs))) return waited;
    await sleep(LOOK_MS);
  }
}
