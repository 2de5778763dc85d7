import type { Context } from '../context.ts';
import { abortable } from '../core/abortable.ts';
import { dropTables } from './drop-tables.ts';

const CHECK_MS = 60_000;

/**
 * Drops the tables of runs that have ended: at once, every minute, and when `check` is called. Runs do not wait for it.
 * @returns `stop`, which resolves when nothing is being dropped any more
 */
export function watchEndedRuns(context: Context): { check(): void; stop(): Promise<void> } {
  const stopping = new AbortController();
  let working: Promise<void> = Promise.resolve();
  let isDue = false;
  const drop = async (): Promise<void> => {
    isDue = false;
    try {
      // The tables of a run that ended only in a copied job store are still in use.
      const state = await abortable(stopping.signal, context.agreement.current());
      if (state.kind === 'agrees') await dropTables(context, stopping.signal);
    } catch (error) {
      if (!stopping.signal.aborted) context.events.tablesNotDropped(error);
    }
  };
  const check = (): void => {
    // The check that is due sees every run that has ended by now.
    if (isDue) return;
    isDue = true;
    working = working.then(drop);
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
