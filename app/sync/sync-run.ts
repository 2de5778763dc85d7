import { type JobStatistics, query } from '../bigquery/jobs.ts';
import { mergeStatement } from '../bigquery/sql/merge-statement.ts';
import { targetCountStatement } from '../bigquery/sql/table-statements.ts';
import { ensureTargetTable, type FoundTable, findTargetTable, type ReadyTarget } from '../bigquery/tables.ts';
import type { Context } from '../context.ts';
import type { Drift } from '../core/drift.ts';
import { BASE_GROUP } from '../core/field-groups.ts';
import { PARTITION_FIELD } from '../core/partitioning.ts';
import { type Receipt, weakestVerdict } from '../core/receipt.ts';
import { type CountedDelta, reconcileMerge, reconcileTarget, requireReconciled } from '../core/reconciliation.ts';
import { sum } from '../core/sum.ts';
import type { SalesforceClient } from '../salesforce/client.ts';
import { billedByRun } from '../store/billed.ts';
import { type Run, saveInsertOnly, saveMergeTry, saveTarget, succeedRun } from '../store/runs.ts';
import { type CountedRun, extractUntilComplete } from './extract/extract-until-complete.ts';
import type { Extraction } from './extract/extraction.ts';
import { type Seen, settleAgain, settleFields, targetIdentity } from './extract/settle-fields.ts';
import { eraseInvalidValues } from './merge/erase-invalid-values.ts';
import { fenceAbandonedMerges } from './merge/fence-abandoned-merges.ts';
import { deltaTable, mergeJobId, runLabels, targetTable } from './names.ts';
import { retryJob } from './retry-job.ts';
import { runStatement } from './run-statement.ts';

/**
 * Executes a run: stages and judges its slices, builds and counts the typed delta table, and merges it into the target table. Only then
 * does `last_date` advance. Every step first checks what an earlier attempt has done.
 * @throws AppError; neither the target table nor `last_date` is then partly updated
 */
export async function syncRun(context: Context, run: Run, signal: AbortSignal): Promise<Receipt> {
  const client = context.salesforce(run.job.connectionId, signal);
  const { extraction, seen, counted } = await extract(context, client, run, signal);
  const { delta, rereadFrom } = counted;

  // The table may be replaced during the extraction: reuse the earlier lookup only if there is nothing to merge.
  const target = !delta && seen ? seen.table : await findTargetTable(context.warehouse, targetIdentity(context, run));
  const { foreignLiveView } = await prepareTarget(extraction, target);
  await fenceAbandonedMerges(context, run);
  const merged = delta && delta.counts.deltaRows > 0 ? await mergeDelta(extraction, delta) : undefined;
  if (delta?.deletedRows) await eraseInvalidValues(extraction);

  const bytesBilled = await billedByRun(context.database, run.runId);
  const receipt = writeReceipt(run.drift, counted, merged, bytesBilled, foreignLiveView);
  await succeedRun(context.database, run, receipt, rereadFrom);
  return receipt;
}

/** Extracts the run's rows. Settles its fields, and settles them again whenever Salesforce refuses them. */
async function extract(
  context: Context,
  client: SalesforceClient,
  run: Run,
  signal: AbortSignal,
): Promise<{ extraction: Extraction; seen: Seen | undefined; counted: CountedRun }> {
  for (let seen = await settleFields(context, client, run); ; ) {
    const extraction = { context, client, run, columns: run.columns!, knownFields: seen?.fields, signal };
    const counted = await extractUntilComplete(extraction);
    if (!('unsettled' in counted)) return { extraction, seen, counted };
    seen = (await settleAgain(extraction, counted.unsettled)) ?? seen;
  }
}

async function prepareTarget({ context, run, columns }: Extraction, found: FoundTable | undefined): Promise<ReadyTarget> {
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
  if (!job.targetCreatedAt) await saveTarget(context.database, run, ready.createdAt);
  if (run.insertOnly !== null) return ready;
  // Only if this run created the table: an older empty table may still receive rows from an abandoned MERGE.
  run.insertOnly = !job.targetCreatedAt && ready.isEmpty;
  await saveInsertOnly(context.database, run, run.insertOnly);
  return ready;
}

/** Logs what an operator should know about the target table; the run continues. */
function warnAboutTarget({ events }: Context, run: Run, { hadExpiration, foreignLiveView }: ReadyTarget): void {
  if (hadExpiration) events.expirationRemoved(run);
  if (foreignLiveView) events.liveViewNotOurs(run, foreignLiveView);
}

async function mergeDelta(extraction: Extraction, delta: CountedDelta): Promise<JobStatistics> {
  const { context, run, columns } = extraction;
  // Before a later try, an earlier delta of this run may have been merged: its rows must be updated.
  const isIntoEmpty = (tryNumber: number): boolean => run.insertOnly === true && tryNumber === 1;
  const sql = (tryNumber: number): string =>
    mergeStatement({
      target: targetTable(context, run.job),
      delta: deltaTable(context, run.runId, run.counted!.of),
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
  const merged = await retryJob(
    extraction,
    run.mergeTry,
    (number) => saveMergeTry(context.database, run, number),
    (number) => runStatement(extraction, mergeJobId(run.runId, number), sql(number)),
  );
  const targetWasEmpty = isIntoEmpty(run.mergeTry);
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
  { staged, delta, rereadFrom }: CountedRun,
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
    distinct_ids: delta?.counts.stagedIds ?? 0,
    delta_rows: delta?.counts.deltaRows ?? 0,
    field_groups: new Set(all.map(({ fieldGroup }) => fieldGroup)).size,
    torn: delta?.counts.torn ?? 0,
    inserted: merged?.inserted ?? 0,
    updated: merged?.updated ?? 0,
    deleted: merged?.deleted ?? 0,
    invalid_values: delta?.invalidValues ?? {},
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
