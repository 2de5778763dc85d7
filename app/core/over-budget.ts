import { AppError } from '../errors.ts';

/** What a run meets whose next statement costs more than is left of its job's budget of the day (UTC). Bytes. */
export function overBudget(objectName: string, spent: number, budget: number): AppError {
  const details = { object: objectName, spent, budget };
  const sentence =
    spent === 0
      ? `A statement for ${objectName} costs more than a whole day's budget of ${gigabytes(budget)}: raise BIGQUERY_DAILY_GB_PER_JOB, and it goes on.`
      : `BigQuery has billed ${gigabytes(spent)} for ${objectName} today, and the next statement costs more than is left of the day's ${gigabytes(budget)}: it goes on after midnight UTC, or once BIGQUERY_DAILY_GB_PER_JOB is raised.`;
  return new AppError('bigquery_budget', sentence, { details });
}

function gigabytes(bytes: number): string {
  return `${Number((bytes / 1e9).toFixed(2))} GB`;
}
