/** The states of a run. `queued` and `running` are open; a job has at most one open run. */
export type RunState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** What can happen to a run: from which states, and to which. A write names `from` in its WHERE, so that an event out of turn changes nothing. */
export const RUN_EVENTS = {
  /** a worker takes it: for the first time, after a delay, or because its last owner's lease ran out */
  claim: { from: ['queued', 'running'], to: 'running' },
  /** it did not end, and will be tried again */
  postpone: { from: ['running'], to: 'queued' },
  succeed: { from: ['running'], to: 'succeeded' },
  fail: { from: ['running'], to: 'failed' },
  /** its job was paused before a worker took it */
  cancel: { from: ['queued'], to: 'cancelled' },
} as const satisfies Record<string, { from: readonly RunState[]; to: RunState }>;
