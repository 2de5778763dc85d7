import type { Context } from '../../context.ts';
import { contentOf, type Message, reportChanges } from '../../core/alert-messages.ts';
import {
  type Alert,
  type AlertData,
  type AlertEvent,
  type Change,
  type Condition,
  changesOfPresent,
  changesOfRun,
  describeRun,
  type EndedRun,
  keyOf,
} from '../../core/alerts.ts';
import { isAccepted } from '../../core/runs/receipt.ts';
import { transaction } from '../../store/database.ts';
import { readAlerts, readOver, readStarting, saveAlerts, takeEndedRuns, tryLockAlerts } from '../../store/outbox/alerts.ts';
import { insertMessages } from '../../store/outbox/webhook-messages.ts';
import { takeCompletedTick } from '../../store/runs/completed-tick.ts';
import { countOverdue } from './watch-overdue.ts';

const RUNS_AT_ONCE = 2_000;

/**
 * Brings the alerts up to date with the runs that have ended and with the present, and stores a message for each change that the webhook
 * subscribes to, in one transaction. An ended run is its own record until then: it is stored by the transaction that ends it, whichever code
 * path or release that is. Does nothing while another process does this. Without a webhook, it only keeps the alerts, so that a webhook
 * that is set later reports those that last.
 */
export async function raiseAlerts(context: Context): Promise<void> {
  const overdue = await countOverdue(context);
  const subscribed = new Set(context.config.webhook?.events);
  for (let taken = RUNS_AT_ONCE; taken === RUNS_AT_ONCE; ) {
    taken = await transaction(context.database, async (client) => {
      if (!(await tryLockAlerts(client))) return 0;
      const before = await readAlerts(client);
      const runs = await takeEndedRuns(client, RUNS_AT_ONCE);
      const now = new Date();
      const open = new Map<string, Alert>(before);
      const changes = runs.flatMap((run) => applyTo(open, changesOfRun(run, open)));
      // With more runs to come, the present is not known yet, nor are all windows of a tick.
      const isCurrent = runs.length < RUNS_AT_ONCE;
      if (isCurrent) {
        const over = await readOver(client);
        if (overdue === 0) over.add(keyOf(overdueAlert(0)));
        const starting = [...(await readStarting(client)), ...(overdue > 0 ? [overdueAlert(overdue)] : [])];
        changes.push(...changesOfPresent(starting, over, open));
      }
      const { alerts, messages } = reportChanges(before, changes, subscribed, now);
      await saveAlerts(client, before, alerts);
      const tick = isCurrent ? await takeCompletedTick(client) : undefined;
      const news = [
        ...runs.filter(({ state }) => state === 'succeeded').map((run) => succeeded(run, now)),
        ...(tick ? [progress('tick_completed', '', tick, now)] : []),
      ];
      const all = [...messages, ...news.filter(({ event }) => subscribed.has(event))];
      await insertMessages(
        client,
        all.map((message) => withService(message, context.config.http.publicUrl)),
      );
      return runs.length;
    });
  }
}

function applyTo(open: Map<string, Alert>, changes: Change[]): Change[] {
  for (const { change, alert } of changes) {
    if (change === 'resolved') open.delete(keyOf(alert));
    else open.set(keyOf(alert), alert);
  }
  return changes;
}

/** One for all jobs: if the schedule stops, every job is overdue at once. */
function overdueAlert(jobs: number): Alert {
  const event: Condition = 'overdue';
  return { event, subject: '', data: { jobs } };
}

function succeeded(run: EndedRun, now: Date): Message {
  const verdict = run.verdict !== null && isAccepted(run.verdict) ? 'accepted' : run.verdict;
  return progress('run_succeeded', run.runId, { ...describeRun(run), rows: run.rowsWritten, verdict }, now);
}

function progress(event: AlertEvent, subject: string, data: AlertData, now: Date): Message {
  return { event, subject, content: contentOf(event, data, now) };
}

/** With the service's public address, because several services may have the same receiver. */
function withService({ content, ...message }: Message, service: string | undefined): Message {
  return service === undefined ? { ...message, content } : { ...message, content: { ...content, data: { service, ...content.data } } };
}
