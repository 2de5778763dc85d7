import { setTimeout as sleep } from 'node:timers/promises';
import type { TickQueue } from '../aws/tick-queue.ts';
import type { Context } from '../context.ts';
import { tick } from './tick.ts';

const RETRY_MS = 5_000;

/**
 * Ticks whenever the schedule has sent a message to its queue: for a service that no schedule can call. Several messages are one tick. A
 * message is deleted once its tick succeeded.
 */
export function pollTickQueue(context: Context, queue: TickQueue, retryMs = RETRY_MS): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const poll = async (): Promise<void> => {
    const handles = await queue.receive(signal);
    if (handles.length === 0) return;
    await tick(context, 'the tick queue');
    await queue.delete(handles);
  };
  const polling = (async () => {
    while (!signal.aborted) {
      await poll().catch(async (error: unknown) => {
        if (signal.aborted) return;
        context.events.tickFailed(error);
        await sleep(retryMs, undefined, { signal }).catch(() => {});
      });
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await polling;
    },
  };
}
