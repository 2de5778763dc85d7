import { query } from '../../bigquery/jobs.ts';
import { targetCountStatement } from '../../bigquery/sql/table-statements.ts';
import type { Extraction } from '../extract/extraction.ts';
import { runLabels, targetTable } from '../names.ts';

/** Counts the rows of a run's target table. The count is free, so the daily budget does not apply. @throws AppError */
export async function countTarget({ context, run }: Extraction): Promise<number> {
  const sql = targetCountStatement(targetTable(context, run.job));
  const [row] = await query<{ target_rows: number | string }>(context.warehouse, sql, runLabels(run.runId, run.job));
  return Number(row?.target_rows ?? Number.NaN);
}
