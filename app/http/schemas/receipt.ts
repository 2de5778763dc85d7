import * as z from 'zod';
import type { Receipt } from '../../core/runs/receipt.ts';
import { count, instant } from './json.ts';

const text = (description: string) => z.string().meta({ description });
const rows = (description: string) => count.meta({ description });
const names = (description: string) => z.array(z.string()).meta({ description });
const byName = (description: string) => z.record(z.string(), count).meta({ description });

const SHAPE = {
  salesforce_before: z.nullable(count).meta({ description: "Salesforce's count before the extraction; null: it did not count." }),
  salesforce_after: z.nullable(count).meta({ description: "Salesforce's count after the extraction; null: it did not count." }),
  processed: rows('Rows that Bulk processed, or REST announced.'),
  rows_in_pages: rows('Rows that the pages announced.'),
  loaded: rows('Rows that the load jobs wrote.'),
  staged: rows('Rows in the staging tables.'),
  distinct_ids: rows('Distinct Ids among them.'),
  delta_rows: rows('Rows of the delta table, one per Id.'),
  ids_missing: rows('Of a reimport by Ids: how many Salesforce no longer has.'),
  inserted: rows('Rows that the MERGE inserted.'),
  updated: rows('Rows that it updated.'),
  deleted: rows('Rows that it deleted.'),
  versions_added: rows('Of a job with history: rows that were added as versions.'),
  equal: rows('Rows that are as in Salesforce.'),
  different: rows('Rows that differ from Salesforce.'),
  absent: rows('Rows in Salesforce that the table lacks.'),
  not_judged: rows('Rows that changed too recently to compare.'),
  missing: rows('Of a sweep: rows that Salesforce no longer has.'),
  rows_erased: byName('Of a run that erased values: rows by table.'),
  recoverable_until: instant.meta({ description: 'Until when BigQuery may still restore what was erased.' }),
  duplicates: rows('Of a sweep: Ids that had several rows.'),
  different_by_column: byName('Differing rows by column.'),
  different_ids: z.nullable(z.string()).meta({ description: 'The first and last Id that differ; null: none.' }),
  absent_ids: z.nullable(z.string()).meta({ description: 'The first and last Id that the table lacks; null: none.' }),
  columns_not_compared: names('Columns that the table does not have yet.'),
  refreshed: rows('Of a sweep: rows whose calculated or new fields it updated.'),
  backfilled: names('Of a sweep: fields that earlier rows lacked until it.'),
  rows_before: rows('Rows of a table before a run that replaced it.'),
  rows_after: rows('Rows of the table after it.'),
  verdict: text("The counts compared with Salesforce's: exact, within n, not counted, or accepted with the reason."),
  accepted_by: text('The name of the API key that accepted the verdict.'),
  reread_from: z
    .nullable(z.string())
    .meta({ description: 'The next window rereads rows stamped from here on, which were committed late.' }),
  field_groups: count.meta({ description: 'In how many queries the fields were read.' }),
  torn: rows('Rows that changed between these queries; a later window imports them.'),
  invalid_values: byName('Invalid values by column.'),
  columns_added: names('Columns that the run added.'),
  columns_orphaned: names('Columns that nothing fills any more.'),
  fields_retyped: z
    .array(
      z.strictObject({
        field: z.string(),
        type: z.string(),
        column: z.string(),
        column_type: z.string(),
        how: z.enum(['kept', 'widened', 'new_column']),
      }),
    )
    .meta({ description: 'Fields whose type differs from that of their column.' }),
  fields_skipped: names('Fields that were not read, each with the reason.'),
  fields_pending: names('New fields that await approval.'),
  live_view: z.nullable(z.string()).meta({ description: 'Why the view of live rows is not managed by the service; null: it is.' }),
  methods: names('The API that read each slice, and why.'),
  pages: count,
  bytes: count,
  salesforce_calls: z.number().min(0).meta({ description: 'Calls to Salesforce. Windows that are due together share a call.' }),
  bigquery_jobs: count,
  bytes_billed: count,
} satisfies Record<keyof Receipt, z.ZodType>;

/** A receipt. One of another release may lack fields, or have more. */
export const receiptJson = z
  .looseObject(SHAPE)
  .partial()
  .meta({ id: 'Receipt', description: 'What a run counted at each stage, and the verdict.' });
