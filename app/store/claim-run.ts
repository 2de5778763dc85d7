import type pg from 'pg';
import { RUN_STATE_AFTER } from '../core/run-state.ts';
import { onlyRow, type Queryable, transaction } from './database.ts';
import { JOB_COLUMNS, type JobRow } from './jobs.ts';
import { queueRuns, renewRepairs } from './queue-runs.ts';
import { RUN_COLUMNS, type Run, type RunRow, toRun } from './runs.ts';

/** Serializes claims, because a count of running runs is valid only while no other claim is in progress. */
const CLAIM_LOCK = 0x5f_b9_02;

/** Windows go first, but only before repairs that have waited for less than this. */
const REPAIR_PATIENCE_SECONDS = 15 * 60;

const WORKER_DIED = 'The worker died during the run. Check its log for the cause, for example insufficient memory.';

/** The error of a run that ended unread: another release may queue a run for a window that has just been imported. */
const SUPERSEDED = {
  code: 'superseded',
  message: 'The job had already imported the start of this window. A run for the rest replaces this one.',
};

/**
 * Claims the run that has been due the longest: a queued one, or one whose lease expired, which counts as a failure because the run may
 * have killed its worker. Windows go before repairs. A window that does not start at its job's `synced_to` ends as superseded, and the next
 * run is claimed. Undefined if no run is due, if the connection of every due run already has `perConnection` running, or if another run of
 * its job is writing the table. Uses runs_queued and runs_running.
 */
export async function claimRun(database: pg.Pool, leaseSeconds: number, perConnection: number): Promise<Run | undefined> {
  for (;;) {
    const claimed = await transaction(database, async (client) => {
      await client.query('SELECT pg_advisory_xact_lock($1)', [CLAIM_LOCK]);
      if (await replaceOldRuns(client)) return 'again';
      const row = await claimNext(client, leaseSeconds, perConnection);
      if (!row) return undefined;
      const { job_id, ...run } = row;
      const job = await readJob(client, job_id);
      if (run.kind !== 'window' || run.window_from.getTime() === job.synced_to.getTime()) return toRun(run, job);
      await supersedeRun(client, run.run_id, job.id);
      return 'again';
    });
    if (claimed !== 'again') return claimed;
  }
}

async function claimNext(
  client: Queryable,
  leaseSeconds: number,
  perConnection: number,
): Promise<(RunRow & { job_id: string }) | undefined> {
  const { rows } = await client.query<RunRow & { job_id: string }>(
    `WITH busy AS (
       SELECT connection_id, count(*) AS runs FROM runs WHERE state = 'running' AND lease_until >= now() GROUP BY connection_id
     ), next AS (
       SELECT runs.id FROM runs
       JOIN jobs ON jobs.id = runs.job_id
       JOIN connections ON connections.id = runs.connection_id
       LEFT JOIN busy ON busy.connection_id = runs.connection_id
       WHERE ((runs.state = 'queued' AND runs.run_at <= now()) OR (runs.state = 'running' AND runs.lease_until < now()))
         AND jobs.active AND connections.status = 'active' AND coalesce(busy.runs, 0) < $2
         AND NOT EXISTS (SELECT FROM runs AS writer WHERE writer.id = jobs.writing_run AND writer.id <> runs.id
           AND writer.state IN ('queued', 'running'))
       ORDER BY CASE runs.state WHEN 'running' THEN runs.lease_until ELSE runs.run_at END
         + CASE runs.kind WHEN 'window' THEN interval '0' ELSE $4 * interval '1 second' END, runs.id LIMIT 1 FOR NO KEY UPDATE OF runs SKIP LOCKED
     )
     UPDATE runs SET state = '${RUN_STATE_AFTER.claim}', attempt = attempt + 1, lease_until = now() + $1 * interval '1 second',
       started_at = coalesce(started_at, now()), failures = failures + (state = 'running')::int,
       error_code = CASE state WHEN 'running' THEN 'lease_lost' ELSE error_code END,
       error_message = CASE state WHEN 'running' THEN $3 ELSE error_message END
     FROM next WHERE runs.id = next.id RETURNING runs.job_id, ${RUN_COLUMNS}`,
    [leaseSeconds, perConnection, WORKER_DIED, REPAIR_PATIENCE_SECONDS],
  );
  return rows[0];
}

async function readJob(client: Queryable, jobId: string): Promise<JobRow & { org_id: string; granted_at: Date }> {
  return onlyRow(
    await client.query<JobRow & { org_id: string; granted_at: Date }>(
      `SELECT ${JOB_COLUMNS}, connections.org_id, connections.granted_at
       FROM jobs JOIN connections ON connections.id = jobs.connection_id WHERE jobs.id = $1`,
      [jobId],
    ),
  );
}

async function supersedeRun(client: Queryable, runId: string, jobId: string): Promise<void> {
  await client.query(
    `UPDATE runs SET state = '${RUN_STATE_AFTER.cancel}', finished_at = now(), error_code = $2, error_message = $3 WHERE id = $1`,
    [runId, SUPERSEDED.code, SUPERSEDED.message],
  );
  await queueRuns(client, [jobId]);
}

/**
 * Replaces runs that have waited for days, for a login or for quota: their staging tables expire, and Salesforce keeps Bulk results for
 * only seven days.
 * @returns whether any run was replaced
 */
async function replaceOldRuns(client: Queryable): Promise<boolean> {
  const isOld = `created_at < now() - interval '6 days' AND (state = 'queued' OR (state = 'running' AND lease_until < now()))`;
  const repairs = await renewRepairs(client, isOld);
  const { rows } = await client.query<{ job_id: string }>(
    `UPDATE runs SET state = '${RUN_STATE_AFTER.cancel}', finished_at = now() WHERE ${isOld} AND kind = 'window' RETURNING job_id`,
  );
  if (rows.length > 0) {
    await queueRuns(
      client,
      rows.map((row) => row.job_id),
    );
  }
  return rows.length + repairs > 0;
}
