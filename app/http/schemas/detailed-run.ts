import * as z from 'zod';
import { STAGE_NAMES } from '../../core/runs/receipt-stages.ts';
import { count, instant } from './json.ts';
import { runOfJobExample, runOfJobJson } from './run.ts';

const maybeCount = (description: string) => z.nullable(count).meta({ description });

const stageJson = z
  .strictObject({
    stage: z.enum(STAGE_NAMES),
    rows: maybeCount('Null: not counted, or not yet.'),
    agrees: z
      .nullable(z.boolean())
      .meta({ description: 'Whether the count agrees with that of the stage before; null: there is nothing to compare.' }),
    note: z.nullable(z.string()).meta({ description: 'Why the counts differ, or cannot be compared.' }),
  })
  .meta({ id: 'Stage', description: 'A place where a run counts rows, on their way from Salesforce to the target table.' });

const pageOfSliceJson = z
  .strictObject({
    page: count.meta({ description: 'Its number in the slice.' }),
    state: z.enum(['requested', 'loading', 'loaded']),
    rows: maybeCount('According to its header.'),
    bytes: maybeCount('As received, usually compressed.'),
    loaded: maybeCount('Rows that its load job wrote.'),
    load_job_id: z.nullable(z.string()).meta({ description: "BigQuery's id of its load job; null: not requested yet." }),
  })
  .meta({ id: 'ResultPage', description: 'A result page of a slice, loaded by one load job.' });

const sliceJson = z
  .strictObject({
    slice: count,
    field_group: count,
    from: instant.meta({ description: 'The start of its range of the cursor field, with the overlap.' }),
    to: instant,
    open: z.boolean().meta({ description: 'It also reads rows created before its end and stamped later.' }),
    null_cursor: z.boolean().meta({ description: 'It reads the rows without a stamp.' }),
    id_from: z.nullable(z.string()),
    id_to: z.nullable(z.string()),
    ids: maybeCount('How many Ids it reads; null: all of its range.'),
    state: z.enum(['planned', 'extracting', 'staged']),
    generation: count.meta({ description: 'How often it was requested from Salesforce.' }),
    method: z.nullable(z.enum(['rest', 'bulk'])),
    reason: z.nullable(z.string()).meta({ description: 'Why this API.' }),
    requested_at: z.nullable(instant),
    bulk_job_id: z.nullable(z.string()).meta({ description: "Salesforce's id of its Bulk job." }),
    salesforce_before: maybeCount("Salesforce's count before the extraction."),
    salesforce_after: maybeCount("Salesforce's count after it."),
    processed: maybeCount('Rows that Bulk processed, or REST announced.'),
    staged: maybeCount('Rows in its staging table.'),
    pages: z.array(pageOfSliceJson),
  })
  .meta({ id: 'Slice', description: 'A part of a run that one Salesforce query extracts.' });

/** A run in detail. */
export const detailedRunJson = runOfJobJson
  .extend({
    stages: z.array(stageJson),
    slices: z.array(sliceJson),
    bigquery_statements: z
      .array(z.strictObject({ job_id: z.string(), bytes_billed: maybeCount('Null: it may still run.') }))
      .meta({ description: "BigQuery's jobs other than load jobs." }),
  })
  .meta({ id: 'DetailedRun', description: 'A run, with its counts from stage to stage, its slices and their pages.' });

/** A run that loads the second of its pages. */
export const DETAILED_RUN_EXAMPLE: z.input<typeof detailedRunJson> = {
  ...runOfJobExample({
    state: 'running',
    started_at: '2024-03-11T00:05:01.000Z',
    step: 'extracting',
    progress: { slices_done: 0, slices_total: 1, rows: 120_000, pages: 1, bytes: 9_200_000, rows_per_second: 4_000 },
  }),
  stages: [
    { stage: 'salesforce_before', rows: 200_000, agrees: null, note: null },
    { stage: 'salesforce_after', rows: null, agrees: null, note: null },
    { stage: 'processed', rows: 200_000, agrees: null, note: null },
    { stage: 'rows_in_pages', rows: 200_000, agrees: null, note: null },
    { stage: 'loaded', rows: 120_000, agrees: null, note: null },
    { stage: 'staged', rows: null, agrees: null, note: null },
  ],
  slices: [
    {
      ...{ slice: 0, field_group: 0, from: '2024-03-09T23:50:00.000Z', to: '2024-03-11T00:00:00.000Z', open: true, null_cursor: false },
      ...{ id_from: null, id_to: null, ids: null, state: 'extracting', generation: 1, method: 'bulk', reason: '200000 rows' },
      ...{
        requested_at: '2024-03-11T00:05:02.000Z',
        bulk_job_id: '7501U00000ABCdeQAH',
        salesforce_before: 200_000,
        salesforce_after: null,
      },
      ...{ processed: 200_000, staged: null },
      pages: [
        {
          ...{ page: 0, state: 'loaded', rows: 120_000, bytes: 9_200_000, loaded: 120_000 },
          load_job_id: 'sync_0d3f7c1e5b0a4c579a432f6b1f0e7d11_load_0_0_1_0_1',
        },
        {
          ...{ page: 1, state: 'loading', rows: 80_000, bytes: null, loaded: null },
          load_job_id: 'sync_0d3f7c1e5b0a4c579a432f6b1f0e7d11_load_0_0_1_1_1',
        },
      ],
    },
  ],
  bigquery_statements: [],
};
