import type { Context } from '../context.ts';
import { remainingLagMs, windowEnds } from '../core/runs/window.ts';
import { insertChange } from '../store/audit.ts';
import type { JobFilter } from '../store/jobs/jobs.ts';
import { saveTick } from '../store/jobs/ticks.ts';
import { queueDueRuns } from '../store/runs/queue-runs.ts';

export interface Tick {
  /** the runs that it queued */
  runIds: string[];
  /** when, by the schedule's clock */
  at: Date;
}

/**
 * One tick of the schedule: imports what is due, and records that the schedule called.
 * @param by who called it: the name of an API key, or what stands for one
 * @throws AppError store_restored
 */
export async function tick(context: Context, by: string, filter: JobFilter = {}): Promise<Tick> {
  const ticked = await queueDue(context, by, filter);
  // A tick of some jobs says nothing about how often the schedule ticks.
  if (Object.keys(filter).length === 0) await saveTick(context.database, by);
  return ticked;
}

/** Does what a tick does at the request of a person, which says nothing about how often the schedule ticks. @throws AppError store_restored */
export async function importDue(context: Context, by: string): Promise<Tick> {
  const ticked = await queueDue(context, by, {});
  await insertChange(context.database, { by, action: 'tick', details: { runs: ticked.runIds.length } });
  return ticked;
}

/**
 * Requests everything before the latest window end of every active job, and queues a run unless one is open or nothing is missing. It is fast,
 * because it only writes to the job store. A job with an open run gets its next run when that run succeeds.
 */
async function queueDue(context: Context, by: string, filter: JobFilter): Promise<Tick> {
  context.agreement.requireNotHalted();
  const at = await context.scheduleNow();
  const wanted = windowEnds(at).map((end) => ({ ...end, lagMs: remainingLagMs(end.to, at, context.config.lagMinutes) }));
  const { jobIds, runIds } = await queueDueRuns(context.database, wanted, filter);
  context.events.tick(at, jobIds.length, runIds.length, by);
  return { runIds, at };
}
