import type { Context } from '../../context.ts';
import { abortable } from '../../core/abortable.ts';
import { dropTables } from '../drop-tables.ts';
import { deleteBulkJobs } from './delete-bulk-jobs.ts';

const CHECK_MS = 60_000;

/**
 * Drops the tables of runs that have ended, and deletes the Bulk jobs that no run needs: at once, every minute, and when `check` is called.
 * Runs do not wait for it.
 * @returns `stop`, which resolves when nothing is being dropped or deleted any more
 */
export function watchEndedRuns(context: Context): { check(): void; stop(): Promise<void> } {
  const stopping = new AbortController();
  let working: Promise<void> = Promise.resolve();
  let isDue = false;
  const cleanUp = async (): Promise<void> => {
    isDue = false;
    try {
      // What belongs to a run that ended only in a copied job store is still in use.
      const state = await abortable(stopping.signal, context.agreement.current());
      if (state.kind !== 'agrees') return;
      await dropTables(context, stopping.signal);
    } catch (error) {
      if (!stopping.signal.aborted) context.events.tablesNotDropped(error);
      return;
    }
    await deleteBulkJobs(context, stopping.signal).catch((error: unknown) => {
      if (!stopping.signal.aborted) context.events.bulkJobsNotDeleted(error);
    });
  };
  const check = (): void => {
    // The check that is due sees every run that has ended by now.
    if (isDue) return;
    isDue = true;
    working = working.then(cleanUp);
  };
  check();
  const timer = setInterval(check, CHECK_MS);
  return {
    check,
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await working;
    },
  };
}
