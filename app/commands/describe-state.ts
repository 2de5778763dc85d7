import { deferredUntil } from '../core/job-state.ts';
import { formatInstant } from '../core/start-date.ts';
import type { ListedRun } from '../store/listed-run.ts';

/** With the time of the next attempt of a deferred run, and the code of what it waits for, if it failed. @param state of the run or its job */
export function describeState(state: string, run: ListedRun | null, now: Date): string {
  const until = run && deferredUntil(run, now);
  if (!until || (state !== 'deferred' && state !== 'queued')) return state;
  return `deferred until ${formatInstant(until)}${run.errorCode ? ` (${run.errorCode})` : ''}`;
}
