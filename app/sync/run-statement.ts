import { findJob, type JobOutcome, runQueryJob, type Statement } from '../bigquery/jobs.ts';
import { budgetExceededError } from '../core/budget-exceeded-error.ts';
import { billedToday, saveBilled } from '../store/runs/billed.ts';
import type { Extraction } from './extract/extraction.ts';
import { runLabels } from './names.ts';

/** What a statement needs beside its text. */
export type StatementOptions = Pick<Statement, 'replaces' | 'salt'>;

/**
 * Runs a statement as the BigQuery job `id`, or adopts that job if it exists. Limits its cost to what is left of the import job's daily
 * budget, and records the billed bytes.
 * @throws AppError bigquery_budget if nothing is left
 */
export async function runStatement(
  { context, run }: Extraction,
  id: string,
  sql: string,
  options: StatementOptions = {},
): Promise<JobOutcome> {
  const { database, warehouse, config } = context;
  const budget = config.bigquery.dailyBytesPerJob;
  const spent = await billedToday(database, run.job.id);
  const over = budgetExceededError(run.job.objectName, spent, budget);
  // An existing job is already paid for, so use it even if the budget is exhausted.
  if (spent >= budget && !(await findJob(warehouse, id))) throw over;
  const labels = runLabels(run.runId, run.job);
  const outcome = await runQueryJob(warehouse, { id, sql, labels, maxBytesBilled: Math.max(1, budget - spent), ...options });
  if (outcome.succeeded) await saveBilled(database, run.runId, id, outcome.job.bytesBilled);
  else if (outcome.error.code === 'bigquery_budget') return { ...outcome, error: over };
  return outcome;
}
