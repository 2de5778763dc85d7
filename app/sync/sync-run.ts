import { type JobStatistics, query } from '../bigquery/jobs.ts';
import { mergeStatement } from '../bigquery/sql/merge-statement.ts';
import { targetCountStatement } from '../bigquery/sql/table-statements.ts';
import { ensureTargetTable, type FoundTable, findTargetTable, type ReadyTarget } from '../bigquery/tables.ts';
import type { Context } from '../context.ts';
import type { Drift } from '../core/drift.ts';
import { BASE_GROUP } from '../core/field-groups.ts';
import { PARTITION_FIELD } from '../core/partitioning.ts';
import { type Receipt, weakestVerdict } from '../core/receipt.ts';
import { reconcileMerge, reconcileTarget, requireReconciled } from '../core/reconciliation.ts';
import { sum } from '../core/sum.ts';
import { billedByRun } from '../store/billed.ts';
import { succeedRun } from '../store/end-run.ts';
import { type Counted, type Run, saveRun, saveTarget } from '../store/runs.ts';
import { takeTable } from '../store/table-writes.ts';
import { type ExtractedRun, extractRun } from './extract/extract-run.ts';
import type { Extraction } from './extract/extraction.ts';
import { targetIdentity } from './extract/resolve-fields.ts';
import { eraseInvalidValues } from './merge/erase-invalid-values.ts';
import { fenceOtherWrites } from './merge/fence-other-writes.ts';
import { deltaTable, mergeJobId, runLabels, targetTable } from './names.ts';
import { retryJob } from './retry-job.ts';
import { runTableWrite } from './run-table-write.ts';

/**
 * Executes a run: stages and reconciles its slices, builds and counts the typed delta table, and merges it into the target table. Only then
 * does `last_date` advance. Every step first checks what an earlier attempt has done.
 * @returns the run as it ended, and its receipt
 * @throws AppError; neither the target table nor `last_date` is then partly updated
 */
export async function syncRun(context: Context, claimed: Run, signal: AbortSignal): Promise<{ run: Run; receipt: Receipt }> {
  const client = context.salesforce(claimed.job.connectionId, signal);
  const extracted = await extractRun(context, client, claimed, signal);
  const { counted, seen, rereadFrom } = extracted;

  // The table may be replaced during the extraction: reuse the earlier lookup only if there is nothing to merge.
  const identity = targetIdentity(context, extracted.extraction.run);
  const target = !counted && seen ? seen.table : await findTargetTable(context.warehouse, identity);
  await takeTable(context.database, extracted.extraction.run);
  const { extraction, foreignLiveView } = await prepareTarget(extracted.extraction, target);
  const { run } = extraction;
  await fenceOtherWrites(context, run);
  const merged = counted && counted.delta.counts.deltaRows > 0 ? await mergeDelta(extraction, counted) : undefined;
  if (counted && counted.delta.deletedRows > 0) await eraseInvalidValues(extraction, deltaTable(context, run.runId, counted.of));

  const bytesBilled = await billedByRun(context.database, run.runId);
  const receipt = writeReceipt(run.drift, extracted, merged, bytesBilled, foreignLiveView);
  await succeedRun(context.database, run, receipt, rereadFrom);
  return { run, receipt };
}

/** @returns the extraction with the run as it is then, and what prevents the live view, if anything */
async function prepareTarget(
  extraction: Extraction,
  found: FoundTable | undefined,
): Promise<{ extraction: Extraction; foreignLiveView: string | null }> {
  const { context, run, columns } = extraction;
  const { job, drift } = run;
  const target = {
    ...targetIdentity(context, run),
    columns,
    partitionField: job.partitioned ? PARTITION_FIELD : undefined,
    changesColumns: drift.added.length > 0 || drift.retyped.some(({ how }) => how === 'widened'),
    labels: runLabels(run.runId, job),
  };
  const ready = await ensureTargetTable(context.warehouse, target, found);
  warnAboutTarget(context, run, ready);
  const prepared = await saveTargetTable(context, run, ready);
  return { extraction: { ...extraction, run: prepared }, foreignLiveView: ready.foreignLiveView };
}

/** Saves that the target table exists and, once per run, whether its MERGE only inserts. */
async function saveTargetTable({ database }: Context, run: Run, { createdAt, isEmpty }: ReadyTarget): Promise<Run> {
  const isNew = run.job.targetCreatedAt === null;
  const saved = isNew ? await saveTarget(database, run, createdAt) : run;
  if (run.insertOnly !== null) return saved;
  // Only if this run created the table: an older empty table may still receive rows from an abandoned MERGE.
  return await saveRun(database, saved, { insertOnly: isNew && isEmpty });
}

/** Logs what an operator should know about the target table; the run continues. */
function warnAboutTarget({ events }: Context, run: Run, { hadExpiration, foreignLiveView }: ReadyTarget): void {
  if (hadExpiration) events.expirationRemoved(run);
  if (foreignLiveView) events.liveViewNotOurs(run, foreignLiveView);
}

async function mergeDelta(extraction: Extraction, { of, delta }: Counted): Promise<JobStatistics> {
  const { context, run, columns } = extraction;
  // Before a later try, an earlier delta of this run may have been merged: its rows must be updated.
  const isIntoEmpty = (tryNumber: number): boolean => run.insertOnly === true && tryNumber === 1;
  const sql = (tryNumber: number): string =>
    mergeStatement({
      target: targetTable(context, run.job),
      delta: deltaTable(context, run.runId, of),
      columns,
      orphaned: run.drift.orphaned,
      cursorField: run.job.cursorField,
      insertOnly: isIntoEmpty(tryNumber),
      deletes: run.job.deletes,
      firstId: delta.firstId,
      lastId: delta.lastId,
      months: delta.months,
      partitionField: PARTITION_FIELD,
    });
  const { job: merged, tryNumber } = await retryJob(
    extraction,
    run.mergeTry,
    (mergeTry) => saveRun(context.database, run, { mergeTry }),
    async (number) => await runTableWrite(extraction, mergeJobId(run.runId, number), sql(number)),
  );
  const targetWasEmpty = isIntoEmpty(tryNumber);
  requireReconciled(reconcileMerge({ ...merged, targetWasEmpty, deletes: run.job.deletes }, delta));
  if (targetWasEmpty) requireReconciled(reconcileTarget(await countTarget(extraction), delta, run.job.deletes));
  return merged;
}

/** The count is free, so the daily budget does not apply. */
async function countTarget({ context, run }: Extraction): Promise<number> {
  const sql = targetCountStatement(targetTable(context, run.job));
  const [row] = await query<{ target_rows: number | string }>(context.warehouse, sql, runLabels(run.runId, run.job));
  return Number(row?.target_rows ?? Number.NaN);
}

function writeReceipt(
  drift: Drift,
  { staged, counted, rereadFrom }: ExtractedRun,
  merged: JobStatistics | undefined,
  bytesBilled: number,
  foreignLiveView: string | null,
): Receipt {
  const sumKnown = (numbers: (number | null)[]): number | null => (numbers.includes(null) ? null : sum(numbers));
  const all = staged.map(({ slice }) => slice);
  const allPages = staged.flatMap((slice) => slice.pages);
  // Count each row once, even if its fields were read in several groups.
  const slices = all.filter(({ fieldGroup }) => fieldGroup === BASE_GROUP);
  const pages = allPages.filter(({ fieldGroup }) => fieldGroup === BASE_GROUP);
  return {
    salesforce_before: sumKnown(slices.map((slice) => slice.countBefore)),
    salesforce_after: sumKnown(slices.map((slice) => slice.countAfter)),
    processed: sum(slices.map((slice) => slice.processed)),
    rows_in_pages: sum(pages.map((page) => page.rows)),
    loaded: sum(pages.map((page) => page.loaded)),
    staged: sum(slices.map((slice) => slice.staged)),
    distinct_ids: counted?.delta.counts.stagedIds ?? 0,
    delta_rows: counted?.delta.counts.deltaRows ?? 0,
    field_groups: new Set(all.map(({ fieldGroup }) => fieldGroup)).size,
    torn: counted?.delta.counts.torn ?? 0,
    inserted: merged?.inserted ?? 0,
    updated: merged?.updated ?? 0,
    deleted: merged?.deleted ?? 0,
    invalid_values: counted?.delta.invalidValues ?? {},
    columns_added: drift.added,
    columns_orphaned: drift.orphaned,
    fields_retyped: drift.retyped,
    fields_skipped: drift.skipped,
    pages: allPages.length,
    bytes: sum(allPages.map((page) => page.bytes)),
    bytes_billed: bytesBilled,
    methods: all.map((slice) => `${slice.method}: ${slice.reason}`),
    live_view: foreignLiveView,
    reread_from: rereadFrom?.toISOString() ?? null,
    verdict: weakestVerdict(staged.map((slice) => slice.verdict)),
  };
}
