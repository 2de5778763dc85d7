import type { RunKind } from '../../core/runs/pass.ts';
import type { Queryable } from '../database.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** A run that a worker has claimed. */
export interface RunLease {
  runId: string;
  jobId: string;
  objectName: string;
  kind: RunKind;
  /** how often it was claimed */
  attempt: number;
  startedAt: Date | null;
  /** then another worker may take it, unless it is extended */
  leaseUntil: Date;
}

/** The runs in progress, those that are about to lose their lease first. Uses runs_running. */
export async function listLeases(database: Queryable, limit: number): Promise<RunLease[]> {
  const { rows } = await database.query<RowOf<RunLease>>(
    `SELECT runs.id AS run_id, runs.job_id, jobs.object_name, runs.kind, runs.attempt, runs.started_at, runs.lease_until
     FROM runs JOIN jobs ON jobs.id = runs.job_id WHERE runs.state = 'running' ORDER BY runs.lease_until LIMIT $1`,
    [limit],
  );
  return rows.map(toRecord);
}
