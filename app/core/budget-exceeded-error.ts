import { AppError } from '../errors.ts';

/** The error of a run whose next statement exceeds what is left of its job's daily budget (UTC). `spent` and `budget` are in bytes. */
export function budgetExceededError(objectName: string, spent: number, budget: number): AppError {
  const details = { object: objectName, spent, budget };
  const sentence =
    spent === 0
      ? `One statement for ${objectName} exceeds the entire daily budget of ${gigabytes(budget)}. Raise BIGQUERY_DAILY_GB_PER_JOB to continue.`
      : `BigQuery has billed ${gigabytes(spent)} for ${objectName} today, and the next statement exceeds what is left of the daily budget of ${gigabytes(budget)}. The import resumes after midnight UTC. To resume sooner, raise BIGQUERY_DAILY_GB_PER_JOB.`;
  return new AppError('bigquery_budget', sentence, { details });
}

function gigabytes(bytes: number): string {
  return `${Number((bytes / 1e9).toFixed(2))} GB`;
}
