import { readRows } from '../../bigquery/jobs.ts';
import {
  addMissingStatement,
  countMissingStatement,
  type DeletedRecords,
  type MissingRecords,
  treatVersionsStatement,
} from '../../bigquery/sql/versions-statements.ts';
import { PARTITION_FIELD } from '../../core/fields/partitioning.ts';
import { isEmptied } from '../../core/jobs/deletes.ts';
import type { Extraction } from '../extract/extraction.ts';
import { versionsTable } from '../names.ts';
import { runOnce } from '../run-once.ts';
import type { Versions } from './prepare-versions.ts';
import { writeVersions } from './write-versions.ts';

/**
 * Adds a version of each record that Salesforce no longer has, and treats the earlier ones as the job says.
 * @param of the table by which they are missing
 * @throws AppError bigquery_budget, lease_lost
 */
export async function addMissing(extraction: Extraction, versions: Versions, records: MissingRecords): Promise<void> {
  const { context, run } = extraction;
  if (run.job.deletes !== 'remove') {
    const sql = addMissingStatement({ versions: versionsTable(context, run.job), records, names: versions.names, runId: run.runId });
    await writeVersions(extraction, 'missing', nameOf(records), sql);
  }
  await treatVersions(extraction, versions, records);
}

/**
 * Treats the versions of records that the org no longer has, according to a sweep: those that are missing, and those of which the target table
 * has no row.
 * @param swept the former; undefined: none
 * @throws AppError bigquery_budget, lease_lost
 */
export async function treatSwept(
  extraction: Extraction,
  versions: Versions,
  swept: MissingRecords | undefined,
  absent: MissingRecords,
): Promise<void> {
  const { context, run } = extraction;
  if (swept) await addMissing(extraction, versions, swept);
  const id = await runOnce(extraction, 'absent', countMissingStatement(versionsTable(context, run.job), absent));
  const [row] = await readRows<{ records: number | string; live: number | string }>(context.warehouse, id);
  if (Number(run.job.deletes === 'remove' ? row?.records : row?.live) > 0) await addMissing(extraction, versions, absent);
}

/** Blanks or removes the versions of deleted records, unless the job keeps them. @throws AppError bigquery_budget, lease_lost */
export async function treatVersions(extraction: Extraction, { names }: Versions, records: DeletedRecords): Promise<void> {
  const { context, run } = extraction;
  const { deletes, cursorField } = run.job;
  if (deletes === 'keep') return;
  const emptied = names.filter((name) => isEmptied(name, cursorField, PARTITION_FIELD));
  const sql = treatVersionsStatement({ versions: versionsTable(context, run.job), records, deletes, emptied });
  await writeVersions(extraction, 'treat', nameOf(records), sql);
}

/** The table that says which records: part of the job's id. */
function nameOf(records: DeletedRecords): string {
  switch (records.kind) {
    case 'swept':
      return records.comparison.table;
    case 'delta':
      return records.delta.table;
    case 'target':
    case 'absent':
    case 'replaced':
      return records.target.table;
  }
}
