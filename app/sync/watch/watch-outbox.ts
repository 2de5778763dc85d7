import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../../context.ts';
import { publishOutbox } from './publish-outbox.ts';

/** Each table has its own, longer interval between load jobs (`outboxMs`). */
const CHECK_MS = 30_000;

/**
 * Keeps the metadata tables current: at once, and then every half minute. No run waits for it.
 * @returns `stop`, which resolves when nothing is being written any more
 */
export function watchOutbox(context: Context): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const publishUntilStopped = async (): Promise<void> => {
    while (!signal.aborted) {
      await publishOutbox(context, signal).catch((error: unknown) => {
        if (!signal.aborted) context.events.outboxNotLoaded(error);
      });
      await sleep(CHECK_MS, undefined, { signal }).catch(() => {});
    }
  };
  const working = publishUntilStopped();
  return {
    async stop() {
      stopping.abort();
      await working;
    },
  };
}
