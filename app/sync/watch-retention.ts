import type { Context } from '../context.ts';
import { describeError } from '../log.ts';
import { deleteOldRuns } from '../store/old-runs.ts';
import { deleteOldCalls } from '../store/org-calls.ts';

const LOOK_MS = 60 * 60 * 1000;

/** So many at a time: none of the statements that work on runs waits long for it. */
const AT_ONCE = 200;

/** Deletes, now and each hour, the runs that ended before RUN_RETENTION_DAYS, and counts of calls that no longer count. */
export function watchOldRuns(context: Context): { stop(): void } {
  let stopped = false;
  const look = (): void => {
    deleteOldCalls(context.database)
      .then(() => deleteOldRunsOf(context, () => stopped))
      .then(
        (runs) => runs > 0 && context.log.info({ event: 'old_runs_deleted', runs }),
        (error: unknown) => context.log.error({ event: 'old_runs_not_deleted', ...describeError(error) }),
      );
  };
  look();
  const timer = setInterval(look, LOOK_MS);
  return {
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}

/** Deletes all of them, in batches. @returns how many */
export async function deleteOldRunsOf({ database, config }: Context, stopped = () => false): Promise<number> {
  let deleted = 0;
  for (let batch = AT_ONCE; batch === AT_ONCE && !stopped(); deleted += batch) {
    batch = await deleteOldRuns(database, config.runRetentionDays, AT_ONCE);
  }
  return deleted;
}
