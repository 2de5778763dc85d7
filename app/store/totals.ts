import { onlyRow, type Queryable } from './database.ts';

/** What all jobs did lately. */
export interface Totals {
  /** of the last 24 hours: runs that succeeded, those of them whose counts were exactly equal, and the rows that they wrote or compared */
  runs: number;
  exact: number;
  rows: number;
  /** calls to all orgs in the last 24 hours, as far as they are stored, and how many orgs are connected */
  calls: number;
  orgs: number;
  /** billed by BigQuery since the start of the month, in UTC */
  bytesBilled: number;
  /** the earliest `last_date` of the active jobs, and of those of them that are complete; null: there are none */
  earliest: Date | null;
  earliestComplete: Date | null;
}

/** Uses runs_ended and billed_by_time. */
export async function readTotals(database: Queryable): Promise<Totals> {
  const result = await database.query<Totals>(
    `SELECT runs, exact, rows, calls, orgs, earliest, "earliestComplete", "bytesBilled" FROM (
       SELECT count(*) AS runs, count(*) FILTER (WHERE receipt->>'verdict' = 'exact') AS exact,
         coalesce(sum((receipt->>'distinct_ids')::bigint), 0)::bigint AS rows
       FROM runs WHERE finished_at > now() - interval '24 hours' AND state = 'succeeded' AND receipt IS NOT NULL
     ) AS ended, (
       SELECT min(synced_to) AS earliest, min(synced_to) FILTER (WHERE synced_to >= wanted_to) AS "earliestComplete"
       FROM jobs WHERE active AND synced_to > start_date
     ) AS jobs, (
       SELECT coalesce(sum(calls), 0)::bigint AS calls FROM org_calls WHERE hour > now() - interval '24 hours'
     ) AS called, (
       SELECT count(DISTINCT org_id) AS orgs FROM connections
     ) AS connected, (
       SELECT coalesce(sum(bytes), 0)::bigint AS "bytesBilled" FROM billed WHERE billed_at >= date_trunc('month', now(), 'UTC')
     ) AS billed`,
  );
  return onlyRow(result);
}
