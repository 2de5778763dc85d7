import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../../context.ts';
import { abortable } from '../../core/abortable.ts';
import { raiseAlerts } from './raise-alerts.ts';
import { sendWebhooks } from './send-webhooks.ts';

const CHECK_MS = 5_000;

/** Without a webhook, there is no hurry. */
const SILENT_CHECK_MS = 60_000;

/**
 * Keeps the alerts up to date and sends what changes, without delaying any run: a receiver that is slow delays only further messages.
 * @returns `stop`, which ends a request in progress
 */
export function watchAlerts(context: Context): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const { events, webhook } = context;
  const repeat = async (pauseMs: number, work: () => Promise<void>): Promise<void> => {
    while (!signal.aborted) {
      await work().catch((error: unknown) => {
        if (!signal.aborted) events.alertsNotChecked(error);
      });
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
    }
  };
  /** A copy of a job store in use must not report what the original reports. */
  const agrees = async (): Promise<boolean> => (await abortable(signal, context.agreement.current())).kind === 'agrees';
  const working = [
    repeat(webhook ? CHECK_MS : SILENT_CHECK_MS, async () => {
      if (await agrees()) await raiseAlerts(context);
    }),
    ...(webhook
      ? [
          repeat(CHECK_MS, async () => {
            if (await agrees()) await sendWebhooks(context, webhook, signal);
          }),
        ]
      : []),
  ];
  return {
    async stop() {
      stopping.abort();
      await Promise.all(working);
    },
  };
}
