import { formatInstant } from '../../core/jobs/start-date.ts';
import { shownKind } from '../../core/runs/shown-kind.ts';
import { padTo, printable, widthOf } from '../output/text-width.ts';
import type { DetailedRunView } from '../remote/views.ts';
import { describeState } from './describe-state.ts';

/** A run, line by line: its state, how far it is, its receipt, and what it cost. */
export function showRun(run: DetailedRunView): string[] {
  const { error, finished_at, started_at, step, progress, actions, receipt, cost, worker, version } = run;
  const lines: [name: string, text: string][] = [
    ['run', run.id],
    ['object', run.object_name],
    ['kind', shownKind(run.kind, run)],
    ['from', run.from],
    ['to', run.to],
    ['state', describeState(run.state, run)],
    ...optional('started', started_at && formatInstant(new Date(started_at))),
    ...optional('finished', finished_at && formatInstant(new Date(finished_at))),
    ...optional('worker', worker && `${worker}, version ${version}`),
    ...optional('step', step),
    ...optional('progress', progress && describeProgress(progress)),
    ...optional('error', error && `${error.code}: ${error.message}`),
    ...actions.map(({ action, by, at }): [string, string] => ['action', `${action} by ${by} at ${at}`]),
    ...Object.entries(receipt ?? {})
      .map(([name, value]): [string, string] => [name, textOf(value)])
      .filter(([, text]) => text !== ''),
    ...(receipt ? [['cost', cost ? describeCost(cost) : 'not counted'] as [string, string]] : []),
  ];
  const width = Math.max(...lines.map(([name]) => widthOf(name)));
  return lines.map(([name, text]) => `${padTo(name, width, 'right')}  ${printable(text)}`);
}

function optional(name: string, value: string | null): [string, string][] {
  return value === null ? [] : [[name, value]];
}

function describeProgress({ slices_done, slices_total, rows, pages, rows_per_second }: NonNullable<DetailedRunView['progress']>): string {
  const speed = rows_per_second === null ? '' : `, ${rows_per_second.toLocaleString('en')} rows/s`;
  return `${slices_done} of ${count(slices_total, 'slice')}, ${count(rows, 'row')} in ${count(pages, 'page')}${speed}`;
}

/** A value of a receipt as text, for example "Amount: 1,204; CloseDate: 3"; empty: it has nothing to show. */
function textOf(value: unknown, separator = '; '): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return value.toLocaleString('en');
  if (typeof value !== 'object') return String(value);
  const texts = Array.isArray(value)
    ? value.map((item) => textOf(item, ', '))
    : Object.entries(value).map(([name, item]) => `${name}: ${textOf(item, ', ')}`);
  return texts.join(separator);
}

/** For example "1.2 Salesforce calls, 2 BigQuery jobs, 21.0 MB billed, $0.00012 at list price". */
function describeCost({ salesforce_calls, bigquery_jobs, bytes_billed, dollars }: NonNullable<DetailedRunView['cost']>): string {
  const counts = [...maybeCount(salesforce_calls, 'Salesforce call'), ...maybeCount(bigquery_jobs, 'BigQuery job')];
  const price = dollars === 0 ? '$0' : `$${dollars.toFixed(dollars < 0.01 ? 5 : 2)}`;
  return [...counts, `${(bytes_billed / 1e6).toFixed(1)} MB billed`, `${price} at list price`].join(', ');
}

function maybeCount(number: number | null, noun: string): string[] {
  return number === null ? [] : [count(number, noun)];
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}
