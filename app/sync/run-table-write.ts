import type { JobOutcome } from '../bigquery/jobs.ts';
import { deleteTableWrite, saveTableWrite } from '../store/runs/table-writes.ts';
import type { Extraction } from './extract/extraction.ts';
import { runStatement, type StatementOptions } from './run-statement.ts';

/**
 * Runs a statement that changes the target table, as the BigQuery job `id`, or adopts that job. Records the id first: whatever becomes of
 * this run, the next one to write waits for the job. A worker that has lost the run, or the table, requests nothing.
 * @throws AppError
 */
export async function runTableWrite(extraction: Extraction, id: string, sql: string, options: StatementOptions = {}): Promise<JobOutcome> {
  const { context, run } = extraction;
  await saveTableWrite(context.database, run, id);
  const outcome = await runStatement(extraction, id, sql, options);
  await deleteTableWrite(context.database, id);
  return outcome;
}
