import type pg from 'pg';
import { RUN_STATE_AFTER, type RunState } from '../../core/runs/run-state.ts';
import { type Queryable, transaction } from '../database.ts';
import { makeSweepDueAfterGap, postponeSweep } from '../jobs/due-sweeps.ts';
import { saveFilled } from '../jobs/field-columns.ts';
import { moveSyncedTo } from '../jobs/jobs.ts';
import { type Lease, updateRun } from '../lease.ts';
import { queueBackfill, queueRepair, queueRuns, type Repair } from './queue-runs.ts';
import type { Run } from './runs.ts';

/**
 * Completes a window: saves its receipt and state, advances the job's `last_date`, and queues the next run if the job is still behind and a
 * sweep if fields appeared, all in one transaction.
 * @param rereadFrom the next window rereads rows from here on; null: none
 * @throws AppError lease_lost, in which case nothing has changed
 */
export async function succeedRun(database: pg.Pool, run: Run, receipt: object, rereadFrom: Date | null = null): Promise<void> {
  await transaction(database, async (client) => {
    await endSucceeded(client, run, receipt);
    await moveSyncedTo(client, run.job.id, run.window, rereadFrom);
    await makeSweepDueAfterGap(client, run);
    await saveFilled(client, run);
    await queueRuns(client, [run.job.id]);
    await queueBackfill(client, run.job.id);
  });
}

/**
 * Completes a repair: saves its receipt and state, and queues what follows it, in one transaction. Leaves `last_date` unchanged.
 * @param rereadFrom the next window rereads rows from here on; null: none
 * @param next the rest of the repair, or another one; undefined: none
 * @throws AppError lease_lost, in which case nothing has changed
 */
export async function succeedRepair(
  database: pg.Pool,
  run: Run,
  receipt: object,
  rereadFrom: Date | null,
  next: Repair | undefined,
): Promise<void> {
  await transaction(database, async (client) => {
    await endSucceeded(client, run, receipt);
    if (rereadFrom) await client.query('UPDATE jobs SET reread_from = least(reread_from, $2) WHERE id = $1', [run.job.id, rereadFrom]);
    if (run.pass.kind === 'sweep') await postponeSweep(client, run.job.id);
    await saveFilled(client, run);
    if (next) await queueRepair(client, run.job.id, next);
    await queueBackfill(client, run.job.id);
  });
}

/** Saves the receipt and state of a run that succeeded. Must be called in a transaction with what follows it. @throws AppError lease_lost */
export async function endSucceeded(client: Queryable, run: Run, receipt: object): Promise<void> {
  await updateRun(
    client,
    run,
    `state = '${RUN_STATE_AFTER.succeed}', receipt = $3, failures = 0, error_code = NULL, error_message = NULL, finished_at = now()`,
    [JSON.stringify(receipt)],
  );
}

/** A failure, safe to show. */
export interface Failure {
  code: string;
  message: string;
  /** rows of a verdict that an operator may accept */
  acceptable?: number | undefined;
}

/**
 * Queues a run again after `delayMs`. A window is cancelled if its job was paused in the meantime; a repair waits for the job to resume.
 * @param failures consecutive failures; undefined: unchanged
 * @returns its new state
 * @throws AppError lease_lost
 */
export async function postponeRun(
  database: Queryable,
  lease: Lease,
  delayMs: number,
  failures: number | undefined,
  failure: Failure | undefined,
): Promise<RunState> {
  const active = `(kind <> 'window' OR (SELECT active FROM jobs WHERE jobs.id = runs.job_id))`;
  return await updateRun(
    database,
    lease,
    `state = CASE WHEN ${active} THEN '${RUN_STATE_AFTER.postpone}' ELSE '${RUN_STATE_AFTER.cancel}' END,
     finished_at = CASE WHEN ${active} THEN NULL ELSE now() END, run_at = now() + $3 * interval '1 millisecond',
     failures = coalesce($4, failures), error_code = coalesce($5, error_code), error_message = coalesce($6, error_message)`,
    [delayMs, failures ?? null, failure?.code ?? null, failure?.message ?? null],
  );
}

/**
 * Cancels an open run, queued or running. Its worker loses its lease: none of its later writes changes anything. The record that it was to
 * erase is erased only if the run is queued again.
 * @param reason stored as the run's error
 * @returns false if the run has ended or does not exist
 */
export async function cancelOpenRun(database: Queryable, runId: string, reason: Failure): Promise<boolean> {
  const { rowCount } = await database.query(
    `WITH cancelled AS (
       UPDATE runs SET state = '${RUN_STATE_AFTER.cancel}', finished_at = now(), error_code = $2, error_message = $3
       WHERE id = $1 AND state IN ('queued', 'running') RETURNING job_id, scope
     ), withdrawn AS (
       UPDATE jobs SET erase_records = array_remove(erase_records, scope ->> 'erase') FROM cancelled WHERE jobs.id = job_id AND scope ? 'erase'
     )
     SELECT FROM cancelled`,
    [runId, reason.code, reason.message],
  );
  return rowCount === 1;
}

/** Fails a run permanently; the next tick starts another from the same `last_date`. @throws AppError lease_lost */
export async function failRun(database: Queryable, lease: Lease, failures: number, failure: Failure): Promise<RunState> {
  return await updateRun(
    database,
    lease,
    `state = '${RUN_STATE_AFTER.fail}', failures = $3, error_code = $4, error_message = $5, acceptable_rows = $6,
     finished_at = now()`,
    [failures, failure.code, failure.message, failure.acceptable ?? null],
  );
}
