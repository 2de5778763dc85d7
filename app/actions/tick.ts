import type { Context } from '../context.ts';
import { nextWindowEnd, remainingLagMs, windowEnd } from '../core/window.ts';
import type { JobFilter } from '../store/jobs.ts';
import { queueDueRuns } from '../store/queue-runs.ts';

export interface Tick {
  /** the runs that it queued */
  runIds: string[];
  /** when the next window ends, by the schedule's clock */
  nextWindowEnd: Date;
}

/**
 * One tick of the schedule: requests everything before today for every active job, and queues a run unless one is open or nothing is
 * missing. It is fast, because it only writes to the job store. A job with an open run gets its next run when that run succeeds.
 */
export async function tick(context: Context, filter: JobFilter = {}): Promise<Tick> {
  const now = await context.scheduleNow();
  const to = windowEnd(now, 'day');
  const { jobIds, runIds } = await queueDueRuns(context.database, to, remainingLagMs(to, now, context.config.lagMinutes), filter);
  context.events.tick(to, jobIds.length, runIds.length);
  return { runIds, nextWindowEnd: nextWindowEnd(now, 'day') };
}
