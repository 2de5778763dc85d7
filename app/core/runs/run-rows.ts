import { type Drift, NO_DRIFT, type RetypedField } from '../fields/drift.ts';
import type { RowOfColumns, RUN_COLUMNS, SCHEMA_CHANGE_COLUMNS } from '../fields/metadata-tables.ts';
import { sum } from '../sum.ts';
import type { Receipt } from './receipt.ts';
import type { RunAction } from './run-action.ts';

/** What the job store knows about a run that has ended. */
export interface EndedRun {
  readonly runId: string;
  readonly jobId: string;
  readonly objectName: string;
  readonly targetTable: string;
  readonly kind: string;
  readonly windowFrom: Date | null;
  readonly windowTo: Date | null;
  readonly state: string;
  readonly errorCode: string | null;
  readonly attempt: number;
  readonly createdAt: Date;
  /** null: no worker claimed it */
  readonly startedAt: Date | null;
  readonly finishedAt: Date;
  /** null unless it succeeded; a receipt of another release may lack fields */
  readonly receipt: Partial<Receipt> | null;
  readonly actions: readonly RunAction[];
  readonly bytesBilled: number;
  /** null: it ended before it applied its schema to the target table */
  readonly drift: Drift | null;
  /** of the job's previous run that applied its schema; null: none */
  readonly previousDrift: Drift | null;
}

/** What schema changes are found by. */
export type RunWithDrift = Pick<EndedRun, 'runId' | 'jobId' | 'objectName' | 'targetTable' | 'finishedAt' | 'drift' | 'previousDrift'>;

/** The row of `_runs`. */
export function toRunRow(run: EndedRun): RowOfColumns<typeof RUN_COLUMNS> {
  const { receipt } = run;
  const count = (field: Counts): number | null => receipt?.[field] ?? null;
  const invalid = receipt?.invalid_values && Object.entries(receipt.invalid_values);
  return {
    run: run.runId,
    job: run.jobId,
    object: run.objectName,
    table_name: run.targetTable,
    kind: run.kind,
    window_from: instant(run.windowFrom),
    window_to: instant(run.windowTo),
    state: run.state,
    verdict: receipt?.verdict ?? null,
    error_code: run.errorCode,
    attempts: run.attempt,
    actions: run.actions.length > 0 ? run.actions.map(({ action, by, at }) => `${action} by ${by} at ${at}`).join(', ') : null,
    queued_at: instant(run.createdAt),
    started_at: instant(run.startedAt),
    finished_at: instant(run.finishedAt),
    duration_seconds: run.startedAt && (run.finishedAt.getTime() - run.startedAt.getTime()) / 1000,
    salesforce_before: count('salesforce_before'),
    salesforce_after: count('salesforce_after'),
    processed: count('processed'),
    rows_in_pages: count('rows_in_pages'),
    loaded: count('loaded'),
    staged: count('staged'),
    distinct_ids: count('distinct_ids'),
    delta_rows: count('delta_rows'),
    inserted: count('inserted'),
    updated: count('updated'),
    deleted: count('deleted'),
    torn: count('torn'),
    reread_from: receipt?.reread_from ?? null,
    invalid_values: invalid ? sum(invalid.map(([, values]) => values)) : null,
    invalid_columns: invalid && invalid.length > 0 ? invalid.map(([column, values]) => `${column} ${values}`).join(', ') : null,
    api: receipt?.methods ? apisOf(receipt.methods) : null,
    slices: receipt?.methods?.length ?? null,
    pages: count('pages'),
    bytes: count('bytes'),
    bytes_billed: run.bytesBilled,
  };
}

/** The fields of a receipt that are numbers, or null. */
type Counts = { [Field in keyof Receipt]-?: Receipt[Field] extends number | null ? Field : never }[keyof Receipt];

/** A receipt's method is an API and the reason why it was chosen. */
function apisOf(methods: readonly string[]): string | null {
  const apis = new Set(methods.map((method) => method.split(':')[0]!));
  return apis.size > 0 ? [...apis].sort().join(', ') : null;
}

type SchemaChange = RowOfColumns<typeof SCHEMA_CHANGE_COLUMNS>;

/**
 * The rows of `_schema_changes`: what differs from the job's previous run, because a run's drift lists an orphaned column or a skipped
 * field for as long as it is one.
 */
export function schemaChangesOf(run: RunWithDrift): SchemaChange[] {
  if (!run.drift) return [];
  const { drift, previousDrift: previous } = run;
  const { orphaned, retyped, skipped, pending = [] } = previous ?? NO_DRIFT;
  const known = new Set(retyped.map(retypedKey));
  return [
    ...drift.added.map((column) => changeOf(run, { change: 'column_added', column_name: column })),
    ...drift.orphaned
      .filter((column) => !orphaned.includes(column))
      .map((column) => changeOf(run, { change: 'column_orphaned', column_name: column })),
    ...drift.retyped
      .filter((field) => !known.has(retypedKey(field)))
      .map(({ field, type, column, column_type, how }) =>
        changeOf(run, { change: 'field_retyped', field, column_name: column, field_type: type, column_type, detail: how }),
      ),
    ...drift.skipped
      .filter((text) => !skipped.includes(text))
      .map((text) => changeOf(run, { change: 'field_skipped', ...readSkipped(text) })),
    ...(drift.pending ?? []).filter((field) => !pending.includes(field)).map((field) => changeOf(run, { change: 'field_pending', field })),
  ];
}

function changeOf(run: RunWithDrift, change: Partial<SchemaChange>): SchemaChange {
  return {
    changed_at: instant(run.finishedAt),
    run: run.runId,
    job: run.jobId,
    object: run.objectName,
    table_name: run.targetTable,
    change: null,
    field: null,
    column_name: null,
    field_type: null,
    column_type: null,
    detail: null,
    ...change,
  };
}

/** Whether a column is widened or keeps its values is news only once: the next run finds the column as it is then. */
function retypedKey({ field, type, column }: RetypedField): string {
  return `${field} ${type} ${column}`;
}

/** A skipped field is described as `Name (reason)`. */
function readSkipped(text: string): { field: string; detail: string | null } {
  const [, field = text, detail = null] = /^(\S+) \((.*)\)$/.exec(text) ?? [];
  return { field, detail };
}

function instant(date: Date | null): string | null {
  return date?.toISOString() ?? null;
}
