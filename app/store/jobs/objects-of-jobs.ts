import type { Queryable } from '../database.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** What a job knows about its object. */
export interface ObjectOfJob {
  jobId: string;
  /** null: the object has no usable cursor */
  cursorField: string | null;
  /** the error code with which Bulk refused the object; null: not refused so far */
  bulkRefused: string | null;
  /** formulas among the fields that the connection's user sees; null: the object has not been described yet */
  formulas: number | null;
}

/** The objects of a connection's jobs, by name. @param objectName only this one */
export async function readObjectsOfJobs(database: Queryable, connectionId: number, objectName?: string): Promise<Map<string, ObjectOfJob>> {
  const { rows } = await database.query<RowOf<ObjectOfJob & { objectName: string }>>(
    `SELECT jobs.object_name, jobs.id AS job_id, CASE WHEN NOT jobs.whole THEN jobs.cursor_field END AS cursor_field, jobs.bulk_refused,
       known.formulas
     FROM jobs LEFT JOIN (
       SELECT described_fields.job_id, count(described_fields.formula) AS formulas
       FROM described_fields JOIN jobs ON jobs.id = described_fields.job_id
       WHERE jobs.connection_id = $1 AND ($2::text IS NULL OR jobs.object_name = $2) AND described_fields.until IS NULL GROUP BY described_fields.job_id
     ) AS known ON known.job_id = jobs.id
     WHERE jobs.connection_id = $1 AND ($2::text IS NULL OR jobs.object_name = $2)`,
    [connectionId, objectName ?? null],
  );
  return new Map(rows.map(toRecord).map(({ objectName, ...object }) => [objectName, object]));
}
