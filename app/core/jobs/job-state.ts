import type { RunState } from '../runs/run-state.ts';

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

/** All states of a job. */
export const JOB_STATES = ['complete', 'unfinished', 'deferred', 'needs_login', 'failed', 'paused'] as const satisfies JobState[];

/** States of jobs that need attention, most urgent first. */
export const PENDING_STATES = ['failed', 'needs_login', 'deferred', 'unfinished'] as const satisfies JobState[];

export type PendingState = (typeof PENDING_STATES)[number];

export function isPending(state: JobState): state is PendingState {
  return (PENDING_STATES as readonly JobState[]).includes(state);
}

/** The inputs of `jobState`. */
export interface JobProgress {
  active: boolean;
  needsLogin: boolean;
  syncedTo: Date;
  wantedTo: Date;
  /** the latest run */
  run: { state: RunState; runAt: Date } | null;
}

/** The job store counts jobs by the same state (`readJobStates`). @param now in real time, because runs are deferred in real time */
export function jobState({ active, needsLogin, syncedTo, wantedTo, run }: JobProgress, now: Date): JobState {
  if (!active) return 'paused';
  if (needsLogin) return 'needs_login';
  if (syncedTo >= wantedTo) return 'complete';
  if (run?.state === 'failed') return 'failed';
  return run && deferredUntil(run, now) ? 'deferred' : 'unfinished';
}

/** When the next attempt of a queued run is due; null if it may start now, is running or has ended. @param now in real time */
export function deferredUntil({ state, runAt }: { state: RunState; runAt: Date }, now: Date): Date | null {
  return state === 'queued' && runAt > now ? runAt : null;
}
