import type { RunState } from './run-state.ts';

/**
 * What an open run is doing:
 * - waiting: it is not claimed yet, or not again
 * - planning: reads the object's description, and plans slices
 * - extracting: requests slices from Salesforce, and loads their pages into staging tables
 * - writing: counts, compares or writes; all that it reads is staged
 */
export const RUN_STEPS = ['waiting', 'planning', 'extracting', 'writing'] as const;

export type RunStep = (typeof RUN_STEPS)[number];

/** How far a run that has started is. */
export interface RunProgress {
  slices: number;
  /** that are staged */
  slicesDone: number;
  /** that load jobs have written */
  rows: number;
  /** loaded pages, and what Salesforce sent for them, usually compressed */
  pages: number;
  bytes: number;
  /** when the first slice was requested from Salesforce; null: not yet */
  requestedAt: string | null;
}

/** The step of a run; null: it has ended. @param progress null: it has not been claimed yet */
export function runStep(state: RunState, progress: RunProgress | null): RunStep | null {
  if (state === 'queued') return 'waiting';
  if (state !== 'running') return null;
  if (!progress || progress.slices === 0) return 'planning';
  return progress.slicesDone < progress.slices ? 'extracting' : 'writing';
}

/** Rows per second since the first slice was requested; null: none yet. It includes pauses of the run. */
export function rowsPerSecond({ rows, requestedAt }: RunProgress, now: Date): number | null {
  const seconds = requestedAt === null ? 0 : (now.getTime() - Date.parse(requestedAt)) / 1000;
  return seconds <= 0 || rows === 0 ? null : rows / seconds;
}
