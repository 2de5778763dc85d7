import type { Context } from '../../context.ts';
import { readBacklog } from '../../store/jobs/backlog.ts';

const CHECK_MS = 60_000;

/** Logs the backlog every minute: metrics for the dashboard, and for whatever starts more tasks. */
export function watchBacklog(context: Context): { stop(): void } {
  const { config, database, events } = context;
  const check = async (): Promise<void> => {
    events.backlog(await readBacklog(database, await context.scheduleNow(), config.runsPerConnection));
  };
  const timer = setInterval(() => void check().catch(events.overdueNotCounted), CHECK_MS);
  return { stop: () => clearInterval(timer) };
}
