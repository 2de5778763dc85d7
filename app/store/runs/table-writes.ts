import { AppError } from '../../errors.ts';
import type { Queryable } from '../database.ts';
import type { Job } from '../jobs/jobs.ts';
import { checkLease, LEASE_HELD, requireLease, tableIsFreeFor } from '../lease.ts';
import { type RowOf, toRecord } from '../to-record.ts';
import type { Run } from './runs.ts';

/** A BigQuery job that may still change a target table, or store values beside it. */
export interface TableWrite {
  /** BigQuery's job id */
  readonly statement: string;
  readonly runId: string;
}

/**
 * Takes the table lease: until it is released or the run ends, no other run of the job may change the target table.
 * @returns the run with its job's current `deletes`, a change of which is followed by a repair that waits for the lease, and `history`
 * @throws AppError table_busy if another open run has it; lease_lost
 */
export async function takeTable(database: Queryable, run: Run): Promise<Run> {
  const { rows } = await database.query<RowOf<Pick<Job, 'deletes' | 'history' | 'versionsSince'>>>(
    `UPDATE jobs SET writing_run = $1 WHERE id = $3 AND ${LEASE_HELD} AND ${tableIsFreeFor('$1')} RETURNING deletes, history, versions_since`,
    [run.runId, run.attempt, run.job.id],
  );
  if (rows[0]) return { ...run, job: { ...run.job, ...toRecord(rows[0]) } };
  await checkLease(database, run);
  throw new AppError('table_busy', 'Another run of this job is writing its table. This run continues when that one has finished.');
}

/** Releases the table lease of a run that waits. A run that ends releases it by itself. */
export async function releaseTable(database: Queryable, run: Run): Promise<void> {
  await database.query('UPDATE jobs SET writing_run = NULL WHERE id = $1 AND writing_run = $2', [run.job.id, run.runId]);
}

/**
 * Records a BigQuery job before it is requested, if the run has the table lease.
 * @throws AppError lease_lost: nothing may be requested
 */
export async function saveTableWrite(database: Queryable, run: Run, statement: string): Promise<void> {
  const { rowCount } = await database.query(
    `INSERT INTO table_writes (statement, job_id, run_id)
     SELECT $3, id, $1 FROM jobs WHERE id = $4 AND writing_run = $1 AND ${LEASE_HELD}
     ON CONFLICT (statement) DO UPDATE SET created_at = table_writes.created_at`,
    [run.runId, run.attempt, statement, run.job.id],
  );
  requireLease(rowCount, run);
}

/** Records a BigQuery job that stores values beside the target table before it is requested. Needs no table lease. @throws AppError lease_lost */
export async function saveValuesWrite(database: Queryable, run: Run, statement: string): Promise<void> {
  const { rowCount } = await database.query(`INSERT INTO table_writes (statement, job_id, run_id) SELECT $3, $4, $1 WHERE ${LEASE_HELD}`, [
    run.runId,
    run.attempt,
    statement,
    run.job.id,
  ]);
  requireLease(rowCount, run);
}

/** The BigQuery jobs of other runs that may still change the target table of a run's job or store values beside it, oldest first. Uses table_writes_by_job. */
export async function readOtherWrites(database: Queryable, { runId, job }: Pick<Run, 'runId' | 'job'>): Promise<TableWrite[]> {
  const { rows } = await database.query<{ statement: string; run_id: string }>(
    'SELECT statement, run_id FROM table_writes WHERE job_id = $1 AND run_id <> $2 ORDER BY created_at, statement',
    [job.id, runId],
  );
  return rows.map(toRecord);
}

/** The BigQuery jobs of this run that may still change its target table or store values beside it, oldest first. Uses table_writes_by_job. */
export async function readOwnWrites(database: Queryable, { runId, job }: Pick<Run, 'runId' | 'job'>): Promise<TableWrite[]> {
  const { rows } = await database.query<{ statement: string; run_id: string }>(
    'SELECT statement, run_id FROM table_writes WHERE job_id = $1 AND run_id = $2 ORDER BY created_at, statement',
    [job.id, runId],
  );
  return rows.map(toRecord);
}

/** Forgets a BigQuery job that has ended. */
export async function deleteTableWrite(database: Queryable, statement: string): Promise<void> {
  await database.query('DELETE FROM table_writes WHERE statement = $1', [statement]);
}
