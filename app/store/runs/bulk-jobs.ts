import type { Queryable } from '../database.ts';

/** Bulk jobs of a connection that no run needs. */
export interface LeftoverBulkJobs {
  readonly connectionId: number;
  readonly orgId: string;
  readonly ids: readonly string[];
}

/** Salesforce deletes finished and stuck jobs after seven days by itself. */
const FORGET_AFTER = '8 days';

/** The slice of a Bulk job, unless it requests its rows again, or was deleted. */
const ITS_SLICE = `SELECT FROM slices WHERE slices.run_id = bulk_jobs.run_id AND slices.ordinal = bulk_jobs.slice AND slices.bulk_job_id = bulk_jobs.id`;

/** Forgets the Bulk jobs of runs that succeeded, whose results were used, and those that Salesforce has deleted by now. */
export async function forgetUsedBulkJobs(database: Queryable): Promise<void> {
  await database.query(
    `DELETE FROM bulk_jobs WHERE created_at < now() - interval '${FORGET_AFTER}'
       OR (EXISTS (SELECT FROM runs WHERE runs.id = bulk_jobs.run_id AND runs.state = 'succeeded') AND EXISTS (${ITS_SLICE}))`,
  );
}

/**
 * Claims Bulk jobs of one connection that no run needs: their run ended without them, or was deleted, or their slice was cut or requested
 * again. For `seconds`, no other process gets them.
 * @returns undefined if there are none; those of a connection that needs a login wait for it
 */
export async function claimLeftoverBulkJobs(database: Queryable, seconds: number, limit: number): Promise<LeftoverBulkJobs | undefined> {
  const leftover = `bulk_jobs.delete_at <= now() AND NOT EXISTS (
    SELECT FROM runs WHERE runs.id = bulk_jobs.run_id AND runs.state NOT IN ('failed', 'cancelled') AND EXISTS (${ITS_SLICE}))`;
  const { rows } = await database.query<{ connection_id: number; org_id: string; id: string }>(
    `WITH next AS (
       SELECT connection_id FROM bulk_jobs JOIN connections ON connections.id = connection_id
       WHERE connections.status = 'active' AND ${leftover} ORDER BY delete_at LIMIT 1
     ), claimed AS (
       SELECT connection_id, id FROM bulk_jobs WHERE connection_id = (SELECT connection_id FROM next) AND ${leftover}
       ORDER BY delete_at LIMIT $2 FOR UPDATE SKIP LOCKED
     )
     UPDATE bulk_jobs SET delete_at = now() + $1 * interval '1 second'
     FROM claimed JOIN connections ON connections.id = claimed.connection_id
     WHERE bulk_jobs.connection_id = claimed.connection_id AND bulk_jobs.id = claimed.id
     RETURNING bulk_jobs.connection_id, connections.org_id, bulk_jobs.id`,
    [seconds, limit],
  );
  if (!rows[0]) return undefined;
  return { connectionId: rows[0].connection_id, orgId: rows[0].org_id, ids: rows.map(({ id }) => id) };
}

/** Forgets a Bulk job that no longer exists. */
export async function forgetBulkJob(database: Queryable, connectionId: number, id: string): Promise<void> {
  await database.query('DELETE FROM bulk_jobs WHERE connection_id = $1 AND id = $2', [connectionId, id]);
}
