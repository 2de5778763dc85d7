import { readRows } from '../../bigquery/jobs.ts';
import {
  addVersionsStatement,
  countReturnedStatement,
  countVersionsStatement,
  missingMonthsStatement,
  removeMissingStatement,
  type VersionsStatement,
} from '../../bigquery/sql/versions-statements.ts';
import { requireCursor } from '../../core/fields/cursor.ts';
import { PARTITION_FIELD } from '../../core/fields/partitioning.ts';
import { reconcileVersions, requireReconciled, type VersionCounts } from '../../core/runs/reconciliation.ts';
import type { Delta } from '../extract/extract-run.ts';
import type { Extraction } from '../extract/extraction.ts';
import { deltaTable, versionsTable } from '../names.ts';
import { runOnce } from '../run-once.ts';
import type { Versions } from './prepare-versions.ts';
import { treatVersions } from './treat-versions.ts';
import { writeVersions } from './write-versions.ts';

/**
 * Adds a version of each row of these delta tables, unless its Id and stamp have one, and reconciles their counts. Must come before the
 * statement that changes the target table: a version that the target table had is then never lost. Blanks or removes the versions of deleted
 * rows, as the job says.
 * @returns how many versions the run has added
 * @throws AppError count_mismatch, bigquery_budget, lease_lost
 */
export async function addVersions(extraction: Extraction, versions: Versions, deltas: readonly Delta[]): Promise<number> {
  let added = 0;
  for (const delta of deltas.filter((each) => each.delta.counts.deltaRows > 0)) added += await addDelta(extraction, versions, delta);
  return added;
}

async function addDelta(extraction: Extraction, versions: Versions, { of, delta }: Delta): Promise<number> {
  const { context, run, columns } = extraction;
  const { job, pass } = run;
  const name = deltaTable(context, run.runId, of);
  const cursorField = requireCursor(job);
  const statement: VersionsStatement = {
    versions: versionsTable(context, job),
    delta: name,
    columns,
    cursorField,
    deletes: job.deletes,
    firstId: delta.firstId,
    lastId: delta.lastId,
    stampMonths: delta.stampMonths,
    partitionField: PARTITION_FIELD,
  };
  // Repairs often read a record again that a sweep did not find. Windows seldom do, and removing reads the whole table.
  if (pass.kind !== 'window' || (await hasReturned(extraction, statement)))
    await writeVersions(extraction, 'found', of, removeMissingStatement(statement));
  await writeVersions(extraction, 'add', of, addVersionsStatement(statement));
  const counts = await countVersions(extraction, statement);
  requireReconciled(reconcileVersions(counts, delta, job.deletes));
  if (delta.deletedRows > 0) await treatVersions(extraction, versions, { kind: 'delta', delta: name, cursorField });
  return counts.added;
}

/** Whether a record that a sweep did not find is among the delta table's: it was only hidden, and may have a stamp from before the sweep. */
async function hasReturned(extraction: Extraction, statement: VersionsStatement): Promise<boolean> {
  const { warehouse } = extraction.context;
  const missing = await runOnce(extraction, 'missing_months', missingMonthsStatement(statement.versions));
  const months = (await readRows<{ month: string }>(warehouse, missing)).map(({ month }) => month);
  if (months.length === 0) return false;
  const id = await runOnce(extraction, 'returned', countReturnedStatement(statement, months));
  const [row] = await readRows<{ returned: number | string }>(warehouse, id);
  return Number(row?.returned) > 0;
}

async function countVersions(extraction: Extraction, statement: VersionsStatement): Promise<VersionCounts> {
  const { context, run } = extraction;
  const id = await runOnce(extraction, 'versioned', countVersionsStatement(statement, run.runId));
  const [row] = await readRows<Record<keyof VersionCounts, number | string>>(context.warehouse, id);
  return { present: Number(row?.present), ids: Number(row?.ids), added: Number(row?.added) };
}
