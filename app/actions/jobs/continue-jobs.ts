import type { Context } from '../../context.ts';
import type { Granted } from '../../store/connections/connections.ts';
import { announceRuns } from '../../store/runs/queue-runs.ts';
import { tick } from '../tick.ts';

/**
 * Lets the jobs of a connection that needed a login continue at once: their waiting runs, and the windows that ticks could not request
 * meanwhile. The login has succeeded even if this fails: the next tick then does the same.
 */
export async function continueJobs(context: Context, { id, statusBefore }: Granted): Promise<void> {
  if (statusBefore === null || statusBefore === 'active') return;
  try {
    await tick(context, 'login', { connectionId: id });
    await announceRuns(context.database);
  } catch (error) {
    context.events.tickFailed(error);
  }
}
