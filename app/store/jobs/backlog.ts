import { onlyRow, type Queryable } from '../database.ts';
import { LAGS_SINCE } from './lag-sql.ts';

/** What the service has to do, and how far it is behind. */
export interface Backlog {
  /** runs that are due and wait for a worker */
  queuedRuns: number;
  /** those of them that a free worker could claim: not the ones whose connection has as many running runs as it may */
  claimableRuns: number;
  /** those that a worker executes together count as one, because auto scaling compares this with the number of workers */
  runningRuns: number;
  /** how old the oldest `last_date` of the active jobs is, or the job itself before its first window; 0 without jobs */
  lagHours: number;
  /** of the org that is nearest to its daily limit, what all clients have used; undefined: no org has reported it lately */
  apiQuotaPercent: number | undefined;
}

/** Counts the backlog. Uses runs_queued_windows, runs_queued_repairs and runs_running. @param now by the schedule's clock @param perConnection how many runs of a connection may run at a time */
export async function readBacklog(database: Queryable, now: Date, perConnection: number): Promise<Backlog> {
  const { queued, claimable, running, lag_hours, quota } = onlyRow(
    await database.query<{ queued: number; claimable: number; running: number; lag_hours: number; quota: number | null }>(
      `WITH due AS (
         SELECT runs.connection_id, count(*) AS runs FROM runs JOIN jobs ON jobs.id = runs.job_id
         WHERE runs.state = 'queued' AND runs.run_at <= now() AND jobs.active GROUP BY runs.connection_id
       ), busy AS (
         SELECT connection_id, count(DISTINCT coalesce(claimed_with, id)) AS runs FROM runs
         WHERE state = 'running' AND lease_until >= now() GROUP BY connection_id
       )
       SELECT
         (SELECT coalesce(sum(runs), 0)::bigint FROM due) AS queued,
         (SELECT coalesce(sum(least(due.runs, greatest($2 - coalesce(busy.runs, 0), 0))), 0)::bigint FROM due LEFT JOIN busy USING (connection_id)) AS claimable,
         (SELECT coalesce(sum(runs), 0)::bigint FROM busy) AS running,
         (SELECT coalesce(greatest(max(extract(epoch FROM $1::timestamptz - ${LAGS_SINCE})) / 3600, 0), 0)::float
          FROM jobs WHERE active) AS lag_hours,
         (SELECT max(100.0 * used / nullif(call_limit, 0))::float FROM org_calls WHERE reported_at > now() - interval '1 hour') AS quota`,
      [now, perConnection],
    ),
  );
  return { queuedRuns: queued, claimableRuns: claimable, runningRuns: running, lagHours: lag_hours, apiQuotaPercent: quota ?? undefined };
}
