import { readRows } from '../../bigquery/jobs.ts';
import { requireAllRows } from '../../bigquery/require-replaceable.ts';
import { type SwapStatement, swapCountStatement, swapStatement } from '../../bigquery/sql/swap-statements.ts';
import type { FoundTable } from '../../bigquery/tables.ts';
import { PARTITION_FIELD } from '../../core/partitioning.ts';
import { requireReconciled } from '../../core/reconciliation.ts';
import { type Replacement, reconcileReplacement } from '../../core/replacement.ts';
import { exceedsShare } from '../../core/share-limit.ts';
import { AppError } from '../../errors.ts';
import { type Run, saveRun } from '../../store/runs.ts';
import type { Delta } from '../extract/extract-run.ts';
import type { Extraction } from '../extract/extraction.ts';
import { deltaTable, swapJobId, targetTable } from '../names.ts';
import { retryJob } from '../retry-job.ts';
import { runOnce } from '../run-once.ts';
import { runTableWrite } from '../run-table-write.ts';
import { countTarget } from './count-target.ts';

/**
 * Replaces the rows of the target table with those of a run's delta tables, at once, and reconciles its count.
 * @param found the target table, with the columns that it has now
 * @throws AppError count_mismatch, bigquery_budget, lease_lost; too_many_missing, in which case nothing has changed
 */
export async function swapTable(extraction: Extraction, deltas: readonly Delta[], found: FoundTable): Promise<Replacement> {
  const { context, run } = extraction;
  const target = targetTable(context, run.job);
  const swap: SwapStatement = {
    target,
    targetColumns: found.columns.map(({ name }) => name),
    deltas: deltas.map(({ of }) => deltaTable(context, run.runId, of)),
    columns: extraction.columns,
    cursorField: run.job.cursorField,
    deletes: run.job.deletes,
    partitionField: run.job.partitioned ? PARTITION_FIELD : undefined,
  };
  const of = deltas.map((delta) => delta.of).join(', ');
  const replacement = run.replacement?.of === of ? run.replacement : await countReplacement(extraction, of, swap, found);
  requireWithinShare(run, replacement);
  if (deltas.length > 0 || replacement.before > 0) {
    await retryJob(
      extraction,
      run.mergeTry,
      (mergeTry) => saveRun(context.database, run, { mergeTry }),
      async (number) => await runTableWrite(extraction, swapJobId(run.runId, number), swapStatement(swap), target),
    );
  }
  requireReconciled(reconcileReplacement(await countTarget(extraction), replacement));
  return replacement;
}

/** Counts what will change, once: after the replacement, the table no longer shows it. @throws AppError bigquery_refused */
async function countReplacement(extraction: Extraction, of: string, swap: SwapStatement, found: FoundTable): Promise<Replacement> {
  const { context, run } = extraction;
  const id = await runOnce(extraction, 'swapcount', swapCountStatement(swap));
  const [row = {}] = await readRows<Record<string, number | string>>(context.warehouse, id);
  const count = (name: string): number => Number(row[name] ?? Number.NaN);
  requireAllRows(swap.target, found.metadata, count('before'));
  const rows = count('found_ids') - (swap.deletes === 'remove' ? count('found_deleted') : 0);
  const replacement = { of, rows, before: count('before'), live: count('live'), missing: count('missing') };
  await saveRun(context.database, run, { replacement });
  return replacement;
}

/** A rebuild was requested by an operator; a window replaces the table by itself. @throws AppError too_many_missing */
function requireWithinShare({ job, pass }: Run, { missing, live }: Replacement): void {
  if (pass.kind !== 'window' || !exceedsShare(missing, live)) return;
  throw new AppError(
    'too_many_missing',
    `Salesforce no longer returns ${missing} of the ${live} rows of ${job.objectName}, so its table was left unchanged. If the connection's user has lost access to them, grant it again, then call handle_importing_job. If they were deleted, call POST /v1/jobs/${job.id}/rebuild.`,
    { details: { missing, live } },
  );
}
