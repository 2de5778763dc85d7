import type { Queryable } from './database.ts';

/**
 * For each run in progress, and its job, a text that changes with every change of what is stored about them: also of slices, pages, events
 * and statements. Reads no content, and every row version's xmin is new, so sums of them change with each insertion and update. Uses
 * runs_running, the primary keys, billed_by_run and table_writes_by_job.
 * @returns by the ids of runs and jobs
 */
export async function readFingerprints(database: Queryable): Promise<Map<string, string>> {
  const { rows } = await database.query<{ run_id: string; job_id: string; fingerprint: string }>(
    `SELECT run.id AS run_id, run.job_id, concat_ws(' ', run.xmin, jobs.xmin, connections.xmin, slice.versions, page.versions, event.newest,
       statement.versions, unfinished.versions) AS fingerprint
     FROM runs AS run JOIN jobs ON jobs.id = run.job_id JOIN connections ON connections.id = jobs.connection_id
     CROSS JOIN LATERAL (SELECT sum(xmin::text::bigint) AS versions FROM slices WHERE run_id = run.id) AS slice
     CROSS JOIN LATERAL (SELECT sum(xmin::text::bigint) AS versions FROM pages WHERE run_id = run.id) AS page
     CROSS JOIN LATERAL (SELECT max(id) AS newest FROM run_events WHERE run_id = run.id) AS event
     CROSS JOIN LATERAL (SELECT sum(xmin::text::bigint) AS versions FROM billed WHERE run_id = run.id) AS statement
     CROSS JOIN LATERAL (SELECT sum(xmin::text::bigint) AS versions FROM table_writes WHERE job_id = run.job_id AND run_id = run.id) AS unfinished
     WHERE run.state = 'running' ORDER BY run.job_id, run.id`,
  );
  const ofJobs = Map.groupBy(rows, ({ job_id }) => job_id);
  return new Map([
    ...rows.map(({ run_id, fingerprint }) => [run_id, fingerprint] as const),
    ...[...ofJobs].map(([id, runs]) => [id, runs.map(({ run_id, fingerprint }) => `${run_id} ${fingerprint}`).join()] as const),
  ]);
}
