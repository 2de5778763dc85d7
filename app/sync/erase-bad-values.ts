import { eraseBadValuesStatement } from '../bigquery/sql.ts';
import { hasRows } from '../bigquery/tables.ts';
import type { Extraction } from './extraction.ts';
import { badValuesTable, deltaTable } from './names.ts';
import { runOnce } from './run-once.ts';

/**
 * Where a job keeps no values of deleted rows, neither are their texts kept that did not cast: this run's, and those of runs before.
 * @throws AppError
 */
export async function eraseBadValues(extraction: Extraction): Promise<void> {
  const { context, run } = extraction;
  if (run.job.deletes === 'keep') return;
  const table = badValuesTable(context, run.job);
  if (!(await hasRows(context.warehouse, table))) return;
  await runOnce(extraction, 'erase', eraseBadValuesStatement(table, run.job.objectName, deltaTable(context, run.runId)));
}
