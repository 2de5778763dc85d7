import { JOBS_TABLE } from '../../core/fields/metadata-tables.ts';
import { type JobStatus, toJobRow } from '../../core/jobs/job-rows.ts';
import type { Queryable } from '../database.ts';
import { insertReplacement } from '../outbox/outbox.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** Creates a batch with all jobs of a dataset, unless the newest one has the same content. Must be called in a transaction. Uses runs_by_job. */
export async function batchJobs(client: Queryable, dataset: string): Promise<void> {
  const { rows } = await client.query<RowOf<JobStatus>>(
    `SELECT jobs.id AS job_id, jobs.object_name, jobs.target_table, jobs.synced_to, jobs.every, jobs.active, jobs.start_date,
       connections.status <> 'active' AS needs_login, latest.error_code,
       (SELECT finished_at FROM runs WHERE job_id = jobs.id AND kind = 'window' AND state = 'succeeded'
        ORDER BY created_at DESC LIMIT 1) AS last_success_at
     FROM jobs JOIN connections ON connections.id = jobs.connection_id
     LEFT JOIN LATERAL (
       SELECT CASE WHEN state IN ('queued', 'running', 'failed') THEN error_code END AS error_code FROM runs
       WHERE job_id = jobs.id AND kind = 'window' ORDER BY created_at DESC LIMIT 1
     ) AS latest ON true
     WHERE jobs.target_dataset = $1 ORDER BY jobs.created_at, jobs.id`,
    [dataset],
  );
  await insertReplacement(
    client,
    dataset,
    JOBS_TABLE.name,
    rows.map((row) => toJobRow(toRecord(row))),
  );
}
