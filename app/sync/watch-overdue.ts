import type { Context } from '../context.ts';
import { windowEnd } from '../core/window.ts';
import { describeError } from '../log.ts';
import { countBehind } from '../store/jobs.ts';

const LOOK_MS = 60_000;

/** A job has so long, after its window has closed, to be done with it; a long first import takes longer, and is told. */
const GRACE_MS = 6 * 60 * 60 * 1000;

/** How many active jobs are behind, whatever the cause: a failure, a login that is waited for, a schedule that does not tick. */
export async function countOverdue(context: Context): Promise<number> {
  const now = await context.scheduleNow();
  return await countBehind(context.database, windowEnd(new Date(now.getTime() - GRACE_MS), 'day'));
}

/** Tells each minute how many jobs are overdue, none included: an alarm also goes off where nothing is told. */
export function watchOverdue(context: Context): { stop(): void } {
  const look = (): void => {
    countOverdue(context).then(
      (jobs) => context.log.info({ event: 'jobs_overdue', jobs }),
      (error: unknown) => context.log.error({ event: 'overdue_not_counted', ...describeError(error) }),
    );
  };
  look();
  const timer = setInterval(look, LOOK_MS);
  return { stop: () => clearInterval(timer) };
}
