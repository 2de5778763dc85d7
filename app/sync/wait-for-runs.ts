import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { AppError, type ErrorCode } from '../errors.ts';
import { type RunStatus, readRunStatus } from '../store/runs.ts';
import type { Tick } from './schedule.ts';

const LOOK_MS = 100;

/**
 * Waits until no job of a tick has an open run.
 * @returns the runs that are still open after `seconds`
 * @throws AppError with the code of the first that failed meanwhile
 */
export async function waitForRuns(context: Context, { jobIds, runIds }: Tick, seconds: number): Promise<RunStatus[]> {
  const deadline = Date.now() + seconds * 1000;
  const seen = new Set(runIds);
  for (;;) {
    const runs = await readRunStatus(context.database, jobIds, [...seen]);
    for (const run of runs) seen.add(run.id);
    const open = runs.filter((run) => run.state === 'queued' || run.state === 'running');
    if (open.length === 0) throwFirstFailure(runs);
    if (open.length === 0 || Date.now() >= deadline) return open;
    await sleep(LOOK_MS);
  }
}

function throwFirstFailure(runs: RunStatus[]): void {
  const failed = runs.find((run) => run.state === 'failed');
  if (failed) throw new AppError(failed.errorCode as ErrorCode, `The run of ${failed.objectName} failed: ${failed.errorMessage}`);
}
