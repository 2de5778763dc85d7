import type { Queryable } from './database.ts';
import { type ListedRun, RUN_COLUMNS, toListedRun } from './runs/listed-run.ts';

/** The latest ended runs of a job, oldest first, without windows that had no rows and cancelled runs. Uses runs_busy. */
export async function listBusyRuns(database: Queryable, jobId: string, limit: number): Promise<ListedRun[]> {
  const condition = `run.state IN ('succeeded', 'failed')
    AND (run.kind <> 'window' OR run.state = 'failed' OR run.receipt ->> 'distinct_ids' <> '0')`;
  return (await latestRuns(database, jobId, condition, limit)).reverse();
}

/** The latest runs of a job that found invalid values, newest first. Uses runs_with_invalid_values. */
export async function listRunsWithInvalidValues(database: Queryable, jobId: string, limit: number): Promise<ListedRun[]> {
  return await latestRuns(database, jobId, `run.receipt -> 'invalid_values' <> '{}'`, limit);
}

async function latestRuns(database: Queryable, jobId: string, condition: string, limit: number): Promise<ListedRun[]> {
  const { rows } = await database.query<Record<string, unknown>>(
    `SELECT ${RUN_COLUMNS} FROM runs AS run WHERE run.job_id = $1 AND ${condition} ORDER BY run.created_at DESC LIMIT $2`,
    [jobId, limit],
  );
  return rows.map((row) => toListedRun(row)!);
}
