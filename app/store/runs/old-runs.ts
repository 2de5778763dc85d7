import type { Queryable } from '../database.ts';

/**
 * Deletes up to `limit` runs that ended more than `days` days ago, oldest first, with their slices and pages, but never the latest run of a
 * job's lane, which is displayed, nor one whose staging and delta tables were neither dropped nor have expired (after eight days). Concurrent processes
 * delete different runs. Uses runs_ended, and runs_by_job for the latest run.
 * @returns how many
 */
export async function deleteOldRuns(database: Queryable, days: number, limit: number): Promise<number> {
  // An array, because a subquery of IN may run again and then exceed the limit.
  const { rowCount } = await database.query(
    `DELETE FROM runs WHERE id = ANY(ARRAY(
       SELECT id FROM runs AS old
       WHERE finished_at < now() - $1 * interval '1 day'
         AND EXISTS (SELECT FROM runs AS newer WHERE newer.job_id = old.job_id AND newer.created_at > old.created_at
           AND (newer.kind = 'window') = (old.kind = 'window'))
         AND (old.created_at < now() - interval '8 days' OR NOT EXISTS (SELECT FROM run_tables WHERE run_id = old.id))
       ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED
     ))`,
    [days, limit],
  );
  return rowCount ?? 0;
}
