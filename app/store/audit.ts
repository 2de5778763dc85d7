import type { Queryable } from './database.ts';
import { type RowOf, toRecord } from './to-record.ts';

/** What a change concerns. */
interface Subject {
  jobId: string | null;
  objectName: string | null;
  runId: string | null;
  connectionId: number | null;
}

/** A change that a caller requested. */
export interface Change extends Partial<Subject> {
  /** the name of the caller's API key */
  by: string;
  /** the name of the log event */
  action: string;
  /** never secrets or record values */
  details?: Record<string, unknown>;
}

/** A recorded change. */
export interface AuditRow extends Subject {
  id: number;
  at: Date;
  by: string;
  action: string;
  details: Record<string, unknown>;
}

/** How long changes are kept. */
const KEPT = '400 days';

/** A job, as a change names it. */
export function aboutJob({ id, objectName }: { id: string; objectName: string }): Pick<Subject, 'jobId' | 'objectName'> {
  return { jobId: id, objectName };
}

/** Records a change. */
export async function insertChange(database: Queryable, change: Change): Promise<void> {
  const { by, action, jobId = null, objectName = null, runId = null, connectionId = null, details = {} } = change;
  await database.query(
    'INSERT INTO audit (by, action, job_id, object_name, run_id, connection_id, details) VALUES ($1, $2, $3, $4, $5, $6, $7)',
    [by, action, jobId, objectName, runId, connectionId, JSON.stringify(details)],
  );
}

/** A part of the recorded changes, newest first. @param before the id of the row before it; undefined: from the newest */
export async function listChanges(database: Queryable, limit: number, before: number | undefined): Promise<AuditRow[]> {
  const { rows } = await database.query<RowOf<AuditRow>>(
    `SELECT id, at, by, action, job_id, object_name, run_id, connection_id, details FROM audit
     WHERE $1::bigint IS NULL OR id < $1 ORDER BY id DESC LIMIT $2`,
    [before ?? null, limit],
  );
  return rows.map(toRecord);
}

/** Deletes changes that are no longer kept. Uses audit_by_time. */
export async function deleteOldAudit(database: Queryable): Promise<void> {
  await database.query(`DELETE FROM audit WHERE at < now() - interval '${KEPT}'`);
}
