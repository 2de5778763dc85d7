import type pg from 'pg';
import type { FieldColumn } from '../../core/fields/columns.ts';
import type { Drift } from '../../core/fields/drift.ts';
import { type FieldPlan, groupsOf } from '../../core/fields/field-groups.ts';
import { type Queryable, transaction } from '../database.ts';
import { LEASE_HELD, type Lease, requireLease } from '../lease.ts';
import { type Run, saveRun } from './runs.ts';
import { NEXT_GENERATION } from './slices.ts';

/** The fields that a run requests, with their columns, and how these differ from the target table's. */
export interface RunFields {
  columns: FieldColumn[];
  drift: Drift;
}

/**
 * Replaces the fields of a run that has no rows yet, and deletes its slices, to be planned again.
 * @throws AppError lease_lost, in which case nothing has changed
 */
export async function replaceFields(database: Queryable, run: Run, { columns, drift }: RunFields): Promise<Run> {
  const { rowCount } = await database.query(
    `WITH changed AS (
       UPDATE runs SET columns = $3, drift = $4 WHERE id = $1 AND attempt = $2 AND state = 'running' RETURNING id
     ), deleted AS (
       DELETE FROM slices USING changed WHERE slices.run_id = changed.id
     )
     SELECT FROM changed`,
    [run.runId, run.attempt, JSON.stringify(columns), JSON.stringify(drift)],
  );
  requireLease(rowCount, run);
  return { ...run, columns, drift };
}

/** A change to the fields of a run that may have rows. */
export interface FieldChange extends RunFields {
  plan: FieldPlan;
  /** the group whose queries change: its slices are requested again, except staged ones */
  group: number;
  /** a new group, which gets slices of the same ranges; undefined: none */
  newGroup?: number | undefined;
}

/** Changes a run's fields and saves the plan with its job. @throws AppError lease_lost, in which case nothing has changed */
export async function changeFields(database: pg.Pool, run: Run, change: FieldChange): Promise<Run> {
  const { columns, drift, plan, group, newGroup } = change;
  return await transaction(database, async (client) => {
    const changed = await saveRun(client, await saveFieldPlan(client, run, plan), { columns, drift });
    if (newGroup !== undefined) await copySlices(client, run, group, newGroup);
    await client.query(
      `UPDATE slices SET ${NEXT_GENERATION} WHERE run_id = $1 AND field_group = $2 AND method IS NOT NULL AND state <> 'staged'`,
      [run.runId, group],
    );
    await client.query('DELETE FROM slices WHERE run_id = $1 AND field_group <> ALL($2)', [run.runId, groupsOf(columns)]);
    return changed;
  });
}

/** Saves what refused queries revealed about the fields of the run's job. @throws AppError lease_lost */
export async function saveFieldPlan(database: Queryable, run: Run, plan: FieldPlan): Promise<Run> {
  const { rowCount } = await database.query(`UPDATE jobs SET field_plan = $4 WHERE id = $3 AND ${LEASE_HELD}`, [
    run.runId,
    run.attempt,
    run.job.id,
    JSON.stringify(plan),
  ]);
  requireLease(rowCount, run);
  return { ...run, job: { ...run.job, fieldPlan: plan } };
}

async function copySlices(client: Queryable, { runId }: Lease, group: number, newGroup: number): Promise<void> {
  await client.query(
    `INSERT INTO slices (run_id, ordinal, field_group, cursor_from, cursor_to, open, id_from, id_to, null_cursor, ids)
     SELECT run_id, (SELECT max(ordinal) FROM slices WHERE run_id = $1) + row_number() OVER (ORDER BY ordinal), $3,
       cursor_from, cursor_to, open, id_from, id_to, null_cursor, ids
     FROM slices WHERE run_id = $1 AND field_group = $2`,
    [runId, group, newGroup],
  );
}
