import type { Queryable } from './database.ts';
import { type ListedRun, RUN_COLUMNS, toListedRun } from './listed-run.ts';

/** The latest ended runs of a job, oldest first, without windows that had no rows and cancelled runs. Uses runs_busy. */
export async function listBusyRuns(database: Queryable, jobId: string, limit: number): Promise<ListedRun[]> {
  const { rows } = await database.query<Record<string, unknown>>(
    `SELECT ${RUN_COLUMNS} FROM runs AS run
     WHERE run.job_id = $1 AND run.state IN ('succeeded', 'failed')
       AND (run.kind <> 'window' OR run.state = 'failed' OR run.receipt ->> 'distinct_ids' <> '0')
     ORDER BY run.created_at DESC LIMIT $2`,
    [jobId, limit],
  );
  return rows.map((row) => toListedRun(row)!).reverse();
}
