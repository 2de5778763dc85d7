/** The states of a run. `queued` and `running` are open; a job has at most one open run. */
export type RunState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** What can happen to a run, and the state that follows. All but a claim and a cancellation happen to a running run only, by its lease. */
export const RUN_STATE_AFTER = {
  /** a worker takes it: for the first time, after a delay, or because its last owner's lease ran out */
  claim: 'running',
  /** it did not end, and will be tried again */
  postpone: 'queued',
  succeed: 'succeeded',
  fail: 'failed',
  /** its job was paused before a worker took it, or took it again; another is to start in its place, since it is old or its window is done */
  cancel: 'cancelled',
} as const satisfies Record<string, RunState>;
