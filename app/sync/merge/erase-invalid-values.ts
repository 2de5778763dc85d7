import { eraseInvalidValuesStatement } from '../../bigquery/sql/invalid-values-statements.ts';
import type { TableName } from '../../bigquery/sql/quote.ts';
import { hasInvalidValues } from '../../bigquery/tables/invalid-values-table.ts';
import type { Extraction } from '../extract/extraction.ts';
import { invalidValuesTable } from '../names.ts';
import { runOnce } from '../run-once.ts';

/**
 * Erases the invalid values of deleted rows, from this run and earlier ones, unless the job keeps deleted rows.
 * @param delta the run's delta table
 * @throws AppError
 */
export async function eraseInvalidValues(extraction: Extraction, delta: TableName): Promise<void> {
  const { context, run } = extraction;
  if (run.job.deletes === 'keep') return;
  const table = invalidValuesTable(context, run.job);
  if (!(await hasInvalidValues(context.warehouse, table))) return;
  await runOnce(extraction, 'erase', eraseInvalidValuesStatement(table, run.job.objectName, delta));
}
