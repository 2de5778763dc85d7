import { readRows } from '../../bigquery/jobs.ts';
import { compareValuesStatement } from '../../bigquery/sql/compare-values-statement.ts';
import { findTargetTable } from '../../bigquery/tables/tables.ts';
import type { Context } from '../../context.ts';
import type { FieldColumn } from '../../core/fields/columns.ts';
import { requireCursor } from '../../core/fields/cursor.ts';
import { PARTITION_FIELD } from '../../core/fields/partitioning.ts';
import type { Comparison } from '../../core/runs/receipt.ts';
import { succeedRepair } from '../../store/runs/end-run.ts';
import type { Run } from '../../store/runs/runs.ts';
import type { Ended } from '../ended.ts';
import { type Delta, extractRun } from '../extract/extract-run.ts';
import type { Extraction } from '../extract/extraction.ts';
import { targetIdentity } from '../extract/resolve-fields.ts';
import { replacesBefore } from '../merge/merge-delta.ts';
import { deltaTable, targetTable } from '../names.ts';
import { runOnce } from '../run-once.ts';
import { writeReceipt } from '../write-receipt.ts';
import { restOfReimport } from './rest-of-reimport.ts';

/**
 * Executes a comparison: reads rows like a reimport, and compares them with the target table instead of merging them. Takes no table lease
 * and changes neither the target table nor the job.
 * @throws AppError
 */
export async function compareRun(context: Context, claimed: Run, signal: AbortSignal): Promise<Ended> {
  const client = context.salesforce(claimed.job.connectionId, signal);
  const extracted = await extractRun(context, client, claimed, signal);
  const { extraction, deltas } = extracted;
  const { run } = extraction;
  // The slices of a reimport fit one delta table.
  const delta = deltas.find((each) => each.delta.counts.deltaRows > 0);
  const comparison = delta ? await compareDelta(extraction, delta) : NOTHING;
  const written = await writeReceipt(extraction, extracted, { merged: undefined, foreignLiveView: null });
  const receipt = { ...written, columns_added: [], ...comparison };
  await succeedRepair(context.database, run, receipt, null, restOfReimport(run, extracted));
  return { run, receipt };
}

const NOTHING: Comparison = {
  equal: 0,
  different: 0,
  absent: 0,
  not_judged: 0,
  different_by_column: {},
  different_ids: null,
  absent_ids: null,
  columns_not_compared: [],
};

/** @throws AppError target_replaced, bigquery_budget */
async function compareDelta(extraction: Extraction, { of, delta, slices }: Delta): Promise<Comparison> {
  const { context, run } = extraction;
  const table = await findTargetTable(context.warehouse, targetIdentity(context, run));
  // Before the first import, no row is due.
  if (!table) return { ...NOTHING, not_judged: delta.counts.deltaRows };
  const existing = new Set(table.columns.map(({ name }) => name.toLowerCase()));
  const isNew = ({ name }: FieldColumn): boolean => !existing.has(name.toLowerCase());
  const columns = extraction.columns.filter((column) => column.name !== 'Id' && !isNew(column));
  const sql = compareValuesStatement({
    target: targetTable(context, run.job),
    delta: deltaTable(context, run.runId, of),
    columns,
    cursorField: requireCursor(run.job),
    replacesBefore: slices.map((slice) => replacesBefore(context, slice)),
    syncedFrom: run.job.startDate,
    syncedTo: run.job.syncedTo,
    deletes: run.job.deletes,
    firstId: delta.firstId,
    lastId: delta.lastId,
    months: delta.months,
    partitionField: PARTITION_FIELD,
  });
  const [row] = await readRows<Record<string, number | string | null>>(context.warehouse, await runOnce(extraction, 'compare', sql));
  return { ...readComparison(row ?? {}, columns), columns_not_compared: extraction.columns.filter(isNew).map(({ name }) => name) };
}

function readComparison(
  row: Record<string, number | string | null>,
  columns: readonly FieldColumn[],
): Omit<Comparison, 'columns_not_compared'> {
  const count = (name: string): number => Number(row[name] ?? Number.NaN);
  const ends = (name: string): string | null => (row[`min_${name}`] ? `${row[`min_${name}`]} to ${row[`max_${name}`]}` : null);
  const byColumn = columns.map(({ name }, index) => [name, count(`different_${index}`)] as const).filter(([, rows]) => rows > 0);
  return {
    equal: count('equal'),
    different: count('different'),
    absent: count('absent'),
    not_judged: count('not_judged'),
    different_by_column: Object.fromEntries(byColumn),
    different_ids: ends('different'),
    absent_ids: ends('absent'),
  };
}
