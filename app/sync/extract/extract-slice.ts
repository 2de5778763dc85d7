import type { TableName } from '../../bigquery/sql/quote.ts';
import { countStagedRows, ensureStagingTable } from '../../bigquery/tables/tables.ts';
import type { MethodChoice } from '../../core/runs/method.ts';
import { acceptedVerdict } from '../../core/runs/receipt.ts';
import { MAX_EXTRACTIONS, reconcileSlice, type Verdict } from '../../core/runs/reconciliation.ts';
import { sum } from '../../core/sum.ts';
import { toFieldRefusal } from '../../salesforce/field-refusal.ts';
import { estimateRecordCount } from '../../salesforce/record-count.ts';
import { acceptedRows } from '../../store/runs/accept-run.ts';
import { type Page, readPages } from '../../store/runs/pages.ts';
import { saveRunTable } from '../../store/runs/run-tables.ts';
import { type Run, saveProgress } from '../../store/runs/runs.ts';
import { type Slice, saveSlice } from '../../store/runs/slices.ts';
import { runLabels, stagingExpiry, stagingTable } from '../names.ts';
import { chooseApi, NO_ROWS } from './choose-api.ts';
import { countOrNull } from './count-or-null.ts';
import {
  type Extraction,
  type FieldsRefused,
  type FieldsRejected,
  requestedFields,
  rowRange,
  type StagedSlice,
  type TooLarge,
  type Unusable,
} from './extraction.ts';
import { extractViaBulk } from './via-bulk.ts';
import { extractViaRest } from './via-rest.ts';

/** The outcome of extracting one generation of a slice, with the run as it is then. */
export type SliceOutcome = { run: Run } & (StagedSlice | TooLarge | FieldsRejected | Unusable);

/**
 * Stages a slice's rows once and reconciles their counts. Resumes the work of an earlier attempt.
 * @param canBeCut whether TooLarge may be returned
 */
export async function extractSlice(extraction: Extraction, planned: Slice, canBeCut: boolean): Promise<SliceOutcome> {
  if (planned.state === 'staged' || planned.method === 'rest') return await resumeSlice(extraction, planned);
  const range = rowRange(extraction, planned);
  const chosen = await orRefused(planned, chooseApi(extraction, planned, range, canBeCut));
  if (chosen.kind !== 'chosen') return { run: extraction.run, ...chosen };
  const { run, slice, firstPage } = chosen;
  const current = { ...extraction, run };
  if (slice.state === 'staged') return { run, ...withoutRows(slice) };
  const parts = canBeCut && !slice.bulkJobId ? await countParts(current, slice) : 1;
  if (parts > 1) return { run, kind: 'too-large', slice, parts };
  const table = await createStagingTable(current, slice);
  const read = await orRefused(
    slice,
    firstPage ? extractViaRest(current, slice, table, firstPage) : extractViaBulk(current, slice, table, range),
  );
  if (read.kind === 'bulk-refused') return { run: withBulkRefused(run, read.code), kind: 'interrupted', reason: 'Bulk refuses the object' };
  if (read.kind === 'bulk-failed' && read.tooLarge && canBeCut) return { run, kind: 'too-large', slice, parts: 2 };
  if (read.kind === 'bulk-failed') return { run, kind: 'unavailable', reason: read.reason };
  if (read.kind !== 'read') return { run, ...read };
  const countAfter = slice.countAfter ?? (await countOrNull(current, range));
  const counted = await saveSlice(extraction.context.database, run, slice.ordinal, {
    processed: read.processed,
    countAfter,
    facts: read.facts ?? null,
  });
  return { run, ...(await reconcile(current, counted, read.pages)) };
}

/** Salesforce stores the results of Bulk jobs, but a REST query cannot be resumed by another worker. */
async function resumeSlice(extraction: Extraction, slice: Slice): Promise<SliceOutcome> {
  const { context, run } = extraction;
  if (slice.state !== 'staged') return { run, kind: 'interrupted', reason: 'a REST extraction was interrupted' };
  return { run, ...(await reconcile(extraction, slice, await readPages(context.database, run.runId, slice))) };
}

/** The result, or that Salesforce refused the slice's fields. */
async function orRefused<T>(slice: Slice, result: Promise<T>): Promise<T | FieldsRefused> {
  try {
    return await result;
  } catch (error) {
    const refusal = toFieldRefusal(error);
    if (!refusal) throw error;
    return { kind: 'fields-refused', refusal, group: slice.fieldGroup, error };
  }
}

function withBulkRefused(run: Run, code: string): Run {
  return { ...run, job: { ...run.job, bulkRefused: code } };
}

/**
 * How many parts to cut a slice into. If Salesforce did not count in time, it still returns an approximate record count for the whole
 * object. The estimate applies only to an uncut first import or sweep; a part that turns out too large is halved.
 */
async function countParts({ context, client, run }: Extraction, slice: Slice): Promise<number> {
  const { countBefore, cursorFrom, open, idFrom, idTo } = slice;
  const isWhole = run.pass.kind === 'sweep' || run.job.cursorField === null || (cursorFrom <= run.job.startDate && open);
  const isWholeObject = isWhole && idFrom === null && idTo === null;
  const rows = countBefore ?? (isWholeObject ? await estimateRecordCount(client, run.job.objectName) : null) ?? 0;
  return Math.ceil(rows / context.limits.sliceRows);
}

async function createStagingTable(extraction: Extraction, slice: Slice): Promise<TableName> {
  const { context, run } = extraction;
  const table = stagingTable(context, run.runId, slice);
  const names = requestedFields(extraction, slice);
  await saveRunTable(context.database, run, { name: table.table, createdBy: null });
  await ensureStagingTable(context.warehouse, table, names, stagingExpiry(run.createdAt), runLabels(run.runId, run.job));
  return table;
}

/** Counts the rows of the staging table, which may have been deleted in the meantime, and reconciles all counts of the slice. */
async function reconcile(extraction: Extraction, slice: Slice, pages: Page[]): Promise<StagedSlice | Unusable> {
  const { context, run } = extraction;
  const isEmpty = slice.processed === 0 && pages.length === 0;
  const staged = isEmpty ? 0 : await countStagedRows(context.warehouse, stagingTable(context, run.runId, slice));
  if (staged === undefined) return { kind: 'mismatched', reason: 'the staging table is missing' };
  const verdict = reconcileSlice({
    salesforceBefore: slice.countBefore,
    salesforceAfter: slice.countAfter,
    processed: slice.processed ?? 0,
    rowsInPages: sum(pages.map((page) => page.rows)),
    loaded: sum(pages.map((page) => page.loaded)),
    staged,
  });
  if (!verdict.ok && !(await mayPass(extraction, slice, verdict))) return { kind: 'mismatched', ...verdict };
  // A slice staged by an earlier attempt is not progress of this one.
  if (slice.state !== 'staged') await saveProgress(context.database, run);
  const saved = await saveSlice(context.database, run, slice.ordinal, { state: 'staged', staged });
  return { kind: 'staged', slice: saved, pages, verdict: verdict.ok ? verdict.salesforce : acceptedVerdict(verdict.reason) };
}

/** Whether an operator accepted that Salesforce's counts differ from its rows by so many. Only after as many extractions as before. */
async function mayPass({ context, run }: Extraction, slice: Slice, { acceptable }: Verdict & { ok: false }): Promise<boolean> {
  if (acceptable === undefined || slice.generation < MAX_EXTRACTIONS) return false;
  return acceptable <= (await acceptedRows(context.database, run, 'count_mismatch'));
}

/** Marks a slice without rows as staged. @param choice how this is known */
export async function emptySlice({ context, run }: Extraction, slice: Slice, choice: MethodChoice): Promise<StagedSlice> {
  return withoutRows(await saveSlice(context.database, run, slice.ordinal, { ...NO_ROWS, ...choice }));
}

function withoutRows(slice: Slice): StagedSlice {
  return { kind: 'staged', slice, pages: [], verdict: 'exact' };
}
