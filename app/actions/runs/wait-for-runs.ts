import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../../context.ts';
import type { JobFilter } from '../../store/jobs/jobs.ts';
import { runsInProgress } from '../../store/runs/runs.ts';

const POLL_MS = 100;

/**
 * Waits up to `seconds` until no run of these jobs is in progress or due within that time. Does not wait for a run that needs a login or is
 * deferred for longer.
 * @param closed ends the wait when the caller has left
 * @returns whether there was anything to wait for
 */
export async function waitForRuns({ database }: Context, filter: JobFilter, seconds: number, closed: AbortSignal): Promise<boolean> {
  const deadline = performance.now() + seconds * 1000;
  for (let waited = false; ; waited = true) {
    const leftMs = deadline - performance.now();
    if (leftMs <= 0 || closed.aborted || !(await runsInProgress(database, filter, leftMs))) return waited;
    await sleep(POLL_MS);
  }
}
