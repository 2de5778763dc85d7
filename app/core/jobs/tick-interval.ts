import { type Every, intervalMs } from './every.ts';

/** Ticks are late by some seconds now and then. No two values of `every` are this close. */
const TOLERANCE = 1.1;

/**
 * The usual time between ticks, in milliseconds: the median, which neither a manual tick nor an outage changes.
 * @param ticks newest first
 * @returns undefined if there are fewer than two
 */
export function usualTickIntervalMs(ticks: readonly Date[]): number | undefined {
  const gaps = ticks.slice(1).map((tick, index) => ticks[index]!.getTime() - tick.getTime());
  return gaps.sort((one, other) => one - other)[Math.floor((gaps.length - 1) / 2)];
}

/** Explains that a job's windows close more often than ticks come, and what to do; undefined if they do not, or if this is unknown. */
export function rareTicksMessage(objectName: string, every: Every, tickMs: number | undefined): string | undefined {
  if (tickMs === undefined || tickMs <= intervalMs(every) * TOLERANCE) return undefined;
  return `Ticks come about every ${formatDuration(tickMs)}, so ${objectName} is imported no more often, despite every=${every}. Call handle_importing_job more often, or choose a longer every.`;
}

/** After this many usual intervals without a tick, ticks are missing: one may be late. */
const MISSED = 2;

/**
 * Explains that ticks have stopped: the usual interval has passed more than once since the latest.
 * @param ticks newest first
 * @param now in real time
 * @returns undefined if they have not, or too few came to say so
 */
export function lateTickMessage(ticks: readonly Date[], now: Date): string | undefined {
  const usual = usualTickIntervalMs(ticks);
  if (usual === undefined) return undefined;
  const since = now.getTime() - ticks[0]!.getTime();
  return since > usual * MISSED ? `No tick for ${formatDuration(since)}, usually every ${formatDuration(usual)}.` : undefined;
}

function formatDuration(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  return minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
}
