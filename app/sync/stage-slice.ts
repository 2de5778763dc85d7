import { ensureStagingTable, stagedRows } from '../bigquery/tables.ts';
import type { Context } from '../context.ts';
import type { Column } from '../core/columns.ts';
import { judgeSlice } from '../core/verdict.ts';
import { AppError } from '../errors.ts';
import { type BulkJob, createQueryJob, waitForQueryJob } from '../salesforce/bulk.ts';
import type { SalesforceClient } from '../salesforce/client.ts';
import { countRows, type RowRange, selectRows } from '../salesforce/soql.ts';
import { type Page, readPages } from '../store/pages.ts';
import type { Run } from '../store/runs.ts';
import { beginGeneration, type Slice, saveSlice } from '../store/slices.ts';
import { runLabels, stagingExpiry, stagingTable } from './names.ts';
import { stagePages } from './stage-page.ts';

/** How often a slice is asked anew of Salesforce before its run fails. */
const MOST_GENERATIONS = 3;

/** A slice whose rows stand in its staging table, and how they were counted. */
export interface StagedSlice {
  slice: Slice;
  pages: Page[];
  /** against Salesforce's own count */
  verdict: string;
}

/** What all slices of a run share. */
export interface Extraction {
  context: Context;
  client: SalesforceClient;
  run: Run;
  columns: readonly Column[];
  signal: AbortSignal;
}

/**
 * Brings a slice's rows into its staging table and judges the counts; anew where they do not agree.
 * What an earlier attempt has done is taken up, not done again.
 * @throws AppError count_mismatch when they never agree
 */
export async function stageSlice(extraction: Extraction, planned: Slice): Promise<StagedSlice> {
  for (let slice = planned; ; ) {
    const staged = await stageGeneration(extraction, slice);
    if ('slice' in staged) return staged;
    if (slice.generation >= MOST_GENERATIONS) {
      throw new AppError('count_mismatch', `The counts do not agree after ${MOST_GENERATIONS} readings: ${staged.reason}.`);
    }
    extraction.context.log.warn({ event: 'slice_repeated', run: extraction.run.runId, slice: slice.ordinal, reason: staged.reason });
    slice = await beginGeneration(extraction.context.database, extraction.run, slice);
  }
}

/** @returns the reason where this generation did not prove itself */
async function stageGeneration(extraction: Extraction, planned: Slice): Promise<StagedSlice | { reason: string }> {
  const { context, run } = extraction;
  const { database } = context;
  if (planned.state === 'staged') return await prove(extraction, planned, await readPages(database, run.runId, planned));
  const range = rowRange(extraction, planned);

  const countBefore = planned.countBefore ?? (await tryCount(extraction, range));
  if (countBefore === 0 && !planned.bulkJobId) return await emptySlice(extraction, planned);
  let slice = await saveSlice(database, run, planned.ordinal, { state: 'extracting', countBefore });

  const bulkJobId = slice.bulkJobId ?? (await askSalesforce(extraction, range));
  slice = await saveSlice(database, run, slice.ordinal, { bulkJobId });
  const bulkJob = await waitForBulkJob(extraction, bulkJobId);
  if (bulkJob.state !== 'JobComplete') return { reason: `the Bulk job ${bulkJobId} ended as ${bulkJob.state}` };

  const table = stagingTable(context, run.runId, slice);
  await ensureStagingTable(context.warehouse, table, names(extraction), stagingExpiry(run.createdAt), runLabels(run.runId, run.job));
  const pages = await stagePages(extraction, slice, table);
  slice = await saveSlice(database, run, slice.ordinal, {
    processed: bulkJob.processed,
    countAfter: slice.countAfter ?? (await tryCount(extraction, range)),
  });
  return await prove(extraction, slice, pages);
}

/** Counts what stands in the staging table, which may have gone since it was filled, and judges all counts of the slice. */
async function prove({ context, run }: Extraction, slice: Slice, pages: Page[]): Promise<StagedSlice | { reason: string }> {
  const staged =
    slice.processed === 0 && pages.length === 0 ? 0 : await stagedRows(context.warehouse, stagingTable(context, run.runId, slice));
  if (staged === undefined) return { reason: 'the staging table is gone' };
  const verdict = judgeSlice({
    salesforceBefore: slice.countBefore,
    salesforceAfter: slice.countAfter,
    processed: slice.processed ?? 0,
    paged: sum(pages.map((page) => page.rows)),
    loaded: sum(pages.map((page) => page.loaded)),
    staged,
  });
  if (!verdict.ok) return { reason: verdict.reason };
  return { slice: await saveSlice(context.database, run, slice.ordinal, { state: 'staged', staged }), pages, verdict: verdict.salesforce };
}

/** Nothing to extract: Salesforce itself counted none. */
async function emptySlice({ context, run }: Extraction, slice: Slice): Promise<StagedSlice> {
  const none = { state: 'staged', countBefore: 0, countAfter: 0, processed: 0, staged: 0 } as const;
  return { slice: await saveSlice(context.database, run, slice.ordinal, none), pages: [], verdict: 'exact' };
}

async function askSalesforce({ client, run, columns }: Extraction, range: RowRange): Promise<string> {
  return await createQueryJob(
    client,
    selectRows(
      range,
      columns.map((column) => column.name),
    ),
    run.job.objectName,
  );
}

/** A job that vanished (deleted by an admin, or older than a week) is as good as failed: its rows are asked for anew. */
async function waitForBulkJob({ client, signal }: Extraction, id: string): Promise<BulkJob> {
  try {
    return await waitForQueryJob(client, id, signal);
  } catch (error) {
    if (error instanceof AppError && error.details.salesforce_code === 'NOT_FOUND') return { id, state: 'NotFound', processed: 0 };
    throw error;
  }
}

/** Salesforce's own count, or null where it refuses to count (a time-out on a large object): then nothing is claimed of it. */
async function tryCount({ context, client, run }: Extraction, range: RowRange): Promise<number | null> {
  try {
    return await countRows(client, range);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'salesforce_refused') throw error;
    context.log.warn({ event: 'not_counted', run: run.runId, object: range.objectName, ...error.details });
    return null;
  }
}

function rowRange({ run, columns }: Extraction, slice: Slice): RowRange {
  return {
    objectName: run.job.objectName,
    cursorField: run.job.cursorField,
    from: slice.cursorFrom,
    to: slice.cursorTo,
    open: slice.open,
    createdDate: columns.some((column) => column.name === 'CreatedDate'),
  };
}

function names({ columns }: Extraction): string[] {
  return columns.map((column) => column.name);
}

function sum(numbers: (number | null)[]): number {
  return numbers.reduce<number>((total, number) => total + (number ?? 0), 0);
}
