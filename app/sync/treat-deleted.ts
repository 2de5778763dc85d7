import { treatDeletedStatement } from '../bigquery/sql/treat-deleted-statement.ts';
import { findTargetTable } from '../bigquery/tables/tables.ts';
import { findVersions } from '../bigquery/tables/versions-table.ts';
import type { Context } from '../context.ts';
import { PARTITION_FIELD } from '../core/fields/partitioning.ts';
import { isEmptied } from '../core/jobs/deletes.ts';
import { succeedRepair } from '../store/runs/end-run.ts';
import { type Run, saveRun } from '../store/runs/runs.ts';
import { takeTable } from '../store/runs/table-writes.ts';
import type { Ended } from './ended.ts';
import type { Extraction } from './extract/extraction.ts';
import { targetIdentity } from './extract/resolve-fields.ts';
import { eraseInvalidValues } from './merge/erase-invalid-values.ts';
import { fenceOtherWrites } from './merge/fence-other-writes.ts';
import { mergeJobId, targetTable, versionsTable } from './names.ts';
import { retryJob } from './retry-job.ts';
import { runTableWrite } from './run-table-write.ts';
import { treatVersions } from './versions/treat-versions.ts';
import { writeReceipt } from './write-receipt.ts';

/**
 * Blanks or removes the rows that were deleted before the job's `deletes` was changed, and erases their invalid values. Reads nothing from
 * Salesforce. Each step may run again.
 * @throws AppError
 */
export async function treatDeleted(context: Context, claimed: Run, signal: AbortSignal): Promise<Ended> {
  const run = await takeTable(context.database, claimed);
  const client = context.salesforce(run.job.connectionId, signal);
  const extraction: Extraction = { context, client, run, columns: [], seen: undefined, signal };
  await fenceOtherWrites(context, run);
  const merged = await treatRows(extraction);
  const receipt = await writeReceipt(
    extraction,
    { extraction, staged: [], deltas: [], rereadFrom: null },
    { merged, foreignLiveView: null },
  );
  await succeedRepair(context.database, run, receipt, null, undefined);
  return { run, receipt };
}

/** @returns undefined: there is nothing to treat */
async function treatRows(extraction: Extraction) {
  const { context, run } = extraction;
  const { deletes, cursorField } = run.job;
  const table = await findTargetTable(context.warehouse, targetIdentity(context, run));
  if (!table || deletes === 'keep') return undefined;
  const target = targetTable(context, run.job);
  // First, because these find the Ids in the target table.
  await eraseInvalidValues(extraction, target);
  const versions = await findVersions(context.warehouse, versionsTable(context, run.job), run.job.id);
  if (versions) await treatVersions(extraction, { names: versions.map(({ name }) => name) }, { kind: 'target', target });
  const emptied = table.columns.map(({ name }) => name).filter((name) => isEmptied(name, cursorField, PARTITION_FIELD));
  const sql = treatDeletedStatement({ target, deletes, emptied, runId: run.runId });
  const { job } = await retryJob(
    extraction,
    run.mergeTry,
    (mergeTry) => saveRun(context.database, run, { mergeTry }),
    async (number) => await runTableWrite(extraction, mergeJobId(run.runId, number), sql),
  );
  return job;
}
