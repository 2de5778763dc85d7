import type { Queryable } from '../database.ts';
import { LEASE_HELD, type Lease, requireLease } from '../lease.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** A staging or delta table, in the staging dataset. */
export interface RunTable {
  readonly name: string;
  /** a delta table: the id of the BigQuery job that creates it; null: a staging table */
  readonly createdBy: string | null;
}

/** A run that has ended and whose tables can be dropped. */
export interface EndedRun {
  readonly runId: string;
  readonly job: { readonly id: string; readonly objectName: string };
  readonly succeeded: boolean;
  /** the BigQuery jobs that may still read its tables and write into its target table */
  readonly writes: readonly string[];
  readonly tables: readonly RunTable[];
}

/** Records a table of a run; call this before each try to create it. @throws AppError lease_lost */
export async function saveRunTable(database: Queryable, lease: Lease, { name, createdBy }: RunTable): Promise<void> {
  const { rowCount } = await database.query(
    `INSERT INTO run_tables (run_id, name, created_by) SELECT $1, $3, $4 WHERE ${LEASE_HELD}
     ON CONFLICT (run_id, name) DO UPDATE SET created_by = excluded.created_by`,
    [lease.runId, lease.attempt, name, createdBy],
  );
  requireLease(rowCount, lease);
}

/** The recorded tables of a run; some may not exist. */
export async function readRunTables(database: Queryable, runId: string): Promise<RunTable[]> {
  const { rows } = await database.query<RowOf<RunTable>>('SELECT name, created_by FROM run_tables WHERE run_id = $1', [runId]);
  return rows.map(toRecord);
}

/** A table with its run. */
type ClaimedRow = RowOf<RunTable & Pick<EndedRun, 'runId' | 'succeeded' | 'writes'>> & { job_id: string; object_name: string };

/**
 * Claims the tables of one ended run for `seconds`; until then, no other process gets them. Waits for the lease of a run that did not
 * succeed to expire: its worker may not have noticed that it was cancelled.
 * @returns undefined if there are none
 */
export async function claimRunTables(database: Queryable, seconds: number): Promise<EndedRun | undefined> {
  // The run's row is locked, because processes that lock different tables of one run would deadlock.
  const { rows } = await database.query<ClaimedRow>(
    `WITH next AS (
       SELECT runs.id FROM run_tables JOIN runs ON runs.id = run_tables.run_id
       WHERE run_tables.drop_at <= now()
         AND (runs.state = 'succeeded' OR (runs.state IN ('failed', 'cancelled') AND coalesce(runs.lease_until, '-infinity') < now()))
       ORDER BY run_tables.drop_at LIMIT 1 FOR NO KEY UPDATE OF runs SKIP LOCKED
     )
     UPDATE run_tables SET drop_at = now() + $1 * interval '1 second'
     FROM next JOIN runs ON runs.id = next.id JOIN jobs ON jobs.id = runs.job_id
     WHERE run_tables.run_id = next.id AND run_tables.drop_at <= now()
     RETURNING run_tables.run_id, run_tables.name, run_tables.created_by, jobs.id AS job_id, jobs.object_name,
       runs.state = 'succeeded' AS succeeded,
       ARRAY(SELECT statement FROM table_writes WHERE table_writes.run_id = runs.id AND table_writes.job_id = jobs.id) AS writes`,
    [seconds],
  );
  if (!rows[0]) return undefined;
  const { run_id, job_id, object_name, succeeded, writes } = rows[0];
  const tables = rows.map(({ name, created_by }) => toRecord({ name, created_by }));
  return { runId: run_id, job: { id: job_id, objectName: object_name }, succeeded, writes, tables };
}

/** Forgets tables that no longer exist. */
export async function deleteRunTables(database: Queryable, runId: string, names: readonly string[]): Promise<void> {
  await database.query('DELETE FROM run_tables WHERE run_id = $1 AND name = ANY($2)', [runId, names]);
}
