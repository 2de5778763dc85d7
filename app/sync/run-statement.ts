import { findJob, type JobOutcome, runQueryJob } from '../bigquery/jobs.ts';
import { overBudget } from '../core/over-budget.ts';
import { billedToday, saveBilled } from '../store/billed.ts';
import type { Extraction } from './extract/extraction.ts';
import { runLabels } from './names.ts';

/**
 * Runs a statement of a run as the job `id`, or adopts that job, for no more than is left of the budget that the run's job has a day,
 * and notes what it was billed.
 * @throws AppError bigquery_budget where nothing is left
 */
export async function runStatement({ context, run }: Extraction, id: string, sql: string): Promise<JobOutcome> {
  const { database, warehouse, config } = context;
  const budget = config.bigquery.dailyBytesPerJob;
  const spent = await billedToday(database, run.job.id);
  const over = overBudget(run.job.objectName, spent, budget);
  // What was paid for is taken, whatever is left.
  if (spent >= budget && !(await findJob(warehouse, id))) throw over;
  const labels = runLabels(run.runId, run.job);
  const outcome = await runQueryJob(warehouse, { id, sql, labels, mostBytes: Math.max(1, budget - spent) });
  if (outcome.succeeded) await saveBilled(database, run.runId, id, outcome.job.bytesBilled);
  else if (outcome.error.code === 'bigquery_budget') return { ...outcome, error: over };
  return outcome;
}
