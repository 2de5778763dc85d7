import { onlyRow, type Queryable } from '../database.ts';

/** Records a statement's billed bytes, idempotently. Needs no lease: the bill is a fact, even if another worker owns the run by now. */
export async function saveBilled(database: Queryable, runId: string, statement: string, bytes: number): Promise<void> {
  await database.query('INSERT INTO billed (statement, run_id, bytes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [
    statement,
    runId,
    bytes,
  ]);
}

/** Bytes billed for the statements of all runs of a job since midnight UTC. Uses billed_by_time. */
export async function billedToday(database: Queryable, jobId: string): Promise<number> {
  const reply = await database.query<{ bytes: number }>(
    `SELECT coalesce(sum(billed.bytes), 0)::bigint AS bytes FROM billed JOIN runs ON runs.id = billed.run_id
     WHERE billed.billed_at >= date_trunc('day', now(), 'UTC') AND runs.job_id = $1`,
    [jobId],
  );
  return onlyRow(reply).bytes;
}

/** A run's statements that succeeded, over all attempts, and the bytes billed for them. Uses billed_by_run. */
export async function billedByRun(database: Queryable, runId: string): Promise<{ statements: number; bytes: number }> {
  const reply = await database.query<{ statements: number; bytes: number }>(
    'SELECT count(*) AS statements, coalesce(sum(bytes), 0)::bigint AS bytes FROM billed WHERE run_id = $1',
    [runId],
  );
  return onlyRow(reply);
}

/** A run that is older bills nothing any more, except one that waited for a person for so long. */
const MAX_RUN = '14 days';

/** Months are subtracted in the zone of a session unless the time has none. */
const LAST_MONTH = `(date_trunc('month', now() AT TIME ZONE 'UTC') - interval '1 month') AT TIME ZONE 'UTC'`;

/** What a job's statements billed in a month. */
export interface BilledMonth {
  /** its first instant, in UTC */
  month: Date;
  bytes: number;
}

/**
 * Bytes billed for the statements of a job in this month and the one before, the latest first; a month without any is absent. Those of deleted
 * runs are missing. Uses runs_by_job and billed_by_run.
 */
export async function billedByMonth(database: Queryable, jobId: string): Promise<BilledMonth[]> {
  const { rows } = await database.query<BilledMonth>(
    `SELECT date_trunc('month', billed.billed_at, 'UTC') AS month, sum(billed.bytes)::bigint AS bytes
     FROM runs JOIN billed ON billed.run_id = runs.id
     WHERE runs.job_id = $1 AND runs.created_at >= ${LAST_MONTH} - interval '${MAX_RUN}'
       AND billed.billed_at >= ${LAST_MONTH} GROUP BY 1 ORDER BY 1 DESC`,
    [jobId],
  );
  return rows;
}
