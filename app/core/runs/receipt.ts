import type { RetypedField } from '../fields/drift.ts';

/** What a run counted at each stage, and the verdict. Stored with the run as proof that its window is complete. */
export interface Receipt extends Partial<Comparison> {
  /** Salesforce's COUNT() before and after the extraction; null if Salesforce did not count */
  salesforce_before: number | null;
  salesforce_after: number | null;
  /** rows: processed by Bulk, announced by the pages, written by the load jobs, counted in the staging tables */
  processed: number;
  rows_in_pages: number;
  loaded: number;
  staged: number;
  /** distinct Ids among them, and rows of the delta table: one per Id */
  distinct_ids: number;
  delta_rows: number;
  /** only of a reimport by Ids: how many of them Salesforce no longer has */
  ids_missing?: number;
  /** rows that the MERGE inserted, updated, and deleted; it never replaces a newer version of a row */
  inserted: number;
  updated: number;
  deleted: number;
  /** of a job with history: the rows that were added as versions; the others had theirs already */
  versions_added?: number;
  /** of a sweep, rows of the table that Salesforce no longer has: marked as deleted, blanked or removed */
  missing?: number;
  /** of a run that erased values: rows by table, where it emptied columns or which it deleted */
  rows_erased?: Record<string, number>;
  /** until when BigQuery may still restore them: by time travel, then by Google's support */
  recoverable_until?: string;
  /** of a sweep, Ids that had several rows; it kept the newest */
  duplicates?: number;
  /** of a sweep: the rows whose calculated fields or fields to backfill it updated */
  refreshed?: number;
  /** of a sweep: the fields that rows of earlier runs lacked until it */
  backfilled?: string[];
  /** rows of the target table before and after a run that replaced it */
  rows_before?: number;
  rows_after?: number;
  /** compared with Salesforce's count: exact, within n, or not counted; or `accepted: …`, what an operator accepted */
  verdict: string;
  /** the name of the API key that accepted the verdict; absent: it did not have to be accepted */
  accepted_by?: string;
  /** the next window rereads rows with a cursor value from here on, which were committed too late for this one; null: none */
  reread_from: string | null;
  /** number of field groups; the counts above are of the base group */
  field_groups: number;
  /** rows that changed between the queries of their field groups; the window in which they changed imports them */
  torn: number;
  /** invalid values by column: text that the column could not store, so it became NULL or was rounded */
  invalid_values: Record<string, number>;
  /** columns that the run added, and columns that nothing fills any more; both empty if the run created the table */
  columns_added: string[];
  columns_orphaned: string[];
  /** fields whose type differs from their column's current or earlier type, and the column that receives their values */
  fields_retyped: RetypedField[];
  /** fields that were not read, each with the reason: an unknown type, or the error code with which Salesforce refused it */
  fields_skipped: string[];
  /** new fields that are not read until they are approved; absent: none */
  fields_pending?: string[];
  /** why the view of live rows is not managed by the service; null if it is */
  live_view: string | null;
  /** the API that read each slice, and why */
  methods: string[];
  pages: number;
  bytes: number;
  /**
   * calls to Salesforce, over all attempts except those whose worker died; a fraction, because windows that are due together share their
   * first call
   */
  salesforce_calls: number;
  /** BigQuery jobs that succeeded, over all attempts: a load job per page, which is free, and the run's statements */
  bigquery_jobs: number;
  /** bytes that BigQuery billed for the run's statements, over all attempts */
  bytes_billed: number;
}

/** How the rows that a run read compare with those of the target table. Rows and columns, never values. */
export interface Comparison {
  /** of a sweep: with equal stamps and deletion states; of a comparison: with equal values */
  equal: number;
  /** a sweep has the different and the absent ones imported again */
  different: number;
  /** in Salesforce, but not in the target table */
  absent: number;
  /** synced after the run requested them, or stamped outside [start_date, last_date) */
  not_judged: number;
  /** differing rows, by column */
  different_by_column: Record<string, number>;
  /** the first and last Id, for example "001… to 001…"; null: none */
  different_ids: string | null;
  absent_ids: string | null;
  /** columns that the target table does not have yet */
  columns_not_compared: string[];
}

/** The order of the pipeline: the counts from Salesforce to the target table and their verdict, then the details. Lists every field. */
const ORDER = Object.keys({
  salesforce_before: true,
  salesforce_after: true,
  processed: true,
  rows_in_pages: true,
  loaded: true,
  staged: true,
  distinct_ids: true,
  delta_rows: true,
  ids_missing: true,
  inserted: true,
  updated: true,
  deleted: true,
  versions_added: true,
  equal: true,
  different: true,
  absent: true,
  not_judged: true,
  missing: true,
  rows_erased: true,
  recoverable_until: true,
  duplicates: true,
  different_by_column: true,
  different_ids: true,
  absent_ids: true,
  columns_not_compared: true,
  refreshed: true,
  backfilled: true,
  rows_before: true,
  rows_after: true,
  verdict: true,
  accepted_by: true,
  reread_from: true,
  field_groups: true,
  torn: true,
  invalid_values: true,
  columns_added: true,
  columns_orphaned: true,
  fields_retyped: true,
  fields_skipped: true,
  fields_pending: true,
  live_view: true,
  methods: true,
  pages: true,
  bytes: true,
  salesforce_calls: true,
  bigquery_jobs: true,
  bytes_billed: true,
} satisfies Record<keyof Receipt, true>) as (keyof Receipt)[];

/**
 * A receipt with its fields in the order of the pipeline: Postgres's jsonb sorts them by length. A field that an older receipt lacks stays
 * missing, and a field that only another release knows comes last.
 */
export function inPipelineOrder(receipt: Partial<Receipt>): Partial<Receipt> {
  const known = ORDER.filter((field) => field in receipt).map((field) => [field, receipt[field]]);
  return { ...Object.fromEntries(known), ...receipt };
}

const ACCEPTED = 'accepted: ';

/** The verdict on counts that an operator accepted. */
export function acceptedVerdict(reason: string): string {
  return `${ACCEPTED}${reason}`;
}

/** Whether an operator had to accept the counts. */
export function isAccepted(verdict: string): boolean {
  return verdict.startsWith(ACCEPTED);
}

/** The weakest of the verdicts of a run's slices. */
export function weakestVerdict(verdicts: readonly string[]): string {
  const accepted = verdicts.filter(isAccepted).map((verdict) => verdict.slice(ACCEPTED.length));
  if (accepted.length > 0) return acceptedVerdict(accepted.join('; '));
  if (verdicts.includes('not counted')) return 'not counted';
  const widths = verdicts.flatMap((verdict) => (verdict.startsWith('within ') ? [Number(verdict.slice(7))] : []));
  return widths.length > 0 ? `within ${widths.reduce((sum, width) => sum + width, 0)}` : 'exact';
}
