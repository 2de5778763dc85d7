import { onlyRow, type Queryable } from './database.ts';

/** What the service has to do, and how far it is behind. */
export interface Backlog {
  /** runs that are due and wait for a worker */
  queuedRuns: number;
  runningRuns: number;
  /** how old the oldest `last_date` of the active jobs is; 0 without jobs */
  lagHours: number;
  /** of the org that is nearest to its daily limit, what all clients have used; undefined: no org has reported it lately */
  apiQuotaPercent: number | undefined;
}

/** Counts the backlog. Uses runs_queued_windows, runs_queued_repairs and runs_running. @param now by the schedule's clock */
export async function readBacklog(database: Queryable, now: Date): Promise<Backlog> {
  const { queued, running, lag_hours, quota } = onlyRow(
    await database.query<{ queued: number; running: number; lag_hours: number; quota: number | null }>(
      `SELECT
         (SELECT count(*) FROM runs JOIN jobs ON jobs.id = runs.job_id WHERE runs.state = 'queued' AND runs.run_at <= now() AND jobs.active) AS queued,
         (SELECT count(*) FROM runs WHERE state = 'running' AND lease_until >= now()) AS running,
         (SELECT coalesce(greatest(max(extract(epoch FROM $1::timestamptz - synced_to)) / 3600, 0), 0)::float FROM jobs WHERE active) AS lag_hours,
         (SELECT max(100.0 * used / nullif(call_limit, 0))::float FROM org_calls WHERE reported_at > now() - interval '1 hour') AS quota`,
      [now],
    ),
  );
  return { queuedRuns: queued, runningRuns: running, lagHours: lag_hours, apiQuotaPercent: quota ?? undefined };
}
