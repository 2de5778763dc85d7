import type { Queryable } from '../database.ts';
import { REPAIR_FAILED } from './repair-failed-sql.ts';

/** Why a job needs a person. */
export type JobConcern = 'window_failed' | 'repair_failed' | 'fields_pending';

/** The jobs that need a person for one reason. */
export interface ConcernedJobs {
  concern: JobConcern;
  /** how many */
  jobs: number;
  /** the ids of the first, in the order of their objects' names */
  first: string[];
}

/** The jobs that need a person, by why, with the ids of the first `limit` each. Uses runs_by_job, runs_ended_repairs and runs_one_open_per_lane. */
export async function jobsOfConcern(database: Queryable, limit: number): Promise<ConcernedJobs[]> {
  const { rows } = await database.query<ConcernedJobs>(
    `WITH current AS MATERIALIZED (
       SELECT jobs.* FROM jobs JOIN connections ON connections.id = jobs.connection_id WHERE jobs.active AND connections.status = 'active'
     ), concerns AS (
       SELECT 'window_failed' AS concern, current.id, object_name FROM current CROSS JOIN LATERAL (
         SELECT state FROM runs WHERE job_id = current.id AND kind = 'window' ORDER BY created_at DESC LIMIT 1) AS latest
       WHERE synced_to < wanted_to AND latest.state = 'failed'
       UNION ALL
       SELECT 'repair_failed', jobs.id, object_name FROM current AS jobs WHERE ${REPAIR_FAILED}
       UNION ALL
       SELECT 'fields_pending', current.id, object_name FROM current CROSS JOIN LATERAL (
         SELECT receipt FROM runs WHERE job_id = current.id AND kind = 'window' AND state = 'succeeded' AND insert_only IS NOT NULL
         ORDER BY created_at DESC LIMIT 1) AS latest
       WHERE new_fields = 'review' AND EXISTS (
         SELECT FROM jsonb_array_elements_text(coalesce(receipt->'fields_pending', '[]')) AS field WHERE NOT approved_fields ? field)
     )
     SELECT concern, count(*) AS jobs, (array_agg(id ORDER BY lower(object_name), id))[1:$1] AS first FROM concerns GROUP BY concern
     ORDER BY array_position(ARRAY['window_failed', 'repair_failed', 'fields_pending'], concern)`,
    [limit],
  );
  return rows;
}
