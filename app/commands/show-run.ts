import { runCost } from '../core/monthly-cost.ts';
import { inPipelineOrder } from '../core/receipt.ts';
import { formatBound, formatInstant } from '../core/start-date.ts';
import type { JobWithRun } from '../store/job-list.ts';
import { describeState } from './describe-state.ts';
import { padTo, printable, widthOf } from './output/text-width.ts';

/** A run, line by line: its state, its receipt, and what it cost. */
export function showRun({ objectName, run }: JobWithRun, now: Date): string[] {
  const { receipt, finishedAt, actions } = run;
  const lines: [name: string, value: unknown][] = [
    ['run', run.id],
    ['object', objectName],
    ['kind', run.kind],
    ['from', formatBound(run.windowFrom)],
    ['to', formatBound(run.windowTo)],
    ['state', describeState(run.state, run, now)],
    ...(finishedAt ? [['finished', formatInstant(finishedAt)] as [string, string]] : []),
    ...(run.errorCode ? [['error', `${run.errorCode}: ${run.errorMessage}`] as [string, string]] : []),
    ...actions.map(({ action, by, at }): [string, string] => ['action', `${action} by ${by} at ${at}`]),
    ...(receipt ? [...Object.entries(inPipelineOrder(receipt)), ['cost', describeCost(receipt)] as [string, string]] : []),
  ];
  const width = Math.max(...lines.map(([name]) => widthOf(name)));
  return lines.map(([name, value]) => `${padTo(name, width, 'right')}  ${printable(textOf(value))}`.trimEnd());
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** For example "1.2 Salesforce calls, 2 BigQuery jobs, 21.0 MB billed, $0.00012 at list price". */
function describeCost(receipt: Parameters<typeof runCost>[0]): string {
  const cost = runCost(receipt);
  if (!cost) return 'not counted';
  const counts = [...count(cost.calls, 'Salesforce call'), ...count(cost.jobs, 'BigQuery job')];
  const dollars = cost.dollars === 0 ? '$0' : `$${cost.dollars.toFixed(cost.dollars < 0.01 ? 5 : 2)}`;
  return [...counts, `${(cost.bytesBilled / 1e6).toFixed(1)} MB billed`, `${dollars} at list price`].join(', ');
}

function count(number: number | null, noun: string): string[] {
  return number === null ? [] : [`${number} ${noun}${number === 1 ? '' : 's'}`];
}
