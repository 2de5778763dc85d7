import type { FoundTable } from '../../bigquery/tables/tables.ts';
import type { Context } from '../../context.ts';
import type { DescribedField, FieldColumn } from '../../core/fields/columns.ts';
import { fieldsInGroup } from '../../core/fields/field-groups.ts';
import type { RowFacts } from '../../core/fields/row-facts.ts';
import type { SalesforceClient } from '../../salesforce/client.ts';
import type { FieldRefusal } from '../../salesforce/field-refusal.ts';
import type { RowRange } from '../../salesforce/soql.ts';
import type { Page } from '../../store/runs/pages.ts';
import type { Run } from '../../store/runs/runs.ts';
import type { Slice } from '../../store/runs/slices.ts';
import type { RunGroup } from '../run-group.ts';

/** The fields and the target table as they were when the run's fields were resolved. */
export interface Seen {
  readonly fields: readonly DescribedField[];
  /** of all fields, also of those that the run does not read */
  readonly columns: readonly FieldColumn[];
  readonly table: FoundTable | undefined;
}

/** The context that all slices of a run share. */
export interface Extraction {
  readonly context: Context;
  readonly client: SalesforceClient;
  readonly run: Run;
  readonly columns: readonly FieldColumn[];
  /** undefined: an earlier attempt resolved the run's fields */
  readonly seen: Seen | undefined;
  readonly signal: AbortSignal;
  /** the runs that were claimed together with this one; undefined: none */
  readonly group?: RunGroup | undefined;
}

/** A slice whose rows are in its staging table, with the verdict on its counts. */
export interface StagedSlice {
  kind: 'staged';
  slice: Slice;
  pages: Page[];
  /** compared with Salesforce's count */
  verdict: string;
}

/** A slice to cut into `parts` parts. */
export interface TooLarge {
  kind: 'too-large';
  slice: Slice;
  parts: number;
}

/** Rows that must be requested from Salesforce again, with the reason as a phrase. */
export type Unusable =
  /** their counts do not match; `acceptable`: they differ by so many, and an operator may accept that */
  | { kind: 'mismatched'; reason: string; acceptable?: number | undefined }
  /** an earlier extraction of them cannot be resumed */
  | { kind: 'interrupted'; reason: string }
  /** Salesforce cannot process them at the moment: request them when the run is retried */
  | { kind: 'unavailable'; reason: string };

/** The fields described for this run differ from the last known ones. */
export interface FieldsChanged {
  kind: 'fields-changed';
  fields: DescribedField[];
}

/** Salesforce refused a query because of the fields it selects. */
export interface FieldsRefused {
  kind: 'fields-refused';
  refusal: FieldRefusal;
  /** the field group of the query */
  group: number;
  error: unknown;
}

/** Why the fields of a run must be resolved again before its rows can be read. */
export type FieldsRejected = FieldsChanged | FieldsRefused;

/** All rows of a slice, loaded into its staging table. */
export interface ReadRows {
  kind: 'read';
  /** rows, according to Salesforce */
  processed: number;
  pages: Page[];
  /** undefined: BigQuery must count the rows */
  facts?: RowFacts | undefined;
}

/** The fields that a slice's query selects, in the order of its staging table. */
export function requestedFields({ columns, run }: Extraction, { fieldGroup }: Pick<Slice, 'fieldGroup'>): string[] {
  return fieldsInGroup(columns, fieldGroup, run.job.cursorField);
}

/** The rows that a slice's query requests. */
export function rowRange({ run, columns }: Extraction, slice: Slice): RowRange {
  return {
    ...slice,
    objectName: run.job.objectName,
    cursorField: run.pass.kind === 'sweep' ? null : run.job.cursorField,
    createdDate: columns.some((column) => column.field === 'CreatedDate'),
  };
}
