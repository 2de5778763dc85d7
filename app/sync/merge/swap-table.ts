import { readRows } from '../../bigquery/jobs.ts';
import { requireAllRows } from '../../bigquery/load/require-replaceable.ts';
import { type SwapStatement, swapCountStatement, swapStatement } from '../../bigquery/sql/swap-statements.ts';
import type { FoundTable } from '../../bigquery/tables/tables.ts';
import { PARTITION_FIELD } from '../../core/fields/partitioning.ts';
import { requireReconciled } from '../../core/runs/reconciliation.ts';
import { type Replacement, reconcileReplacement } from '../../core/runs/replacement.ts';
import { saveRun } from '../../store/runs/runs.ts';
import type { Delta } from '../extract/extract-run.ts';
import type { Extraction } from '../extract/extraction.ts';
import { deltaTable, swapJobId, targetTable } from '../names.ts';
import { retryJob } from '../retry-job.ts';
import { runOnce } from '../run-once.ts';
import { runTableWrite } from '../run-table-write.ts';
import { countTarget } from './count-target.ts';

/** A replacement of a target table's rows, and what it changes. */
export interface Swap {
  statement: SwapStatement;
  replacement: Replacement;
}

/**
 * Counts what replacing the target table's rows with those of a run's delta tables changes.
 * @param found the target table, with the columns that it has now
 * @throws AppError bigquery_refused if the service does not see all of its rows; bigquery_budget
 */
export async function planSwap(extraction: Extraction, deltas: readonly Delta[], found: FoundTable): Promise<Swap> {
  const { context, run } = extraction;
  const statement: SwapStatement = {
    target: targetTable(context, run.job),
    targetColumns: found.columns.map(({ name }) => name),
    deltas: deltas.map(({ of }) => deltaTable(context, run.runId, of)),
    columns: extraction.columns,
    emptied: found.columns.filter(({ name }) => run.drift.emptied.includes(name)),
    cursorField: run.job.cursorField,
    deletes: run.job.deletes,
    partitionField: run.job.partitioned ? PARTITION_FIELD : undefined,
  };
  const of = deltas.map((delta) => delta.of).join(', ');
  // Counted once: after the replacement, the table no longer shows it.
  const replacement = run.replacement?.of === of ? run.replacement : await countReplacement(extraction, of, statement, found);
  return { statement, replacement };
}

async function countReplacement(extraction: Extraction, of: string, swap: SwapStatement, found: FoundTable): Promise<Replacement> {
  const { context, run } = extraction;
  const id = await runOnce(extraction, 'before', swapCountStatement(swap));
  const [row = {}] = await readRows<Record<string, number | string>>(context.warehouse, id);
  const count = (name: string): number => Number(row[name] ?? Number.NaN);
  requireAllRows(swap.target, found.metadata, count('before'));
  const rows = count('found_ids') - (swap.deletes === 'remove' ? count('found_deleted') : 0);
  const replacement = { of, rows, before: count('before'), live: count('live'), missing: count('missing') };
  await saveRun(context.database, run, { replacement });
  return replacement;
}

/**
 * Replaces the rows of the target table, in one statement, and reconciles its count.
 * @throws AppError count_mismatch, bigquery_budget, lease_lost
 */
export async function swapTable(extraction: Extraction, { statement, replacement }: Swap): Promise<void> {
  const { context, run } = extraction;
  if (statement.deltas.length > 0 || replacement.before > 0) {
    await retryJob(
      extraction,
      run.mergeTry,
      (mergeTry) => saveRun(context.database, run, { mergeTry }),
      async (number) =>
        await runTableWrite(extraction, swapJobId(run.runId, number), swapStatement(statement), { replaces: statement.target }),
    );
  }
  requireReconciled(reconcileReplacement(await countTarget(extraction), replacement));
}
