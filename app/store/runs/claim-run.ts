import type pg from 'pg';
import { RUN_STATE_AFTER } from '../../core/runs/run-state.ts';
import { onlyRow, type Queryable, transaction } from '../database.ts';
import { JOB_COLUMNS } from '../jobs/jobs.ts';
import { tableIsFreeFor } from '../lease.ts';
import type { Process } from '../processes.ts';
import { queueRuns, renewRepairs } from './queue-runs.ts';
import { type ConnectedJobRow, RUN_COLUMNS, type Run, type RunRow, toRun } from './runs.ts';

/** Serializes claims, because a count of running runs is valid only while no other claim is in progress. */
const CLAIM_LOCK = 0x5f_b9_02;

/** Windows go first, but only before repairs that have waited for less than this. */
const REPAIR_PATIENCE_SECONDS = 15 * 60;

const OLD_SINCE = `now() - interval '6 days'`;

/** Runs that have waited, for a login or for quota, until their staging tables expire; Salesforce keeps Bulk results for seven days. */
const IS_OLD = `finished_at IS NULL AND created_at < ${OLD_SINCE}
  AND (state = 'queued' OR (state = 'running' AND lease_until < now()))`;

/** Runs that were claimed together count as one: their `coalesce(claimed_with, id)` is the same. */
const IS_RUNNING = `state = 'running' AND lease_until >= now()`;

const WORKER_DIED = 'The worker died during the run. Check its log for the cause, for example insufficient memory.';

/** The error of a run that ended unread: another release may queue a run for a window that has just been imported. */
const SUPERSEDED = {
  code: 'superseded',
  message: 'The job had already imported the start of this window. A run for the rest replaces this one.',
};

/** The windows of a connection that are claimed together, to share their first call to Salesforce. */
export interface Together {
  /** 1: each run is claimed alone */
  max: number;
  /** the connections whose runs are claimed alone */
  except: readonly number[];
}

/** The process that claims runs, which is stored with them. */
export type Claimant = Pick<Process, 'host' | 'version'>;

/**
 * Claims a run that is due: a queued one, or one whose lease expired, which counts as a failure because the run may have killed its worker.
 * Windows go before repairs. Connections take turns, and within a connection the run that has been due the longest is first. If it is a
 * window whose first page has not been requested yet, claims more of these, which count as one running run with it. A window that does not
 * start at its job's `synced_to` ends as superseded, and the next run is claimed.
 * @returns none if no run is due, if the connection of every due run already has `perConnection` running, or if another run of its job is
 * writing the table
 */
export async function claimRuns(
  database: pg.Pool,
  leaseSeconds: number,
  perConnection: number,
  together: Together,
  claimant: Claimant,
): Promise<Run[]> {
  for (;;) {
    const claimed = await transaction(database, async (client) => {
      if ((await lockClaims(client)) && (await replaceOldRuns(client))) return 'again';
      const options = { leaseSeconds, perConnection, together, claimant };
      let rows = await claimNext(client, options, REPAIR_PATIENCE_SECONDS);
      if (rows.length === 0) rows = await claimNext(client, options, 0);
      const runs = rows.length === 0 ? [] : await withJobs(client, rows);
      const superseded = runs.filter(({ pass, window, job }) => pass.kind === 'window' && window.from.getTime() !== job.syncedTo.getTime());
      for (const { runId, job } of superseded) await supersedeRun(client, runId, job.id);
      const current = runs.filter((run) => !superseded.includes(run));
      return current.length === 0 && superseded.length > 0 ? 'again' : current;
    });
    if (claimed !== 'again') return claimed;
  }
}

/**
 * Lets a run that was claimed together with others count as a running run of its own, unless its connection already has `perConnection`.
 * @returns whether it does
 */
export async function separateRun(database: pg.Pool, run: Run, perConnection: number): Promise<boolean> {
  return await transaction(database, async (client) => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [CLAIM_LOCK]);
    const { rowCount } = await client.query(
      `UPDATE runs SET claimed_with = gen_random_uuid()
       WHERE id = $1 AND attempt = $2 AND state = 'running' AND $4 > (SELECT count(DISTINCT coalesce(claimed_with, id)) FROM runs WHERE ${IS_RUNNING} AND connection_id = $3)`,
      [run.runId, run.attempt, run.job.connectionId, perConnection],
    );
    return rowCount === 1;
  });
}

/**
 * Locks claims, and has the statements that follow read by index only: the statistics of Postgres may be older than a tick that queued
 * thousands of runs, and with those each claim would read all of them.
 * @returns whether there may have been old runs before the lock. Reads the first of runs_unfinished
 */
async function lockClaims(client: Queryable): Promise<boolean> {
  const oldest = 'SELECT created_at FROM runs WHERE finished_at IS NULL ORDER BY created_at LIMIT 1';
  const sql = `SELECT pg_advisory_xact_lock($1), set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
    coalesce((${oldest}) < ${OLD_SINCE}, false) AS found`;
  return onlyRow(await client.query<{ found: boolean }>(sql, [CLAIM_LOCK])).found;
}

/**
 * The first run of a connection that meets a condition, unless another run of its job is writing the table. The subquery keeps Postgres
 * from reading the jobs first.
 */
function firstRun(condition: string, dueAt: string): string {
  return `SELECT * FROM (
    SELECT runs.id, ${dueAt} AS due_at FROM runs
    WHERE runs.connection_id = turns.id AND ${condition}
      AND (SELECT jobs.active AND ${tableIsFreeFor('runs.id')} FROM jobs WHERE jobs.id = runs.job_id)
    ORDER BY due_at, runs.id LIMIT 1 FOR NO KEY UPDATE OF runs SKIP LOCKED) AS first`;
}

/** A repair is due once it has waited for `$4` seconds. */
const WAITED = `CASE runs.kind WHEN 'window' THEN 0 ELSE $4 END * interval '1 second'`;

/** The runs of a connection that may be claimed next: its first window, its first repair, and the first that lost its worker. */
const DUE_RUNS = [
  firstRun(`runs.state = 'queued' AND runs.kind = 'window' AND runs.run_at <= now()`, 'runs.run_at'),
  firstRun(`runs.state = 'queued' AND runs.kind <> 'window' AND runs.run_at <= now() - $4 * interval '1 second'`, 'runs.run_at'),
  firstRun(`runs.state = 'running' AND runs.lease_until < now() - ${WAITED}`, 'runs.lease_until'),
].join(' UNION ALL ');

/**
 * A window that starts with the first page of a query which may share its call: the only slice, not requested yet. Not the first window of
 * a job, which may have many rows, nor one that failed.
 */
const STARTS_WITH_PAGE = `runs.kind = 'window' AND runs.state = 'queued' AND runs.failures = 0 AND (
    SELECT jobs.active AND jobs.target_created_at IS NOT NULL AND NOT jobs.whole AND NOT jobs.cursor_nillable
      AND coalesce(jobs.field_plan -> 'groups', '{}') = '{}' AND ${tableIsFreeFor('runs.id')} AND NOT EXISTS (
        SELECT FROM slices WHERE slices.run_id = runs.id AND (slices.method IS NOT NULL OR slices.generation > 1 OR slices.ordinal > 0))
    FROM jobs WHERE jobs.id = runs.job_id)`;

/** The claimed run, if more such windows of its connection may be claimed together with it. As a subquery, it is looked up by its id. */
const LEAD = `SELECT next.id, next.connection_id FROM next
  WHERE (SELECT ${STARTS_WITH_PAGE} FROM runs WHERE runs.id = next.id) AND next.connection_id <> ALL($6) AND $5 > 0`;

/** How many of a connection's due windows are searched for these: there may be thousands that cannot share a call. */
const SEARCHED = 50;

/** These windows, among the first that are due. Uses runs_queued_windows. */
const COMPANIONS = `SELECT due.id, lead.id AS lead FROM lead CROSS JOIN LATERAL (
    SELECT runs.id FROM (
      SELECT id, run_at FROM runs WHERE connection_id = lead.connection_id AND state = 'queued' AND kind = 'window' AND run_at <= now()
      ORDER BY run_at, id LIMIT ${SEARCHED}) AS first
    JOIN runs ON runs.id = first.id
    WHERE runs.id <> lead.id AND ${STARTS_WITH_PAGE}
    ORDER BY first.run_at, first.id LIMIT $5 FOR NO KEY UPDATE OF runs SKIP LOCKED) AS due`;

interface ClaimOptions {
  leaseSeconds: number;
  perConnection: number;
  together: Together;
  claimant: Claimant;
}

type ClaimedRow = RunRow & { job_id: string };

/**
 * Claims the first due run of the connection whose turn it is: the one that has not been served for the longest. Connections are tried in
 * order (OFFSET 0 keeps Postgres from sorting later), and their runs are read in order from an index, so a backlog costs nothing. Claims
 * windows that may start together with it. Uses runs_queued_windows, runs_queued_repairs and runs_running.
 * @param repairsAfter how many seconds a repair must have waited
 */
async function claimNext(
  client: Queryable,
  { leaseSeconds, perConnection, together, claimant }: ClaimOptions,
  repairsAfter: number,
): Promise<ClaimedRow[]> {
  const { rows } = await client.query<ClaimedRow>(
    `WITH busy AS (
       SELECT connection_id, count(DISTINCT coalesce(claimed_with, id)) AS runs FROM runs WHERE ${IS_RUNNING} GROUP BY connection_id
     ), turns AS NOT MATERIALIZED (
       SELECT connections.id, connections.claimed_at FROM connections LEFT JOIN busy ON busy.connection_id = connections.id
       WHERE connections.status = 'active' AND coalesce(busy.runs, 0) < $2
       ORDER BY connections.claimed_at NULLS FIRST, connections.id OFFSET 0
     ), next AS (
       SELECT due.id, turns.id AS connection_id FROM turns CROSS JOIN LATERAL (SELECT id FROM (${DUE_RUNS}) AS first ORDER BY due_at, id LIMIT 1) AS due
       ORDER BY turns.claimed_at NULLS FIRST, turns.id LIMIT 1
     ), lead AS MATERIALIZED (
       ${LEAD}
     ), companions AS (
       ${COMPANIONS}
     ), claimed AS (
       UPDATE runs SET state = '${RUN_STATE_AFTER.claim}', attempt = attempt + 1, lease_until = now() + $1 * interval '1 second',
         started_at = coalesce(started_at, now()), worker = $7, version = $8, claimed_with = nullif(together.lead, runs.id), failures = failures + (state = 'running')::int,
         error_code = CASE state WHEN 'running' THEN 'lease_lost' ELSE error_code END,
         error_message = CASE state WHEN 'running' THEN $3 ELSE error_message END
       FROM (SELECT id, id AS lead FROM next UNION ALL SELECT id, lead FROM companions) AS together
       WHERE runs.id = together.id RETURNING runs.*
     ), served AS (
       UPDATE connections SET claimed_at = clock_timestamp() WHERE id IN (
         SELECT connections.id FROM connections JOIN claimed ON claimed.connection_id = connections.id
         FOR NO KEY UPDATE OF connections SKIP LOCKED)
     )
     SELECT runs.job_id, ${RUN_COLUMNS} FROM claimed AS runs`,
    [leaseSeconds, perConnection, WORKER_DIED, repairsAfter, together.max - 1, together.except, claimant.host, claimant.version],
  );
  return rows;
}

async function withJobs(client: Queryable, claimed: readonly ClaimedRow[]): Promise<Run[]> {
  const { rows } = await client.query<ConnectedJobRow>(
    `SELECT ${JOB_COLUMNS}, connections.org_id, connections.granted_at, connections.api_share, connections.quiet_hours
     FROM jobs JOIN connections ON connections.id = jobs.connection_id WHERE jobs.id = ANY($1)`,
    [claimed.map(({ job_id }) => job_id)],
  );
  const jobs = new Map(rows.map((job) => [job.id, job]));
  return claimed.map(({ job_id, ...run }) => toRun(run, jobs.get(job_id)!));
}

async function supersedeRun(client: Queryable, runId: string, jobId: string): Promise<void> {
  await client.query(
    `UPDATE runs SET state = '${RUN_STATE_AFTER.cancel}', finished_at = now(), error_code = $2, error_message = $3 WHERE id = $1`,
    [runId, SUPERSEDED.code, SUPERSEDED.message],
  );
  await queueRuns(client, [jobId]);
}

/** Replaces the old runs. @returns whether there were any */
async function replaceOldRuns(client: Queryable): Promise<boolean> {
  const repairs = await renewRepairs(client, IS_OLD);
  const { rows } = await client.query<{ job_id: string }>(
    `UPDATE runs SET state = '${RUN_STATE_AFTER.cancel}', finished_at = now() WHERE ${IS_OLD} AND kind = 'window' RETURNING job_id`,
  );
  if (rows.length > 0) {
    await queueRuns(
      client,
      rows.map((row) => row.job_id),
    );
  }
  return rows.length + repairs > 0;
}
