import type { Dispatcher } from 'undici';
import type { Profile } from '../profiler.ts';

/** The input of a mover. */
export interface Errand {
  sourceUrl: string;
  sinkUrl: string;
  /** how many pages to move */
  pages: number;
  columns: string[];
}

/** The first pages of a new process, measured separately: its code is not compiled yet. */
export const FIRST_PAGES = 10;

/** The next pages, not measured: after them the process is as warm as a service that has run for weeks. */
export const WARM_UP_PAGES = 20;

/** Moves all pages from the source to the sink. @returns the number of rows */
export type Move = (errand: Errand, dispatcher: Dispatcher) => Promise<number>;

/** What the mover's process used. */
export interface Moved {
  rows: number;
  seconds: number;
  cpuSeconds: number;
  /** for the process's first pages; undefined if not measured */
  coldCpuSeconds: number | undefined;
  /** since the process started */
  peakMb: number;
  /** of the warm process; undefined if not requested */
  profile: Profile | undefined;
}
