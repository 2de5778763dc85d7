import type { RunState } from '../core/runs/run-state.ts';
import { AppError } from '../errors.ts';
import type { Queryable } from './database.ts';

/** A numbered claim of a run. It fences every write of a worker: the write changes nothing once another worker has claimed the run. */
export interface Lease {
  readonly runId: string;
  readonly attempt: number;
}

/**
 * The fence of every write by a worker, for the WHERE clause of other tables; `$1` and `$2` are the lease. Its lock prevents a claim
 * between the check and the write.
 */
export const LEASE_HELD = `EXISTS (SELECT FROM runs WHERE runs.id = $1 AND runs.attempt = $2 AND runs.state = 'running' FOR SHARE)`;

/**
 * Whether no other run has the table lease of `jobs`: one that is neither queued nor running does not keep it.
 * @param runId the run's own id, in SQL
 */
export const tableIsFreeFor = (runId: string): string => `NOT EXISTS (
  SELECT FROM runs AS writer WHERE writer.id = jobs.writing_run AND writer.id <> ${runId} AND writer.state IN ('queued', 'running'))`;

/** @throws AppError lease_lost if a worker's write changed no row */
export function requireLease(changed: number | null, lease: Lease): void {
  if (changed) return;
  throw new AppError('lease_lost', 'This run was cancelled, or another worker has taken it over.', {
    details: { run: lease.runId, attempt: lease.attempt },
  });
}

/**
 * Updates the run of a lease.
 * @param assignments SQL; its parameters start at `$3`
 * @returns the run's new state
 * @throws AppError lease_lost
 */
export async function updateRun(database: Queryable, lease: Lease, assignments: string, parameters: unknown[] = []): Promise<RunState> {
  const sql = `UPDATE runs SET ${assignments} WHERE id = $1 AND attempt = $2 AND state = 'running' RETURNING state`;
  const { rows } = await database.query<{ state: RunState }>(sql, [lease.runId, lease.attempt, ...parameters]);
  requireLease(rows.length, lease);
  return rows[0]!.state;
}

/** Checks a lease before a step that writes elsewhere. @throws AppError lease_lost */
export async function checkLease(database: Queryable, lease: Lease): Promise<void> {
  const sql = `SELECT FROM runs WHERE id = $1 AND attempt = $2 AND state = 'running'`;
  requireLease((await database.query(sql, [lease.runId, lease.attempt])).rowCount, lease);
}

/** Extends a lease. @throws AppError lease_lost */
export async function extendLease(database: Queryable, lease: Lease, leaseSeconds: number): Promise<void> {
  await updateRun(database, lease, `lease_until = now() + $3 * interval '1 second'`, [leaseSeconds]);
}
