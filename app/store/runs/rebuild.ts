import type pg from 'pg';
import { RUN_STATE_AFTER } from '../../core/runs/run-state.ts';
import { type Queryable, transaction } from '../database.ts';
import { saveFilled } from '../jobs/field-columns.ts';
import { requireLease } from '../lease.ts';
import { endSucceeded } from './end-run.ts';
import { queueBackfill, queueRuns } from './queue-runs.ts';
import type { Run } from './runs.ts';

/**
 * Sets the range of a rebuild before it reads anything: from the job's start date to its `last_date`, which no window moves while the run has
 * the table lease.
 * @throws AppError lease_lost
 */
export async function startRebuild(database: Queryable, run: Run): Promise<Run> {
  if (run.pass.kind !== 'rebuild' || run.columns !== null) return run;
  const { rows } = await database.query<{ from: Date; to: Date }>(
    `UPDATE runs SET window_from = jobs.start_date, window_to = jobs.synced_to, repair_to = jobs.synced_to FROM jobs
     WHERE runs.id = $1 AND runs.attempt = $2 AND runs.state = 'running' AND jobs.id = runs.job_id
     RETURNING runs.window_from AS "from", runs.window_to AS "to"`,
    [run.runId, run.attempt],
  );
  requireLease(rows.length, run);
  const window = rows[0]!;
  return { ...run, window, repairTo: window.to };
}

/**
 * Completes a rebuild: saves its receipt and state, and starts the job's open window over, because what it has read may be older than the
 * table now; all in one transaction. Leaves `last_date` unchanged.
 * @param rereadFrom the next window rereads rows from here on; null: none
 * @throws AppError lease_lost, in which case nothing has changed
 */
export async function succeedRebuild(database: pg.Pool, run: Run, receipt: object, rereadFrom: Date | null): Promise<void> {
  await transaction(database, async (client) => {
    await endSucceeded(client, run, receipt);
    await client.query(
      `UPDATE runs SET state = '${RUN_STATE_AFTER.cancel}', finished_at = now(), error_code = $2, error_message = $3
       WHERE job_id = $1 AND kind = 'window' AND state IN ('queued', 'running') AND columns IS NOT NULL`,
      [run.job.id, REBUILT.code, REBUILT.message],
    );
    if (rereadFrom) await client.query('UPDATE jobs SET reread_from = least(reread_from, $2) WHERE id = $1', [run.job.id, rereadFrom]);
    await saveFilled(client, run);
    await queueRuns(client, [run.job.id]);
    await queueBackfill(client, run.job.id);
  });
}

/** The error of a window that had read rows before the table was rebuilt. */
const REBUILT = { code: 'superseded', message: 'The table was rebuilt meanwhile. Another run of this window replaces this one.' };
