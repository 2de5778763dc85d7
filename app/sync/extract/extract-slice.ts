import { countStagedRows, ensureStagingTable } from '../../bigquery/tables.ts';
import type { MethodChoice } from '../../core/method.ts';
import { reconcileSlice } from '../../core/reconciliation.ts';
import { sum } from '../../core/sum.ts';
import { AppError } from '../../errors.ts';
import { toFieldRefusal } from '../../salesforce/field-refusal.ts';
import { estimateRecordCount } from '../../salesforce/record-count.ts';
import type { RowRange } from '../../salesforce/soql.ts';
import { type Page, readPages } from '../../store/pages.ts';
import { saveProgress } from '../../store/runs.ts';
import { type Slice, saveSlice, startGeneration } from '../../store/slices.ts';
import { runLabels, stagingExpiry, stagingTable } from '../names.ts';
import { chooseApi } from './choose-api.ts';
import { countOrNull } from './count-or-null.ts';
import { type Extraction, type Failed, requestedFields, type StagedSlice, type TooLarge } from './extraction.ts';
import type { Unsettled } from './settle-fields.ts';
import { extractViaBulk } from './via-bulk.ts';
import { extractViaRest } from './via-rest.ts';

/** Maximum extractions of a slice whose counts do not match before its run fails. */
export const MAX_READINGS = 3;

/**
 * Stages a slice's rows and judges the counts, and extracts it again if they do not match. Resumes the work of an earlier attempt.
 * @param canBeCut whether TooLarge may be returned
 * @throws AppError count_mismatch if the counts never match
 */
export async function extractSlice(
  extraction: Extraction,
  planned: Slice,
  canBeCut: boolean,
): Promise<StagedSlice | TooLarge | { unsettled: Unsettled }> {
  for (let slice = planned, unproved = 0; ; ) {
    const staged = await stageOrRefuse(extraction, slice, canBeCut);
    if (!('reason' in staged)) return staged;
    if (staged.tooLarge && canBeCut) return { cut: slice, parts: 2 };
    if (!staged.interrupted && !staged.later && ++unproved >= MAX_READINGS) {
      const { objectName } = extraction.run.job;
      throw new AppError('count_mismatch', `Could not reconcile ${objectName} in ${MAX_READINGS} attempts: ${staged.reason}.`);
    }
    extraction.context.events.sliceRepeated(extraction.run, slice, staged.reason);
    slice = await startGeneration(extraction.context.database, extraction.run, slice);
    if (staged.later) throw new AppError('salesforce_unavailable', `Could not read ${extraction.run.job.objectName}: ${staged.reason}.`);
  }
}

type Outcome = StagedSlice | TooLarge | Failed | { unsettled: Unsettled };

async function stageOrRefuse(extraction: Extraction, slice: Slice, canBeCut: boolean): Promise<Outcome> {
  try {
    return await stageGeneration(extraction, slice, canBeCut);
  } catch (error) {
    const refusal = toFieldRefusal(error);
    if (!refusal) throw error;
    return { unsettled: { kind: 'refused', refusal, group: slice.fieldGroup, error } };
  }
}

async function stageGeneration(extraction: Extraction, planned: Slice, canBeCut: boolean): Promise<Outcome> {
  const { context, run } = extraction;
  const { database, limits } = context;
  if (planned.state === 'staged') return await prove(extraction, planned, await readPages(database, run.runId, planned));
  // Salesforce stores the results of Bulk jobs, but a REST query cannot be resumed by another worker.
  if (planned.method === 'rest') return { reason: 'a REST extraction was interrupted', interrupted: true };

  const range = rowRange(extraction, planned);
  const reading = await chooseApi(extraction, planned, range, canBeCut);
  if ('cut' in reading || 'unsettled' in reading) return reading;
  const { slice, firstPage } = reading;
  if (slice.countBefore === 0) return await emptySlice(extraction, slice);
  if (canBeCut && !slice.bulkJobId) {
    const parts = Math.ceil((slice.countBefore ?? (await estimateRows(extraction, slice))) / limits.sliceRows);
    if (parts > 1) return { cut: slice, parts };
  }

  const table = stagingTable(context, run.runId, slice);
  const names = requestedFields(extraction, slice);
  await ensureStagingTable(context.warehouse, table, names, stagingExpiry(run.createdAt), runLabels(run.runId, run.job));
  const read = firstPage
    ? await extractViaRest(extraction, slice, table, firstPage)
    : await extractViaBulk(extraction, slice, table, range);
  if ('reason' in read) return read;
  const countAfter = slice.countAfter ?? (await countOrNull(extraction, range));
  const counted = await saveSlice(database, run, slice.ordinal, { processed: read.processed, countAfter });
  return await prove(extraction, counted, read.pages);
}

/**
 * If Salesforce did not count in time, it still returns an approximate record count for the whole object. The estimate applies only to the
 * uncut first import; a part that turns out too large is halved.
 */
async function estimateRows({ client, run }: Extraction, { cursorFrom, open, idFrom, idTo }: Slice): Promise<number> {
  if (cursorFrom > run.job.startDate || !open || idFrom !== null || idTo !== null) return 0;
  return (await estimateRecordCount(client, run.job.objectName)) ?? 0;
}

/** Counts the rows of the staging table, which may have been deleted in the meantime, and judges all counts of the slice. */
async function prove({ context, run }: Extraction, slice: Slice, pages: Page[]): Promise<StagedSlice | Failed> {
  const isEmpty = slice.processed === 0 && pages.length === 0;
  const staged = isEmpty ? 0 : await countStagedRows(context.warehouse, stagingTable(context, run.runId, slice));
  if (staged === undefined) return { reason: 'the staging table is missing' };
  const verdict = reconcileSlice({
    salesforceBefore: slice.countBefore,
    salesforceAfter: slice.countAfter,
    processed: slice.processed ?? 0,
    rowsInPages: sum(pages.map((page) => page.rows)),
    loaded: sum(pages.map((page) => page.loaded)),
    staged,
  });
  if (!verdict.ok) return { reason: verdict.reason };
  // A slice staged by an earlier attempt is not progress of this one.
  if (slice.state !== 'staged') await saveProgress(context.database, run);
  return { slice: await saveSlice(context.database, run, slice.ordinal, { state: 'staged', staged }), pages, verdict: verdict.salesforce };
}

/** Marks a slice without rows as staged. @param choice how this is known, if no method was chosen yet */
export async function emptySlice({ context, run }: Extraction, slice: Slice, choice?: MethodChoice): Promise<StagedSlice> {
  const none = { state: 'staged', countBefore: 0, countAfter: 0, processed: 0, staged: 0 } as const;
  return { slice: await saveSlice(context.database, run, slice.ordinal, { ...none, ...choice }), pages: [], verdict: 'exact' };
}

/** The rows that a slice's query requests. */
export function rowRange({ run, columns }: Extraction, slice: Slice): RowRange {
  return {
    ...slice,
    objectName: run.job.objectName,
    cursorField: run.job.cursorField,
    createdDate: columns.some((column) => column.field === 'CreatedDate'),
  };
}
