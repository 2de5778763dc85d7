import type pg from 'pg';
import { type PoolOrClient, type Queryable, transaction } from '../database.ts';
import { batchEndedRuns } from '../runs/batch-ended-runs.ts';
import type { EndedRun } from '../runs/run-tables.ts';
import type { TableWrite } from '../runs/table-writes.ts';
import { toRecord } from '../to-record.ts';
import { type CancelledRun, cancelRuns, lockOpenRuns } from './jobs.ts';

/** The error of a run that ended because its job is being deleted. */
const JOB_DELETED = { code: 'cancelled', message: 'Cancelled because its job is being deleted.' };

/** Pauses a job and cancels its open runs, whose workers lose their leases. @returns the cancelled runs */
export async function stopJob(database: pg.Pool, jobId: string): Promise<CancelledRun[]> {
  return await transaction(database, async (client) => {
    await lockOpenRuns(client, jobId);
    await client.query('UPDATE jobs SET active = false WHERE id = $1', [jobId]);
    return await cancelRuns(client, jobId, `state IN ('queued', 'running')`, JOB_DELETED);
  });
}

/** The BigQuery jobs that may still change a job's target table. Uses table_writes_by_job. */
export async function readTableWrites(database: Queryable, jobId: string): Promise<TableWrite[]> {
  const { rows } = await database.query<{ statement: string; run_id: string }>(
    'SELECT statement, run_id FROM table_writes WHERE job_id = $1 ORDER BY created_at, statement',
    [jobId],
  );
  return rows.map(toRecord);
}

/** The ended runs of a job that have staging or delta tables left. None of their statements writes its target table any more. */
export async function readRunsWithTables(database: Queryable, job: EndedRun['job']): Promise<EndedRun[]> {
  const { rows } = await database.query<{ run_id: string; succeeded: boolean; name: string; created_by: string | null }>(
    `SELECT run_tables.run_id, runs.state = 'succeeded' AS succeeded, run_tables.name, run_tables.created_by
     FROM run_tables JOIN runs ON runs.id = run_tables.run_id WHERE runs.job_id = $1 AND runs.state NOT IN ('queued', 'running')
     ORDER BY run_tables.run_id, run_tables.name`,
    [job.id],
  );
  return [...Map.groupBy(rows, ({ run_id }) => run_id)].map(([runId, tables]) => ({
    runId,
    job,
    succeeded: tables[0]!.succeeded,
    writes: [],
    tables: tables.map(({ name, created_by }) => toRecord({ name, created_by })),
  }));
}

/** Deletes a job with its runs, slices and pages; the warehouse gets what these runs counted. @returns false if a run of it is open */
export async function deleteStoredJob(database: PoolOrClient, jobId: string): Promise<boolean> {
  return await transaction(database, async (client) => {
    // No run can be queued from here on.
    const { rows } = await client.query<{ target_dataset: string }>('SELECT target_dataset FROM jobs WHERE id = $1 FOR UPDATE', [jobId]);
    if (!rows[0]) return true;
    const open = await client.query(`SELECT FROM runs WHERE job_id = $1 AND state IN ('queued', 'running') LIMIT 1`, [jobId]);
    if (open.rowCount !== 0) return false;
    for (let batched = 1; batched > 0; ) batched = await batchEndedRuns(client, rows[0].target_dataset);
    await client.query('DELETE FROM runs WHERE job_id = $1', [jobId]);
    await client.query('DELETE FROM jobs WHERE id = $1', [jobId]);
    return true;
  });
}
