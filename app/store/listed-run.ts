import type { RunKind } from '../core/pass.ts';
import type { Receipt } from '../core/receipt.ts';
import type { RunAction } from '../core/run-action.ts';
import type { RunState } from '../core/run-state.ts';
import { columnOf, type RowOf, toRecord } from './to-record.ts';

/** A run, for display. */
export interface ListedRun {
  id: string;
  kind: RunKind;
  /** what a repair reads and writes beside its range, with the number of its Ids instead of the list; null for a window */
  scope: Record<string, unknown> | null;
  windowFrom: Date;
  windowTo: Date;
  state: RunState;
  /** the run does not start before */
  runAt: Date;
  failures: number;
  errorCode: string | null;
  errorMessage: string | null;
  /** rows of the verdict with which it failed, if an operator may accept that; null: nothing to accept */
  acceptableRows: number | null;
  receipt: Receipt | null;
  finishedAt: Date | null;
  /** what operators did with it, oldest first */
  actions: RunAction[];
}

/** Each property of a run, as an expression. */
const RUN_PROPERTIES: Record<keyof ListedRun, string> = {
  id: 'run.id',
  kind: 'run.kind',
  scope: `CASE WHEN run.scope ? 'ids' THEN jsonb_set(run.scope, '{ids}', to_jsonb(jsonb_array_length(run.scope->'ids'))) ELSE run.scope END`,
  windowFrom: 'run.window_from',
  windowTo: 'run.window_to',
  state: 'run.state',
  runAt: 'run.run_at',
  failures: 'run.failures',
  errorCode: 'run.error_code',
  errorMessage: 'run.error_message',
  acceptableRows: 'run.acceptable_rows',
  receipt: 'run.receipt',
  finishedAt: 'run.finished_at',
  actions: 'run.actions',
};

/** What the names of RUN_COLUMNS start with. */
export const RUN_PREFIX = 'run_';

/** The columns of a run named `run`. */
export const RUN_COLUMNS = Object.entries(RUN_PROPERTIES)
  .map(([property, expression]) => `${expression} AS ${RUN_PREFIX}${columnOf(property)}`)
  .join(', ');

/** A row with RUN_COLUMNS, which are all null if there is no run. */
export function toListedRun(row: Record<string, unknown>): ListedRun | null {
  if (row.run_id === null) return null;
  const ofRun = Object.entries(row).filter(([column]) => column.startsWith(RUN_PREFIX));
  return toRecord(Object.fromEntries(ofRun.map(([column, value]) => [column.slice(RUN_PREFIX.length), value])) as RowOf<ListedRun>);
}
