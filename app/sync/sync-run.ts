import { findTargetTable } from '../bigquery/tables/tables.ts';
import type { Context } from '../context.ts';
import { goesFirst, isComparison, isExclusive, replacesTable } from '../core/runs/pass.ts';
import { succeedRepair, succeedRun } from '../store/runs/end-run.ts';
import type { Run } from '../store/runs/runs.ts';
import { takeTable } from '../store/runs/table-writes.ts';
import type { Ended } from './ended.ts';
import { countAgain, type ExtractedRun, extractRun } from './extract/extract-run.ts';
import { targetIdentity } from './extract/resolve-fields.ts';
import { eraseInvalidValues } from './merge/erase-invalid-values.ts';
import { fenceOtherWrites } from './merge/fence-other-writes.ts';
import { mergeDelta } from './merge/merge-delta.ts';
import { prepareTarget } from './merge/prepare-target.ts';
import { deltaTable } from './names.ts';
import { compareRun } from './repairs/compare-run.ts';
import { eraseRun } from './repairs/erase-run.ts';
import { rebuildRun } from './repairs/rebuild-run.ts';
import { renewOutdatedRepairs } from './repairs/renew-outdated-repairs.ts';
import { restOfReimport } from './repairs/rest-of-reimport.ts';
import { sweepRun } from './repairs/sweep-run.ts';
import { requireOutsideQuietHours } from './require-outside-quiet-hours.ts';
import type { RunGroup } from './run-group.ts';
import { treatDeleted } from './treat-deleted.ts';
import { addVersions } from './versions/add-versions.ts';
import { prepareVersions } from './versions/prepare-versions.ts';
import { writeReceipt } from './write-receipt.ts';

/**
 * Executes a run, as its kind requires. Every step first checks what an earlier attempt has done.
 * @param group the runs that were claimed together with this one; undefined: none
 * @throws AppError; neither the target table nor `last_date` is then partly updated
 */
export async function syncRun(context: Context, claimed: Run, signal: AbortSignal, group?: RunGroup): Promise<Ended> {
  // Reads nothing from Salesforce, and should not wait.
  if (goesFirst(claimed.pass)) return await eraseRun(context, claimed, claimed.pass, signal);
  requireOutsideQuietHours(claimed, new Date());
  if (claimed.pass.kind === 'sweep') return await sweepRun(context, claimed, signal);
  if (claimed.pass.kind === 'reimport' && claimed.pass.treatDeleted) return await treatDeleted(context, claimed, signal);
  if (isComparison(claimed.pass)) return await compareRun(context, claimed, signal);
  if (replacesTable(claimed.pass, claimed.job)) return await rebuildRun(context, claimed, signal);
  return await upsertRun(context, claimed, signal, group);
}

/**
 * Stages and reconciles the slices of a run, counts their typed rows, in a delta table if necessary, and merges them into the target table.
 * Only then does a window advance `last_date`.
 */
async function upsertRun(context: Context, claimed: Run, signal: AbortSignal, group: RunGroup | undefined): Promise<Ended> {
  const started = isExclusive(claimed.pass, claimed.job) ? await takeTable(context.database, claimed) : claimed;
  const client = context.salesforce(started.job.connectionId, signal);
  const extracted = await extractRun(context, client, started, signal, group);
  const writing = { ...extracted.extraction, run: await takeTable(context.database, extracted.extraction.run) };
  const { extraction, foreignLiveView } = await prepareTarget(writing, await findTarget(context, extracted));
  const { run } = extraction;
  await fenceOtherWrites(context, run);
  await renewOutdatedRepairs(context, run);
  const deltas = await countAgain(extraction, extracted.deltas);
  // The slices of a window or a reimport fit one delta table.
  const filled = deltas.find(({ delta }) => delta.counts.deltaRows > 0);
  const versions = await prepareVersions(extraction, filled !== undefined);
  const added = versions && (await addVersions(extraction, versions, deltas));
  const merged = filled && (await mergeDelta(extraction, filled));
  const withDeleted = deltas.find(({ delta, hasTable }) => hasTable && delta.deletedRows > 0);
  if (withDeleted) await eraseInvalidValues(extraction, deltaTable(context, run.runId, withDeleted.of));

  const receipt = await writeReceipt(extraction, { ...extracted, deltas }, { merged, versionsAdded: added, foreignLiveView });
  if (run.pass.kind === 'window') await succeedRun(context.database, run, receipt, extracted.rereadFrom);
  else await succeedRepair(context.database, run, receipt, extracted.rereadFrom, restOfReimport(run, extracted));
  return { run, receipt };
}

/** The table may be replaced during the extraction: the earlier lookup suffices only if there is nothing to merge. */
async function findTarget(context: Context, { extraction, deltas }: ExtractedRun) {
  if (deltas.length === 0 && extraction.seen) return extraction.seen.table;
  return await findTargetTable(context.warehouse, targetIdentity(context, extraction.run));
}
