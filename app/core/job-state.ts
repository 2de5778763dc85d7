import type { RunState } from './run-state.ts';

/** Where a job stands, as a caller of the API sees it. */
export type JobState =
  /** everything up to the window that was wanted last is in the target table */
  | 'complete'
  /** a run is queued or running */
  | 'unfinished'
  /** its run waits: for an allowance, a retry, or for Salesforce to commit what it stamped */
  | 'deferred'
  /** its connection waits for a login */
  | 'needs_login'
  /** its latest run failed for good; the next tick starts another */
  | 'failed'
  | 'paused';

/** What of a job the decision needs. */
export interface JobStanding {
  active: boolean;
  needsLogin: boolean;
  syncedTo: Date;
  wantedTo: Date;
  /** the latest one */
  run: { state: RunState; runAt: Date } | null;
}

/** @param now in real time, in which runs are deferred */
export function jobState({ active, needsLogin, syncedTo, wantedTo, run }: JobStanding, now: Date): JobState {
  if (!active) return 'paused';
  if (needsLogin) return 'needs_login';
  if (syncedTo >= wantedTo) return 'complete';
  if (run?.state === 'failed') return 'failed';
  return run?.state === 'queued' && run.runAt > now ? 'deferred' : 'unfinished';
}
