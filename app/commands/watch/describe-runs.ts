import { formatInstant } from '../../core/jobs/start-date.ts';
import { shownKind } from '../../core/runs/shown-kind.ts';
import { cutTo, padTo, printable, widthOf } from '../output/text-width.ts';
import type { RunOfJobView } from '../remote/views.ts';

/** The open runs of all jobs. */
export interface OpenRuns {
  running: readonly RunOfJobView[];
  queued: readonly RunOfJobView[];
}

const BAR_WIDTH = 20;
const NAME_WIDTH = 30;

/** The lines of a live table: a bar per running run, as many as fit, and the runs that wait. */
export function describeOpenRuns({ running, queued }: OpenRuns, size: { columns: number; rows: number }): string[] {
  const summary = describeWaiting(queued);
  const room = Math.max(1, size.rows - summary.length - 3);
  const shown = running.slice(0, room);
  const names = shown.map((run) => cutTo(printable(`${run.object_name} ${shownKind(run.kind, run)}`), NAME_WIDTH));
  const width = Math.max(0, ...names.map(widthOf));
  const isWide = size.columns >= width + BAR_WIDTH + 60;
  const lines = shown.map((run, index) => {
    const range = isWide ? `  ${run.from} to ${run.to}` : '';
    return `${padTo(names[index]!, width, 'right')}  ${bar(doneOf(run))}  ${describeProgress(run)}${range}`;
  });
  const more = running.length - shown.length;
  return [...lines, ...(more > 0 ? [`and ${more} more running`] : []), ...summary];
}

/** One line about an open run, for output that is no terminal. */
export function describeOpenRun(run: RunOfJobView): string {
  return `${run.object_name} ${shownKind(run.kind, run)} ${run.from} to ${run.to}: ${describeProgress(run)} (${run.id})`;
}

/** One line about a run that has ended. */
export function describeEnded(run: RunOfJobView): string {
  const { object_name, from, to, state, receipt, error, started_at, finished_at } = run;
  const seconds = started_at && finished_at ? ` in ${Math.round((Date.parse(finished_at) - Date.parse(started_at)) / 1000)} s` : '';
  const result = receipt ? `: ${describeReceipt(receipt)}` : error ? `: ${error.code}: ${error.message}` : '';
  return printable(`${object_name} ${shownKind(run.kind, run)} ${from} to ${to} ${state}${seconds}${result}`);
}

function describeReceipt({ verdict, inserted, updated, deleted }: NonNullable<RunOfJobView['receipt']>): string {
  const counts = Object.entries({ inserted, updated, deleted }).flatMap(([name, rows]) => (rows ? [`${number(rows)} ${name}`] : []));
  return [verdict ?? 'no verdict', ...counts].join(', ');
}

/** The part of a run that is done, from 0 to 1, by the slices that are staged. */
export function doneOf({ step, progress }: Pick<RunOfJobView, 'step' | 'progress'>): number {
  if (!progress || progress.slices_total === 0) return 0;
  return step === 'writing' ? 1 : progress.slices_done / progress.slices_total;
}

function bar(done: number): string {
  const filled = Math.round(done * BAR_WIDTH);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
}

function describeProgress({ step, progress }: RunOfJobView): string {
  if (!progress) return step ?? 'waiting';
  const { slices_done, slices_total, rows, rows_per_second: speed } = progress;
  const slices = slices_total > 1 ? `${number(slices_done)} of ${number(slices_total)} slices, ` : '';
  return `${step ?? 'waiting'}, ${slices}${number(rows)} rows${speed === null ? '' : `, ${number(speed)} rows/s`}`;
}

/** How many runs wait, and until when and why those that are deferred do. */
function describeWaiting(queued: readonly RunOfJobView[]): string[] {
  if (queued.length === 0) return [];
  const deferred = queued.filter(({ deferred_until }) => deferred_until !== null);
  const reasons = [...Map.groupBy(deferred, ({ error }) => error?.code ?? 'late commits')].map(([code, group]) => {
    const next = group.map(({ deferred_until }) => Date.parse(deferred_until!)).sort((one, other) => one - other)[0]!;
    return `${number(group.length)} deferred (${code}), the next until ${formatInstant(new Date(next))}`;
  });
  const due = queued.length - deferred.length;
  return [[...(due > 0 ? [`${number(due)} queued`] : []), ...reasons].join('; ')];
}

function number(count: number): string {
  return count.toLocaleString('en');
}
