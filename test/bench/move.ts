import type { Dispatcher } from 'undici';

/** What a mover is told. */
export interface Errand {
  sourceUrl: string;
  sinkUrl: string;
  /** so many pages */
  pages: number;
  columns: string[];
}

/** What a new process moves first: measured as well, for what it costs while its code is not compiled yet. */
export const FIRST_PAGES = 10;

/** What it moves next, unmeasured, so that afterwards it is as warm as a service that runs for weeks. */
export const WARM_UP_PAGES = 20;

/** Moves all pages of the source into the sink. @returns how many rows they had */
export type Move = (errand: Errand, dispatcher: Dispatcher) => Promise<number>;

/** What it took to move them, in the mover's process. */
export interface Moved {
  rows: number;
  seconds: number;
  cpuSeconds: number;
  /** of the first pages that the process moved; undefined where that was not measured */
  coldCpuSeconds: number | undefined;
  /** since the process began */
  peakMb: number;
}
