import { onlyRow, type Queryable } from './database.ts';

/** Notes what a statement was billed; once, whoever notes it. It needs no lease: it is so, whoever owns the run by now. */
export async function saveBilled(database: Queryable, runId: string, statement: string, bytes: number): Promise<void> {
  await database.query('INSERT INTO billed (statement, run_id, bytes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [
    statement,
    runId,
    bytes,
  ]);
}

/** Bytes that the statements of all of a job's runs were billed since midnight UTC. Leans on billed_by_time. */
export async function billedToday(database: Queryable, jobId: string): Promise<number> {
  const reply = await database.query<{ bytes: number }>(
    `SELECT coalesce(sum(billed.bytes), 0)::bigint AS bytes FROM billed JOIN runs ON runs.id = billed.run_id
     WHERE billed.billed_at >= date_trunc('day', now(), 'UTC') AND runs.job_id = $1`,
    [jobId],
  );
  return onlyRow(reply).bytes;
}

/** Bytes that a run's statements were billed. Leans on billed_by_run. */
export async function billedByRun(database: Queryable, runId: string): Promise<number> {
  const reply = await database.query<{ bytes: number }>('SELECT coalesce(sum(bytes), 0)::bigint AS bytes FROM billed WHERE run_id = $1', [
    runId,
  ]);
  return onlyRow(reply).bytes;
}
