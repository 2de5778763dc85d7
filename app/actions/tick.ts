import type { Context } from '../context.ts';
import { lagLeftMs, nextWindowEnd, windowEnd } from '../core/window.ts';
import type { JobFilter } from '../store/jobs.ts';
import { queueDueRuns } from '../store/runs.ts';

export interface Tick {
  /** the runs that it started */
  runIds: string[];
  /** when there is more to import, by the schedule's clock */
  nextWindowEnd: Date;
}

/**
 * One tick of the schedule: every active job wants what lies before today, and gets a run unless one is open or nothing is missing.
 * Quick: it only writes to the job store. A job whose run is open goes on with what it wants when that run ends.
 */
export async function tick(context: Context, filter: JobFilter = {}): Promise<Tick> {
  const now = await context.scheduleNow();
  const to = windowEnd(now, 'day');
  const { jobIds, runIds } = await queueDueRuns(context.database, to, lagLeftMs(to, now, context.config.lagMinutes), filter);
  context.log.info({ event: 'tick', window_to: to, jobs: jobIds.length, runs: runIds.length }, 'tick accepted');
  return { runIds, nextWindowEnd: nextWindowEnd(now, 'day') };
}
