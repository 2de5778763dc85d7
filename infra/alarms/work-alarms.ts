import type { Settings } from '../config.ts';
import { type Alarm, above, below, HOURS, MINUTES } from './alarm.ts';
import { JOBS_OVERDUE, METADATA_TABLE_NOT_OURS, OUTBOX_NOT_LOADED, STORE_HALTED, TICK_ACCEPTED, WEBHOOK_GIVEN_UP } from './log-filters.ts';

/** How many ticks the schedule's alarm covers. At least half of them must have been accepted. */
const TICKS_WATCHED = 6;

/** CloudWatch's maximum. All evaluation periods together may span seven days if each is an hour or longer, otherwise one day. */
const MAX_PERIOD_SECONDS = 24 * HOURS;

/** Alarms on what the service reports of its work, in its log. */
export function workAlarms(settings: Settings): Alarm[] {
  return [
    // The most important one. It also fires when the service logs nothing.
    {
      part: 'jobs-overdue',
      description: 'Jobs are overdue, or the service does not report whether they are',
      log: { pattern: JOBS_OVERDUE, value: '$.jobs' },
      when: { ...above(0, 'Maximum', 5 * MINUTES, 3), treatMissingData: 'breaching' },
    },
    // The service logs it every minute until an operator decides.
    {
      part: 'store-halted',
      description: 'The job store was restored or copied, and nothing is imported',
      log: { pattern: STORE_HALTED, value: '1' },
      when: above(0, 'Sum', 5 * MINUTES, 1),
    },
    // These two are logged every five minutes or more often, and clear once that ends. A load that fails once usually succeeds the next time.
    {
      part: 'outbox-not-loaded',
      description: "The service's own tables are an hour behind: it cannot write to them",
      log: { pattern: OUTBOX_NOT_LOADED, value: '1' },
      when: above(0, 'Sum', 15 * MINUTES, 4),
    },
    {
      part: 'metadata-table-not-ours',
      description: 'A table or view that the service did not create has the name of one of its own tables',
      log: { pattern: METADATA_TABLE_NOT_OURS, value: '1' },
      when: above(0, 'Sum', 15 * MINUTES, 1),
    },
    ...(settings.schedule.enabled ? [tickAlarm(settings.schedule.everyMinutes)] : []),
    ...(settings.secrets.alertWebhookUrl ? [webhookAlarm] : []),
  ];
}

/** Its own alerts reach no one. */
const webhookAlarm: Alarm = {
  part: 'webhook-given-up',
  description: 'The receiver of alerts did not accept a message for a day, or wants no more',
  log: { pattern: WEBHOOK_GIVEN_UP, value: '1' },
  when: above(0, 'Sum', 5 * MINUTES, 1),
};

function tickAlarm(everyMinutes: number): Alarm {
  const period = Math.min(everyMinutes * TICKS_WATCHED * MINUTES, MAX_PERIOD_SECONDS);
  const ticks = Math.floor(period / MINUTES / everyMinutes);
  // A day that expects one tick may get none, and the next day two: EventBridge is not accurate to the second.
  const threshold = below(Math.max(1, ticks / 2), 'Sum', period, ticks < 2 ? 2 : 1);
  return {
    part: 'ticks',
    description: 'The schedule is on, and the service accepts fewer than half of its ticks',
    log: { pattern: TICK_ACCEPTED, value: '1' },
    when: { ...threshold, treatMissingData: 'breaching' },
  };
}
