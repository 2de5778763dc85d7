import { requireReplaceable } from '../../bigquery/load/require-replaceable.ts';
import { adoptRebuiltTable, type FoundTable, findTargetTable } from '../../bigquery/tables/tables.ts';
import type { Context } from '../../context.ts';
import { PARTITION_FIELD } from '../../core/fields/partitioning.ts';
import { AppError } from '../../errors.ts';
import { succeedRun } from '../../store/runs/end-run.ts';
import { startRebuild, succeedRebuild } from '../../store/runs/rebuild.ts';
import type { Run } from '../../store/runs/runs.ts';
import { takeTable } from '../../store/runs/table-writes.ts';
import type { Ended } from '../ended.ts';
import { type ExtractedRun, extractRun } from '../extract/extract-run.ts';
import type { Extraction } from '../extract/extraction.ts';
import { targetIdentity } from '../extract/resolve-fields.ts';
import { eraseInvalidValues } from '../merge/erase-invalid-values.ts';
import { fenceOtherWrites } from '../merge/fence-other-writes.ts';
import { prepareTarget } from '../merge/prepare-target.ts';
import { planSwap, swapTable } from '../merge/swap-table.ts';
import { deltaTable, targetTable } from '../names.ts';
import { requireShare } from '../require-share.ts';
import { addVersions } from '../versions/add-versions.ts';
import { prepareVersions } from '../versions/prepare-versions.ts';
import { addMissing } from '../versions/treat-versions.ts';
import { writeReceipt } from '../write-receipt.ts';

/**
 * Executes a run that replaces the target table: a rebuild, or a window of an object without a usable cursor. Stages, types and counts all
 * rows beside the table, then replaces its rows in one statement. Has the table lease from its first read to its last write, also while it
 * waits, so that no other run writes rows that the replacement would discard. Every step first checks what an earlier attempt has done.
 * @throws AppError; the target table is then unchanged, or completely replaced. share_limit if an operator must accept that so many rows disappear
 */
export async function rebuildRun(context: Context, claimed: Run, signal: AbortSignal): Promise<Ended> {
  const started = await startRebuild(context.database, await takeTable(context.database, claimed));
  await requireReplaceableTarget(context, started);
  const extracted = await extractRun(context, context.salesforce(started.job.connectionId, signal), started, signal);
  const { extraction, foreignLiveView } = await prepareTarget(extracted.extraction, await findTarget(context, started));
  const { run } = extraction;
  await fenceOtherWrites(context, run);
  const table = await requireTarget(context, run);
  const swap = await planSwap(extraction, extracted.deltas, table);
  // A rebuild is itself an operator's word.
  const accepted = run.pass.kind === 'window' ? await requireShare(context, run, swap.replacement) : undefined;
  const versions = await prepareVersions(extraction, true);
  const added = versions && (await addVersions(extraction, versions, extracted.deltas));
  await swapTable(extraction, swap);
  if (versions)
    await addMissing(extraction, versions, { kind: 'replaced', target: targetTable(context, run.job), dueBefore: run.window.to });
  await adoptRebuiltTable(context.warehouse, targetIdentity(context, run), table.metadata);
  await eraseDeletedValues(extraction, extracted);

  const receipt = {
    ...(await writeReceipt(extraction, extracted, { replaced: swap.replacement, versionsAdded: added, foreignLiveView })),
    ...accepted,
  };
  if (run.pass.kind === 'window') await succeedRun(context.database, run, receipt);
  else await succeedRebuild(context.database, run, receipt, extracted.rereadFrom);
  return { run, receipt };
}

async function findTarget(context: Context, run: Run): Promise<FoundTable | undefined> {
  return await findTargetTable(context.warehouse, targetIdentity(context, run));
}

/** Before the rows are read, which may take hours. @throws AppError target_replaced, bigquery_refused */
async function requireReplaceableTarget(context: Context, run: Run): Promise<void> {
  const found = await findTarget(context, run);
  const partitionField = run.job.partitioned ? PARTITION_FIELD : undefined;
  if (found) await requireReplaceable(context.warehouse, targetIdentity(context, run), found.metadata, partitionField);
}

/** The target table with the columns that it has now. */
async function requireTarget(context: Context, run: Run): Promise<FoundTable> {
  const found = await findTarget(context, run);
  if (found) return found;
  throw new AppError('bigquery_unavailable', `The table of ${run.job.objectName} was deleted while it was being rebuilt.`);
}

/** The values of deleted rows, unless the job keeps them. */
async function eraseDeletedValues(extraction: Extraction, { deltas }: ExtractedRun): Promise<void> {
  const { context, run } = extraction;
  for (const { delta, of } of deltas) {
    if (delta.deletedRows > 0) await eraseInvalidValues(extraction, deltaTable(context, run.runId, of));
  }
}
