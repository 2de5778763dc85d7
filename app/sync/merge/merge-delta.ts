import type { JobStatistics } from '../../bigquery/jobs.ts';
import { mergeStatement } from '../../bigquery/sql/merge-statement.ts';
import type { Context } from '../../context.ts';
import { PARTITION_FIELD } from '../../core/fields/partitioning.ts';
import { reconcileMerge, reconcileTarget, requireReconciled } from '../../core/runs/reconciliation.ts';
import { saveRun } from '../../store/runs/runs.ts';
import type { Slice } from '../../store/runs/slices.ts';
import type { Delta } from '../extract/extract-run.ts';
import type { Extraction } from '../extract/extraction.ts';
import { deltaTable, mergeJobId, targetTable } from '../names.ts';
import { requireSalt } from '../require-salt.ts';
import { retryJob } from '../retry-job.ts';
import { runTableWrite } from '../run-table-write.ts';
import { countTarget } from './count-target.ts';
import { stagedRows } from './staged-rows.ts';

/**
 * Merges a run's delta table, or its staged rows, into its target table and reconciles the counts. A newer stamp wins; in a reimport, so does
 * the later reading.
 * @throws AppError count_mismatch, bigquery_budget, lease_lost
 */
export async function mergeDelta(extraction: Extraction, { of, delta, slices, hasTable }: Delta): Promise<JobStatistics> {
  const { context, run, columns } = extraction;
  // Before a later try, an earlier delta of this run may have been merged: its rows must be updated.
  const isIntoEmpty = (tryNumber: number): boolean => run.insertOnly === true && tryNumber === 1;
  const sql = (tryNumber: number): string =>
    mergeStatement({
      target: targetTable(context, run.job),
      delta: hasTable ? deltaTable(context, run.runId, of) : stagedRows(extraction, slices),
      columns,
      orphaned: run.drift.orphaned,
      emptied: run.drift.emptied,
      // Runs of objects without a cursor replace the table.
      cursorField: run.job.cursorField!,
      replacesBefore: run.pass.kind === 'reimport' ? slices.map((slice) => replacesBefore(context, slice)) : undefined,
      insertOnly: isIntoEmpty(tryNumber),
      deletes: run.job.deletes,
      firstId: delta.firstId,
      lastId: delta.lastId,
      months: delta.months,
      partitionField: PARTITION_FIELD,
    });
  const salt = hasTable ? undefined : requireSalt(context, columns);
  const { job: merged, tryNumber } = await context.metrics.time('merge', () =>
    retryJob(
      extraction,
      run.mergeTry,
      (mergeTry) => saveRun(context.database, run, { mergeTry }),
      async (number) => await runTableWrite(extraction, mergeJobId(run.runId, number), sql(number), { salt }),
    ),
  );
  const targetWasEmpty = isIntoEmpty(tryNumber);
  requireReconciled(reconcileMerge({ ...merged, targetWasEmpty, deletes: run.job.deletes }, delta));
  if (targetWasEmpty) requireReconciled(reconcileTarget(await countTarget(extraction), delta, run.job.deletes));
  return merged;
}

/** A row that was synced shortly before its slice was requested may be newer than the slice: clocks differ. */
export function replacesBefore({ limits }: Context, { requestedAt }: Slice): Date {
  return new Date(requestedAt!.getTime() - limits.repairMarginMs);
}
