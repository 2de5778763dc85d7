import { copyVersionsStatement } from '../../bigquery/sql/versions-statements.ts';
import { findTargetTable } from '../../bigquery/tables/tables.ts';
import { ensureVersionsTable } from '../../bigquery/tables/versions-table.ts';
import { requireCursor } from '../../core/fields/cursor.ts';
import { changesColumns } from '../../core/fields/drift.ts';
import { saveVersionsSince } from '../../store/versions-since.ts';
import { readColumnDescriptions } from '../column-descriptions.ts';
import type { Extraction } from '../extract/extraction.ts';
import { targetIdentity } from '../extract/resolve-fields.ts';
import { runLabels, targetTable, versionsTable, versionsView } from '../names.ts';
import { writeVersions } from './write-versions.ts';

/** A job's table of versions, ready for the run's. */
export interface Versions {
  /** the names of its columns */
  names: readonly string[];
}

/**
 * Creates the job's table of versions, or adds and widens its columns. A table that has just been requested gets a copy of the target table
 * first, so that what the run overwrites there is kept. The target table must be ready, the run must have the table lease, and other writes must
 * be fenced.
 * @param isNeeded whether the run may write versions
 * @returns undefined if the job keeps none, or if there is nothing to prepare
 * @throws AppError target_replaced if the table is not that of the job; bigquery_budget, lease_lost
 */
export async function prepareVersions(extraction: Extraction, isNeeded: boolean): Promise<Versions | undefined> {
  const { context, run, columns } = extraction;
  const { job } = run;
  const wasThere = job.versionsSince !== null;
  if (!job.history || (wasThere && !isNeeded)) return undefined;
  const { columns: found, foreignView } = await ensureVersionsTable(context.warehouse, {
    name: versionsTable(context, job),
    view: versionsView(context, job),
    jobId: job.id,
    target: targetTable(context, job),
    wasThere,
    columns,
    descriptions: await readColumnDescriptions(context, run),
    changesColumns: changesColumns(run.drift),
    labels: runLabels(run.runId, job),
  });
  if (foreignView) context.events.liveViewNotOurs(run, foreignView);
  const names = found.map(({ name }) => name);
  if (!wasThere) await copyTarget(extraction, names);
  return { names };
}

async function copyTarget(extraction: Extraction, names: readonly string[]): Promise<void> {
  const { context, run } = extraction;
  const target = await findTargetTable(context.warehouse, targetIdentity(context, run));
  if (target && target.metadata.numRows !== '0') {
    const existing = new Set(target.columns.map(({ name }) => name.toLowerCase()));
    const sql = copyVersionsStatement({
      versions: versionsTable(context, run.job),
      target: targetTable(context, run.job),
      names: names.filter((name) => existing.has(name.toLowerCase())),
      cursorField: requireCursor(run.job),
    });
    await writeVersions(extraction, 'copy', run.job.targetTable, sql);
  }
  await saveVersionsSince(context.database, run);
}
