import { formatInstant } from '../../core/jobs/start-date.ts';
import type { RunView } from '../remote/views.ts';

/** With the time of the next attempt of a deferred run, and the code of what it waits for, if it failed. @param state of the run or its job */
export function describeState(state: string, run: Pick<RunView, 'deferred_until' | 'error'> | null): string {
  if (!run?.deferred_until || (state !== 'deferred' && state !== 'queued')) return state;
  return `deferred until ${formatInstant(new Date(run.deferred_until))}${run.error ? ` (${run.error.code})` : ''}`;
}
