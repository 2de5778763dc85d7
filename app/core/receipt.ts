import type { RetypedField } from './drift.ts';

/** What a run counted at each stage, and what follows from it. Kept with the run; the proof that its window is complete. */
export interface Receipt {
  /** Salesforce's COUNT() before and after; null where one could not be had */
  salesforce_before: number | null;
  salesforce_after: number | null;
  /** rows: processed by Bulk, told by the pages, put out by the load jobs, standing in the staging tables */
  processed: number;
  rows_in_pages: number;
  loaded: number;
  staged: number;
  /** different Ids among them, and rows of the delta table: one an Id */
  distinct_ids: number;
  delta_rows: number;
  /** in how many groups the fields were read; the counts above are of the base group */
  field_groups: number;
  /** rows that changed between the queries of their field groups: they are left to the window in which they changed */
  torn: number;
  /** rows of the target table that MERGE made, changed and removed; what had been read later before stays */
  inserted: number;
  updated: number;
  deleted: number;
  /** values whose text their column could not hold, and became NULL or were rounded, by column */
  invalid_values: Record<string, number>;
  /** columns that the run added to the table, and those that nothing fills any more; none where it made the table */
  columns_added: string[];
  columns_orphaned: string[];
  /** fields whose type is not the one that their column has or had, and where their values go */
  fields_retyped: RetypedField[];
  /** fields that were not read, each with the reason: a type that this release does not know, or Salesforce's code of a refusal */
  fields_skipped: string[];
  pages: number;
  bytes: number;
  /** bytes that BigQuery billed for the run's statements, in all its attempts */
  bytes_billed: number;
  /** by which API each slice was read, and why */
  methods: string[];
  /** rows stamped from here on were counted too late to be read, and the next window reads them; null: none */
  reread_from: string | null;
  /** why the view of live rows is not the service's own; null where it is */
  live_view: string | null;
  /** against Salesforce's count: exact, within n, or not counted */
  verdict: string;
}

/** Of the verdicts of a run's slices, the one that claims least. */
export function weakestVerdict(verdicts: readonly string[]): string {
  if (verdicts.includes('not counted')) return 'not counted';
  const widths = verdicts.flatMap((verdict) => (verdict.startsWith('within ') ? [Number(verdict.slice(7))] : []));
  return widths.length > 0 ? `within ${widths.reduce((sum, width) => sum + width, 0)}` : 'exact';
}
