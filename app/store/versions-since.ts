import type { Queryable } from './database.ts';
import { LEASE_HELD, requireLease } from './lease.ts';
import type { Run } from './runs/runs.ts';

/** Records that a job's table of versions has a version of every row of its target table. @throws AppError lease_lost */
export async function saveVersionsSince(database: Queryable, { runId, attempt, job }: Run): Promise<void> {
  const { rowCount } = await database.query(`UPDATE jobs SET versions_since = now() WHERE id = $3 AND ${LEASE_HELD}`, [
    runId,
    attempt,
    job.id,
  ]);
  requireLease(rowCount, { runId, attempt });
}
