import { ensureTargetTable, type FoundTable, type ReadyTarget } from '../../bigquery/tables/tables.ts';
import type { Context } from '../../context.ts';
import { changesColumns } from '../../core/fields/drift.ts';
import { PARTITION_FIELD } from '../../core/fields/partitioning.ts';
import { describeTable } from '../../core/fields/table-description.ts';
import { saveNewFieldColumns, saveUnfilled } from '../../store/jobs/field-columns.ts';
import { type Run, saveRun, saveTarget } from '../../store/runs/runs.ts';
import { readColumnDescriptions } from '../column-descriptions.ts';
import type { Extraction } from '../extract/extraction.ts';
import { targetIdentity } from '../extract/resolve-fields.ts';
import { runLabels } from '../names.ts';

/** An extraction with its run as it is now that the target table is ready. */
export interface Prepared {
  extraction: Extraction;
  /** what prevents the live view, if anything */
  foreignLiveView: string | null;
}

/** Creates the target table, or adds and widens its columns. The run must have the table lease. @throws AppError */
export async function prepareTarget(extraction: Extraction, found: FoundTable | undefined): Promise<Prepared> {
  const { context, run, columns } = extraction;
  const { job, drift } = run;
  const target = {
    ...targetIdentity(context, run),
    columns,
    descriptions: await describeTarget(context, run, found),
    partitionField: job.partitioned ? PARTITION_FIELD : undefined,
    changesColumns: changesColumns(drift),
    labels: runLabels(run.runId, job),
  };
  if (job.targetCreatedAt === null) await saveNewFieldColumns(context.database, run, columns);
  else await saveUnfilled(context.database, run);
  const ready = await ensureTargetTable(context.warehouse, target, found);
  warnAboutTarget(context, run, ready);
  const prepared = await saveTargetTable(context, run, ready);
  return { extraction: { ...extraction, run: prepared }, foreignLiveView: ready.foreignLiveView };
}

/** Columns are described again only if the run has rows, because the fields were described for it then. */
async function describeTarget(context: Context, run: Run, found: FoundTable | undefined) {
  const columns = run.described || !found ? await readColumnDescriptions(context, run) : new Map<string, string>();
  return { table: describeTable({ ...run.job, orgId: run.orgId }), columns };
}

/** Saves that the target table exists and, once per run, whether its MERGE only inserts. */
async function saveTargetTable({ database }: Context, run: Run, { createdAt, isEmpty }: ReadyTarget): Promise<Run> {
  const isNew = run.job.targetCreatedAt === null;
  // A rebuild may have created the table again.
  const saved = run.job.targetCreatedAt?.getTime() === createdAt.getTime() ? run : await saveTarget(database, run, createdAt);
  if (run.insertOnly !== null) return saved;
  // Only if this run created the table: an older empty table may still receive rows from an abandoned MERGE.
  return await saveRun(database, saved, { insertOnly: isNew && isEmpty });
}

/** Logs what an operator should know about the target table; the run continues. */
function warnAboutTarget({ events }: Context, run: Run, { hadExpiration, foreignLiveView }: ReadyTarget): void {
  if (hadExpiration) events.expirationRemoved(run);
  if (foreignLiveView) events.liveViewNotOurs(run, foreignLiveView);
}
