import type { Content } from '../core/alert-messages.ts';
import type { AlertData, AlertEvent } from '../core/alerts.ts';

const RESOLVED = '.resolved';

/** What happened, in a sentence without a period. */
const SENTENCES: Record<AlertEvent, (data: AlertData) => string> = {
  run_failed: ({ kind, error_code }) => `a ${kind} failed with ${code(error_code)}`,
  sweep_refused: ({ rows }) => `a sweep found ${rows} rows missing, more than it may mark by itself. Accept it if that is right`,
  needs_login: ({ org_id, jobs }) => `org ${org_id} needs a login. Jobs that wait for it: ${jobs}`,
  deferred: ({ kind, error_code, deferred_until }) => `a ${kind} waits until ${deferred_until} because of ${code(error_code)}`,
  quota: ({ org_id, jobs, deferred_until }) => `org ${org_id} has no API calls left. Jobs that wait until ${deferred_until}: ${jobs}`,
  fields_disappeared: ({ columns }) => `nothing fills these columns any more: ${(columns as string[]).join(', ')}`,
  field_pending: ({ fields }) => `these new fields wait for approval: ${(fields as string[]).join(', ')}`,
  overdue: ({ jobs }) => `overdue jobs: ${jobs}`,
  test: ({ requested_by }) => `this is a test, requested by ${requested_by}`,
  run_succeeded: ({ kind, rows, verdict }) => `a ${kind} succeeded: rows ${rows}, ${verdict}`,
  tick_completed: ({ succeeded, failed, deferred, waiting, rows }) =>
    `tick completed: ${succeeded} succeeded, ${failed} failed, ${deferred} deferred, ${waiting} waiting for a login, rows ${rows}`,
};

/** A message in Slack's markup, on one line. */
export function toSlackText({ type, data }: Content): string {
  const isOver = type.endsWith(RESOLVED);
  const event = (isOver ? type.slice(0, -RESOLVED.length) : type) as AlertEvent;
  const object = data.object_name ? `*${data.object_name}*: ` : '';
  const run = data.run_id ? ` (run ${data.run_id})` : '';
  const service = data.service ? ` – ${data.service}` : '';
  return `${isOver ? ':white_check_mark: Over: ' : ''}${object}${escapeMarkup(SENTENCES[event](data))}${run}${service}`;
}

function code(errorCode: unknown): string {
  return `\`${errorCode}\``;
}

/** Slack's own characters. */
function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
