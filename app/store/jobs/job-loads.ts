import type { JobLoad } from '../../core/jobs/running-cost.ts';
import type { Queryable } from '../database.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** The loads of an org's active jobs. @param exceptJobId a job to leave out */
export async function activeLoads(database: Queryable, orgId: string, exceptJobId: string | undefined): Promise<JobLoad[]> {
  const { rows } = await database.query<RowOf<JobLoad>>(
    `SELECT jobs.every, jobs.cursor_nillable, jobs.weekly_changes FROM jobs JOIN connections ON connections.id = jobs.connection_id
     WHERE connections.org_id = $1 AND jobs.active AND ($2::uuid IS NULL OR jobs.id <> $2)`,
    [orgId, exceptJobId ?? null],
  );
  return rows.map(toRecord);
}

/** Saves how many rows of a job's object changed within a week; null: not counted. */
export async function saveWeeklyChanges(database: Queryable, jobId: string, weeklyChanges: number | null): Promise<void> {
  await database.query('UPDATE jobs SET weekly_changes = $2 WHERE id = $1', [jobId, weeklyChanges]);
}
