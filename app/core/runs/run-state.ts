/** The states of a run. `queued` and `running` are open; a job has at most one open run per lane: a window and a repair. */
export const RUN_STATES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;

export type RunState = (typeof RUN_STATES)[number];

/** The transitions of a run. All except `claim` and `cancel` require a running run and its lease. */
export const RUN_STATE_AFTER = {
  /** a worker takes it: for the first time, after a delay, or because the previous lease expired */
  claim: 'running',
  /** it did not finish and will be retried */
  postpone: 'queued',
  succeed: 'succeeded',
  fail: 'failed',
  /** a caller cancelled it, its job was paused before a claim, or another run replaces it: it is too old or its window is imported */
  cancel: 'cancelled',
} as const satisfies Record<string, RunState>;
