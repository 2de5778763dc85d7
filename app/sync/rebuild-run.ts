import { requireReplaceable } from '../bigquery/require-replaceable.ts';
import { adoptRebuiltTable, type FoundTable, findTargetTable } from '../bigquery/tables.ts';
import type { Context } from '../context.ts';
import { PARTITION_FIELD } from '../core/partitioning.ts';
import { acceptedVerdict, type Receipt } from '../core/receipt.ts';
import type { Replacement } from '../core/replacement.ts';
import { exceedsShare } from '../core/share-limit.ts';
import { AppError } from '../errors.ts';
import { readAcceptance } from '../store/accept-run.ts';
import { succeedRun } from '../store/end-run.ts';
import { startRebuild, succeedRebuild } from '../store/rebuild.ts';
import type { Run } from '../store/runs.ts';
import { takeTable } from '../store/table-writes.ts';
import type { Ended } from './ended.ts';
import { type ExtractedRun, extractRun } from './extract/extract-run.ts';
import type { Extraction } from './extract/extraction.ts';
import { targetIdentity } from './extract/resolve-fields.ts';
import { eraseInvalidValues } from './merge/erase-invalid-values.ts';
import { fenceOtherWrites } from './merge/fence-other-writes.ts';
import { prepareTarget } from './merge/prepare-target.ts';
import { planSwap, swapTable } from './merge/swap-table.ts';
import { deltaTable, targetTable } from './names.ts';
import { addVersions } from './versions/add-versions.ts';
import { prepareVersions } from './versions/prepare-versions.ts';
import { addMissing } from './versions/treat-versions.ts';
import { writeReceipt } from './write-receipt.ts';

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
  const accepted = await requireShare(context, run, swap.replacement);
  const versions = await prepareVersions(extraction, true);
  const added = versions && (await addVersions(extraction, versions, extracted.deltas));
  await swapTable(extraction, swap);
  if (versions) await addMissing(extraction, versions, { kind: 'replaced', target: targetTable(context, run.job) });
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

/**
 * Checks that a window does not remove too many rows that Salesforce no longer returns. A rebuild is itself an operator's word.
 * @returns who accepted the number, if it had to be accepted
 * @throws AppError share_limit, in which case the table is unchanged
 */
async function requireShare({ database }: Context, run: Run, { missing, live }: Replacement): Promise<Partial<Receipt>> {
  if (run.pass.kind !== 'window' || !exceedsShare(missing, live)) return {};
  const acceptance = await readAcceptance(database, run);
  const reason = `${missing} of ${live} rows are missing in Salesforce`;
  if (acceptance?.code === 'share_limit' && missing <= acceptance.rows) {
    return { verdict: acceptedVerdict(reason), accepted_by: acceptance.by };
  }
  throw new AppError(
    'share_limit',
    `${reason}, so the table of ${run.job.objectName} was left unchanged. Check that the connection's user can see all of its records. If they were deleted, accept this: POST /v1/runs/${run.runId}/accept.`,
    { acceptable: missing, details: { missing, live } },
  );
}

/** The values of deleted rows, unless the job keeps them. */
async function eraseDeletedValues(extraction: Extraction, { deltas }: ExtractedRun): Promise<void> {
  const { context, run } = extraction;
  for (const { delta, of } of deltas) {
    if (delta.deletedRows > 0) await eraseInvalidValues(extraction, deltaTable(context, run.runId, of));
  }
}
