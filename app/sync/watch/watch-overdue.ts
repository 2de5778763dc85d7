import type { Context } from '../../context.ts';
import { windowEnds } from '../../core/runs/window.ts';
import { countBehind } from '../../store/jobs/jobs.ts';

const CHECK_MS = 60_000;

/** How long a job may take to import a window after it closes. A long first import exceeds this and is reported as overdue. */
const GRACE_MS = 6 * 60 * 60 * 1000;

/** How many active jobs are behind, for any reason: a failure, a missing login, or a schedule that does not tick. */
export async function countOverdue(context: Context): Promise<number> {
  const now = await context.scheduleNow();
  return await countBehind(context.database, windowEnds(new Date(now.getTime() - GRACE_MS)));
}

/** Logs the number of overdue jobs every minute, including zero: the alarm also fires if the log line is missing. */
export function watchOverdue(context: Context): { stop(): void } {
  const check = (): void => {
    countOverdue(context).then(context.events.jobsOverdue, context.events.overdueNotCounted);
  };
  check();
  const timer = setInterval(check, CHECK_MS);
  return { stop: () => clearInterval(timer) };
}
