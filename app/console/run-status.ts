import type { Receipt } from '../core/runs/receipt.ts';
import type { JobWithRun } from '../store/jobs/job-list.ts';
import { count, formatBound, formatWindow, withoutCalls } from './format.ts';
import { type Status, verdictStatus } from './job-status.ts';
import type { JobTab } from './parts/job-tabs.ts';

type Run = JobWithRun['run'];

/** The state of a run. @param now in real time */
export function runStatus({ state, receipt, runAt, errorMessage }: Run, now: Date): Status {
  const cause = errorMessage === null ? undefined : withoutCalls(errorMessage);
  switch (state) {
    case 'running':
      return { meaning: 'live', label: 'running' };
    case 'queued':
      if (runAt <= now) return { meaning: 'live', label: 'queued', why: 'It waits for a worker.' };
      return {
        meaning: 'warn',
        label: 'deferred',
        why: `${cause ?? 'Salesforce may still commit changes of its window.'} Next try: ${formatBound(runAt)} UTC.`,
      };
    case 'succeeded':
      return receipt ? verdictStatus(receipt.verdict) : { meaning: 'good', label: 'succeeded' };
    case 'failed':
      return { meaning: 'bad', label: 'failed', ...(cause && { why: cause }) };
    case 'cancelled':
      return { meaning: 'neutral', label: 'cancelled', ...(cause && { why: cause }) };
  }
}

/** What a run is about, for example "Window 25 → 26 Nov 2026". */
export function runTitle({ kind, scope, windowFrom, windowTo }: Run): string {
  const range = formatWindow(windowFrom, windowTo);
  if (kind !== 'reimport') return `${kind[0]!.toUpperCase()}${kind.slice(1)} ${range}`;
  if (scope?.erase) return 'Erasure of a record';
  if (scope?.clear) return 'Erasure of field values';
  if (scope?.treatDeleted) return 'Treatment of deleted rows';
  const what = scope?.compare ? 'Comparison' : 'Reimport';
  return typeof scope?.ids === 'number' ? `${what} of ${count(scope.ids, 'Id')}` : `${what} ${range}`;
}

/** What a receipt reports beside its counts. */
export interface Remark {
  kind: 'warn' | 'note';
  /** a sentence */
  text: string;
  /** which of the job's pages shows more */
  tab?: JobTab;
}

/** What a receipt reports beside its counts. */
export function remarks(receipt: Partial<Receipt>): Remark[] {
  const {
    invalid_values = {},
    columns_added = [],
    columns_orphaned = [],
    fields_pending = [],
    fields_skipped = [],
    missing,
    different,
    absent,
  } = receipt;
  const invalid = Object.entries(invalid_values);
  const list = (names: readonly string[]): string =>
    names.length > 6 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');
  return [
    ...invalid.map(([column, values]) => ({
      kind: 'warn' as const,
      text: `${count(values, 'value')} of ${column} did not fit the column; the text is kept in _invalid_values.`,
      tab: 'invalid-values' as const,
    })),
    ...(fields_pending.length > 0 ? [{ kind: 'warn' as const, text: `New fields await review: ${list(fields_pending)}.` }] : []),
    ...(columns_orphaned.length > 0
      ? [{ kind: 'warn' as const, text: `Nothing fills these columns any more: ${list(columns_orphaned)}.` }]
      : []),
    ...(columns_added.length > 0 ? [{ kind: 'note' as const, text: `New columns: ${list(columns_added)}.` }] : []),
    ...(fields_skipped.length > 0 ? [{ kind: 'note' as const, text: `Not read: ${list(fields_skipped)}.` }] : []),
    ...(different ? [{ kind: 'note' as const, text: `${count(different, 'row')} differed.` }] : []),
    ...(absent ? [{ kind: 'note' as const, text: `${count(absent, 'row was', 'rows were')} absent from the table.` }] : []),
    ...(missing
      ? [{ kind: 'note' as const, text: `${count(missing, 'row was', 'rows were')} missing in Salesforce and marked as deleted.` }]
      : []),
    ...(receipt.accepted_by
      ? [{ kind: 'warn' as const, text: `Accepted by ${receipt.accepted_by}: ${receipt.verdict?.replace('accepted: ', '')}.` }]
      : []),
    ...(receipt.reread_from ? [{ kind: 'note' as const, text: 'Some rows were committed late: the next window reads them again.' }] : []),
  ];
}
