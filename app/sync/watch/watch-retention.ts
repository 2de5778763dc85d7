import type { Context } from '../../context.ts';
import { deleteOldAudit } from '../../store/audit.ts';
import { deleteOldCalls } from '../../store/connections/org-calls.ts';
import { deleteOldRuns } from '../../store/runs/old-runs.ts';

const CHECK_MS = 60 * 60 * 1000;

/** Batch size: small enough not to block other statements on runs for long. */
const BATCH_SIZE = 200;

/** Deletes, now and every hour, runs that ended more than RUN_RETENTION_DAYS ago, expired call counts, and old rows of the audit. */
export function watchOldRuns(context: Context): { stop(): void } {
  let stopped = false;
  const check = (): void => {
    deleteOldCalls(context.database)
      .then(() => deleteOldAudit(context.database))
      .then(() => deleteOldRunsOf(context, () => stopped))
      .then((runs) => runs > 0 && context.events.oldRunsDeleted(runs), context.events.oldRunsNotDeleted);
  };
  check();
  const timer = setInterval(check, CHECK_MS);
  return {
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}

/** Deletes all expired runs, in batches. @returns how many */
export async function deleteOldRunsOf({ database, config }: Context, stopped = () => false): Promise<number> {
  let deleted = 0;
  for (let batch = BATCH_SIZE; batch === BATCH_SIZE && !stopped(); deleted += batch) {
    batch = await deleteOldRuns(database, config.runRetentionDays, BATCH_SIZE);
  }
  return deleted;
}
