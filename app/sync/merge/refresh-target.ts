import { refreshStatement } from '../../bigquery/sql/refresh-statement.ts';
import { requireCursor } from '../../core/fields/cursor.ts';
import { PARTITION_FIELD } from '../../core/fields/partitioning.ts';
import { refreshedColumns, sweepKeys } from '../../core/fields/sweep-fields.ts';
import { sum } from '../../core/sum.ts';
import { readBackfill } from '../../store/jobs/field-columns.ts';
import { saveRefresh } from '../../store/runs/runs.ts';
import type { Delta } from '../extract/extract-run.ts';
import type { Extraction } from '../extract/extraction.ts';
import { deltaTable, refreshJobId, targetTable } from '../names.ts';
import { retryJob } from '../retry-job.ts';
import { runTableWrite } from '../run-table-write.ts';

/** What a sweep updated. Part of its receipt. */
export interface Refreshed {
  /** rows with a calculated field, or one to backfill, that differed */
  refreshed: number;
  /** the fields that rows of earlier runs lacked until now */
  backfilled: string[];
}

/**
 * Updates the calculated fields and the fields to backfill in a sweep's target table where they differ, with one statement per delta table.
 * Repeats none that an earlier attempt counted. The run must have the table lease, and other writes must be fenced.
 * @throws AppError bigquery_budget, lease_lost
 */
export async function refreshTarget(extraction: Extraction, deltas: readonly Delta[]): Promise<Refreshed> {
  const { context, run, columns } = extraction;
  const backfill = await readBackfill(context.database, run.job.id);
  const updated: number[] = [];
  for (const delta of deltas) updated.push(await refreshFrom(extraction, delta));
  return { refreshed: sum(updated), backfilled: columns.map(({ field }) => field).filter((field) => field in backfill) };
}

/** @returns how many rows were updated */
async function refreshFrom(extraction: Extraction, { of, delta, slices, refresh }: Delta): Promise<number> {
  const { context, run } = extraction;
  const columns = refreshedColumns(extraction.columns, sweepKeys(run.job));
  if (columns.length === 0 || delta.counts.deltaRows === 0) return 0;
  if (refresh && refresh.rows !== null) return refresh.rows;
  const sql = refreshStatement({
    target: targetTable(context, run.job),
    delta: deltaTable(context, run.runId, of),
    columns,
    cursorField: requireCursor(run.job),
    requestedAt: slices.map(({ requestedAt }) => requestedAt!),
    deletes: run.job.deletes,
    firstId: delta.firstId,
    lastId: delta.lastId,
    months: delta.months,
    partitionField: PARTITION_FIELD,
  });
  const { job, tryNumber } = await retryJob(
    extraction,
    refresh?.tryNumber ?? 1,
    (next) => saveRefresh(context.database, run, of, { tryNumber: next, rows: null }),
    async (number) => await runTableWrite(extraction, refreshJobId(run.runId, of, number), sql),
  );
  await saveRefresh(context.database, run, of, { tryNumber, rows: job.updated });
  return job.updated;
}
