import { type Alert, type AlertData, type AlertEvent, type Alerts, type Change, keyOf, type OpenAlert } from './alerts.ts';

/** What a webhook sends. `type` is the event, or `<event>.resolved` when it is over. */
export interface Content {
  readonly type: string;
  readonly timestamp: string;
  readonly data: AlertData;
}

/** A message to send. Those about the same subject of an event are sent in order. */
export interface Message {
  readonly event: AlertEvent;
  readonly subject: string;
  readonly content: Content;
}

export interface Reported {
  readonly alerts: Alerts<OpenAlert>;
  readonly messages: readonly Message[];
}

/**
 * Applies changes to the open alerts, with one message for each that starts and each that is over. An alert that started before its event
 * was subscribed to is reported now, if it still lasts.
 */
export function reportChanges(
  open: Alerts<OpenAlert>,
  changes: readonly Change[],
  subscribed: ReadonlySet<AlertEvent>,
  now: Date,
): Reported {
  const alerts = new Map(open);
  const messages: Message[] = [];
  const report = ({ event, subject }: Alert, ending: string, data: AlertData): void => {
    messages.push({ event, subject, content: contentOf(`${event}${ending}`, data, now) });
  };
  for (const { change, alert, news } of changes) {
    const known = alerts.get(keyOf(alert));
    const isReported = subscribed.has(alert.event);
    if (change === 'resolved') {
      alerts.delete(keyOf(alert));
      if (known?.reported && isReported) report(alert, '.resolved', { ...known.data, opened_at: known.openedAt.toISOString() });
      continue;
    }
    const isNews = change === 'opened' && isReported;
    alerts.set(keyOf(alert), { ...alert, openedAt: known?.openedAt ?? now, reported: known?.reported || isNews });
    if (isNews) report(alert, '', news ?? alert.data);
  }
  for (const [key, alert] of alerts) {
    if (alert.reported || !subscribed.has(alert.event)) continue;
    alerts.set(key, { ...alert, reported: true });
    report(alert, '', alert.data);
  }
  return { alerts, messages };
}

/** A message that only shows whether messages arrive. @param id another for each, so that none waits for an earlier one */
export function testMessage(id: string, data: AlertData, now: Date): Message {
  const event: AlertEvent = 'test';
  return { event, subject: id, content: contentOf(event, data, now) };
}

export function contentOf(type: string, data: AlertData, now: Date): Content {
  return { type, timestamp: now.toISOString(), data };
}
