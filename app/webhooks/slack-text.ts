import type { Content } from '../core/alert-messages.ts';
import type { AlertData, AlertEvent } from '../core/alerts.ts';
import type { RepairTask } from '../core/runs/repair-task.ts';

const RESOLVED = '.resolved';

const REPAIRS: Record<RepairTask, string> = {
  reimport: 'a reimport',
  compare: 'a comparison',
  treat_deleted: 'the treatment of deleted rows',
  clear: 'the clearing of fields',
  erase: 'the erasure of a record',
};

/** What happened, in a sentence without a period. */
const SENTENCES: Record<AlertEvent, (data: AlertData) => string> = {
  run_failed: (data) => `${what(data)} failed with ${code(data.error_code)}`,
  sweep_refused: ({ rows }) => `a sweep found ${rows} rows missing, more than it may mark by itself. Accept it if that is right`,
  needs_login: ({ org_id, jobs }) => `org ${org_id} needs a login. Jobs that wait for it: ${jobs}`,
  deferred: ({ kind, error_code, deferred_until }) => `a ${kind} waits until ${deferred_until} because of ${code(error_code)}`,
  quota: ({ org_id, jobs, deferred_until }) => `org ${org_id} has no API calls left. Jobs that wait until ${deferred_until}: ${jobs}`,
  fields_disappeared: ({ columns }) => `nothing fills these columns any more: ${(columns as string[]).join(', ')}`,
  field_pending: ({ fields }) => `these new fields wait for approval: ${(fields as string[]).join(', ')}`,
  overdue: ({ jobs }) => `overdue jobs: ${jobs}`,
  test: ({ requested_by }) => `this is a test, requested by ${requested_by}`,
  run_succeeded: (data) => `${what(data)} succeeded: rows ${data.rows}, ${data.verdict}`,
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

/** What ran, with its article. */
function what({ kind, repair }: AlertData): string {
  return typeof repair === 'string' ? REPAIRS[repair as RepairTask] : `a ${kind}`;
}

function code(errorCode: unknown): string {
  return `\`${errorCode}\``;
}

/** Slack's own characters. */
function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
