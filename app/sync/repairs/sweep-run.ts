import { findTargetTable } from '../../bigquery/tables/tables.ts';
import type { Context } from '../../context.ts';
import { nextId } from '../../core/runs/split-id-range.ts';
import { succeedRepair } from '../../store/runs/end-run.ts';
import type { Repair } from '../../store/runs/queue-runs.ts';
import type { Run } from '../../store/runs/runs.ts';
import { takeTable } from '../../store/runs/table-writes.ts';
import type { Ended } from '../ended.ts';
import { extractRun } from '../extract/extract-run.ts';
import type { Extraction } from '../extract/extraction.ts';
import { targetIdentity } from '../extract/resolve-fields.ts';
import { fenceOtherWrites } from '../merge/fence-other-writes.ts';
import { prepareTarget } from '../merge/prepare-target.ts';
import { refreshTarget } from '../merge/refresh-target.ts';
import { targetTable } from '../names.ts';
import { requireShare } from '../require-share.ts';
import { type Comparison, type ComparisonCounts, compareWithOrg, countComparison, sweptIds } from '../sweep/compare-with-org.ts';
import { confirmMissing } from '../sweep/confirm-missing.ts';
import { markMissing } from '../sweep/mark-missing.ts';
import { removeCopies } from '../sweep/remove-copies.ts';
import { prepareVersions } from '../versions/prepare-versions.ts';
import { treatSwept } from '../versions/treat-versions.ts';
import { writeReceipt } from '../write-receipt.ts';

/**
 * Executes a sweep: reads the keys of all rows of the object, compares them with the target table, and marks the rows that Salesforce no longer
 * has. Updates calculated fields, and fields that old rows lack, where they differ. Leaves rows that are absent or different to a reimport, which it queues when it ends. Every step first checks what an earlier
 * attempt has done.
 * @throws AppError share_limit if an operator must accept that so many rows are missing; nothing is then marked
 */
export async function sweepRun(context: Context, claimed: Run, signal: AbortSignal): Promise<Ended> {
  const client = context.salesforce(claimed.job.connectionId, signal);
  const extracted = await extractRun(context, client, claimed, signal);
  const writing = { ...extracted.extraction, run: await takeTable(context.database, extracted.extraction.run) };
  const found = await findTargetTable(context.warehouse, targetIdentity(context, writing.run));
  const { extraction, foreignLiveView } = await prepareTarget(writing, found);
  const { run } = extraction;
  await fenceOtherWrites(context, run);
  const comparison = await compareWithOrg(extraction, extracted);
  const { counts, accepted } = await judge(extraction, comparison);
  if (counts.duplicates > 0) await removeCopies(extraction, comparison);
  await sweepVersions(extraction, comparison, counts);
  const marked = await markMissing(extraction, comparison, counts, found);
  const refreshed = await refreshTarget(extraction, extracted.deltas);

  const written = await writeReceipt(extraction, extracted, { merged: marked, foreignLiveView });
  const { equal, notJudged, missing, absent, different, duplicates } = counts;
  const receipt = { ...written, equal, not_judged: notJudged, missing, absent, different, duplicates, ...refreshed, ...accepted };
  await succeedRepair(context.database, run, receipt, null, await reimportOf(extraction, comparison, counts));
  return { run, receipt };
}

/** Before the rows are marked, so that their newest versions say so as soon as the target table does. @throws AppError */
async function sweepVersions(
  extraction: Extraction,
  { table: comparison, judgedBefore }: Comparison,
  { missing, firstMissing, lastMissing }: ComparisonCounts,
): Promise<void> {
  const versions = await prepareVersions(extraction, true);
  if (!versions) return;
  const swept = { kind: 'swept', comparison, firstId: firstMissing!, lastId: lastMissing! } as const;
  const target = targetTable(extraction.context, extraction.run.job);
  const absent = { kind: 'absent', comparison, target, versionsBefore: judgedBefore } as const;
  await treatSwept(extraction, versions, missing > 0 ? swept : undefined, absent);
}

/** Confirms the rows that are missing, and checks that they are not too many. @throws AppError share_limit */
async function judge(extraction: Extraction, comparison: Comparison): Promise<{ counts: ComparisonCounts; accepted: object | undefined }> {
  const { context, run } = extraction;
  const first = await countComparison(extraction, comparison);
  // So many that stopping at once saves the org a call per 500 of them.
  if (first.missing > context.limits.sweptIds) await requireShare(context, run, lostRows(first));
  if (first.missing > 0) await confirmMissing(extraction, comparison);
  // Again even if none was found: a worker that lost this run may have found some.
  const counts = first.missing > 0 ? await countComparison(extraction, comparison) : first;
  return { counts, accepted: await requireShare(context, run, lostRows(counts)) };
}

/** If Salesforce returns nothing, rows that were synced since are missing as well. */
function lostRows({ missing, live, inOrg }: ComparisonCounts): { missing: number; live: number } {
  return { missing: inOrg === 0 ? live : missing, live };
}

/** The reimport of the rows that are absent or different; undefined: none. */
async function reimportOf(extraction: Extraction, comparison: Comparison, counts: ComparisonCounts): Promise<Repair | undefined> {
  const { context, run } = extraction;
  const { window } = run;
  const { toReimport, firstId, lastId } = counts;
  if (toReimport === 0 || firstId === null || lastId === null) return undefined;
  if (toReimport > context.limits.sweptIds) return { kind: 'reimport', window, idFrom: firstId, idTo: nextId(lastId) };
  for await (const ids of sweptIds(extraction, comparison, 'to reimport')) return { kind: 'reimport', window, ids };
  return undefined;
}
