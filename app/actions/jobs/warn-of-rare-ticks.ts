import type { Context } from '../../context.ts';
import { rareTicksMessage, usualTickIntervalMs } from '../../core/jobs/tick-interval.ts';
import type { Job } from '../../store/jobs/jobs.ts';
import { recentTicks } from '../../store/jobs/ticks.ts';

/** Warns if ticks come less often than a job's windows close. @returns the warning for the caller; undefined: there is none */
export async function warnOfRareTicks({ database, events }: Context, job: Job): Promise<string | undefined> {
  const tickMs = usualTickIntervalMs(await recentTicks(database));
  const message = rareTicksMessage(job.objectName, job.every, tickMs);
  if (message) events.ticksRare(job, job.every, Math.round(tickMs! / 60_000));
  return message;
}
