import type { RunState } from './run-state.ts';
import { formatInstant } from './start-date.ts';

/** The state of a job, as the API reports it. */
export type JobState =
  /** the target table is complete up to the latest requested window */
  | 'complete'
  /** a run is queued or running */
  | 'unfinished'
  /** its run waits for quota, for a retry, or for Salesforce to commit the last changes of the window */
  | 'deferred'
  /** its connection needs a login */
  | 'needs_login'
  /** its latest run failed permanently; the next tick starts another */
  | 'failed'
  | 'paused';

/** The inputs of `jobState`. */
export interface JobProgress {
  active: boolean;
  needsLogin: boolean;
  syncedTo: Date;
  wantedTo: Date;
  /** the latest run */
  run: { state: RunState; runAt: Date } | null;
}

/** @param now in real time, because runs are deferred in real time */
export function jobState({ active, needsLogin, syncedTo, wantedTo, run }: JobProgress, now: Date): JobState {
  if (!active) return 'paused';
  if (needsLogin) return 'needs_login';
  if (syncedTo >= wantedTo) return 'complete';
  if (run?.state === 'failed') return 'failed';
  return run && isDeferred(run, now) ? 'deferred' : 'unfinished';
}

/** Whether a run waits for its next attempt, which is due at `runAt`. @param now in real time */
export function isDeferred({ state, runAt }: { state: RunState; runAt: Date }, now: Date): boolean {
  return state === 'queued' && runAt > now;
}

/** Until when a deferred run waits, and why, for example `deferred until 2026-11-26 10:15 UTC (salesforce_quota)`. */
export function describeDeferral({ runAt, errorCode }: { runAt: Date; errorCode: string | null }): string {
  return `deferred until ${formatInstant(runAt)}${errorCode ? ` (${errorCode})` : ''}`;
}
