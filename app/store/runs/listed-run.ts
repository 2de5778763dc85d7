import { BASE_GROUP } from '../../core/fields/field-groups.ts';
import type { RunKind } from '../../core/runs/pass.ts';
import type { Receipt } from '../../core/runs/receipt.ts';
import type { RunAction } from '../../core/runs/run-action.ts';
import type { RunProgress } from '../../core/runs/run-progress.ts';
import type { RunState } from '../../core/runs/run-state.ts';
import { columnOf, type RowOf, toRecord } from '../to-record.ts';

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
  /** when it was first claimed; null: not yet */
  startedAt: Date | null;
  /** the release that claimed it last; null: it is not claimed yet, or an earlier release claimed it */
  version: string | null;
  /** the name of the machine or container that claimed it last; null likewise */
  worker: string | null;
  failures: number;
  errorCode: string | null;
  errorMessage: string | null;
  /** rows of the verdict with which it failed, if an operator may accept that; null: nothing to accept */
  acceptableRows: number | null;
  receipt: Receipt | null;
  /** of an open run that was claimed; null for any other */
  progress: RunProgress | null;
  finishedAt: Date | null;
  /** what operators did with it, oldest first */
  actions: RunAction[];
}

/** The progress of a run, of which each list has few. Uses the primary keys of both tables. */
const PROGRESS = `SELECT jsonb_build_object('slices', count(*), 'slicesDone', count(*) FILTER (WHERE state = 'staged'),
    'rows', coalesce(sum(loaded.rows) FILTER (WHERE field_group = ${BASE_GROUP}), 0), 'pages', coalesce(sum(loaded.pages), 0),
    'bytes', coalesce(sum(loaded.bytes), 0), 'requestedAt', min(requested_at))
  FROM slices CROSS JOIN LATERAL (
    SELECT count(*) AS pages, sum(pages.loaded) AS rows, sum(pages.bytes) AS bytes FROM pages
    WHERE pages.run_id = slices.run_id AND pages.slice = slices.ordinal AND pages.generation = slices.generation AND pages.loaded IS NOT NULL
  ) AS loaded WHERE slices.run_id = run.id`;

/** Each property of a run, as an expression. */
const RUN_PROPERTIES: Record<keyof ListedRun, string> = {
  id: 'run.id',
  kind: 'run.kind',
  scope: `CASE WHEN run.scope ? 'ids' THEN jsonb_set(run.scope, '{ids}', to_jsonb(jsonb_array_length(run.scope->'ids'))) ELSE run.scope END`,
  windowFrom: 'run.window_from',
  windowTo: 'run.window_to',
  state: 'run.state',
  runAt: 'run.run_at',
  startedAt: 'run.started_at',
  version: 'run.version',
  worker: 'run.worker',
  failures: 'run.failures',
  errorCode: 'run.error_code',
  errorMessage: 'run.error_message',
  acceptableRows: 'run.acceptable_rows',
  receipt: 'run.receipt',
  progress: `CASE WHEN run.finished_at IS NULL AND run.attempt > 0 THEN (${PROGRESS}) END`,
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
