import type { AlertData } from '../../core/alerts.ts';
import type { Queryable } from '../database.ts';
import { INSTANT, IS_DEFERRED } from '../outbox/alerts.ts';
import { ROWS_WRITTEN } from './rows-written.ts';

/** Whether a window that a tick requested runs or will start by itself soon: it is neither deferred nor waits for a login. */
const IS_BUSY = `EXISTS (
    SELECT FROM runs JOIN jobs ON jobs.id = runs.job_id JOIN connections ON connections.id = runs.connection_id
    WHERE runs.kind = 'window' AND runs.state = 'running' AND jobs.active AND (connections.status = 'active' OR runs.lease_until >= now())
  ) OR EXISTS (
    SELECT FROM runs JOIN jobs ON jobs.id = runs.job_id JOIN connections ON connections.id = runs.connection_id
    WHERE runs.kind = 'window' AND runs.state = 'queued' AND jobs.active AND connections.status = 'active' AND NOT (${IS_DEFERRED})
  )`;

/**
 * What the ticks since the last report have done, once no window of theirs runs or will start by itself soon; undefined before that, and
 * if there is nothing to report. Counts each job once, by its latest window. Advances what is reported, so call it in a transaction that
 * stores the message. A single statement, because a window that ends between two would be in neither report. Uses runs_ended.
 */
export async function takeCompletedTick(client: Queryable): Promise<AlertData | undefined> {
  // The first time, nothing has been reported, and earlier windows are not either.
  await client.query('INSERT INTO reported_windows DEFAULT VALUES ON CONFLICT DO NOTHING');
  const { rows } = await client.query<{ data: AlertData }>(
    `WITH progress AS MATERIALIZED (
       SELECT ended_to AS since, ${IS_BUSY} AS busy FROM reported_windows
     ), ended AS MATERIALIZED (
       SELECT job_id, state, finished_at, receipt->>'verdict' AS verdict, ${ROWS_WRITTEN} AS rows
       FROM runs WHERE kind = 'window' AND state IN ('succeeded', 'failed') AND finished_at > (SELECT since FROM progress WHERE NOT busy)
     ), deferred AS MATERIALIZED (
       SELECT runs.job_id, runs.created_at FROM runs JOIN jobs ON jobs.id = runs.job_id JOIN connections ON connections.id = runs.connection_id
       WHERE runs.kind = 'window' AND jobs.active AND connections.status = 'active' AND ${IS_DEFERRED} AND NOT (SELECT busy FROM progress)
     ), advanced AS (
       UPDATE reported_windows SET ended_to = greatest(now(), (SELECT max(finished_at) FROM ended)) FROM progress
       WHERE NOT busy AND (EXISTS (SELECT FROM ended) OR EXISTS (SELECT FROM deferred WHERE created_at > since)) RETURNING true
     ), latest AS (
       SELECT DISTINCT ON (job_id) state FROM ended ORDER BY job_id, finished_at DESC
     ), verdicts AS (
       SELECT CASE WHEN verdict LIKE 'within %' THEN 'within' WHEN verdict LIKE 'accepted: %' THEN 'accepted' ELSE replace(verdict, ' ', '_') END AS name,
         count(*) FROM ended WHERE verdict IS NOT NULL GROUP BY name
     )
     SELECT json_build_object(
         'succeeded', (SELECT count(*) FROM latest WHERE state = 'succeeded'),
         'failed', (SELECT count(*) FROM latest WHERE state = 'failed'),
         'deferred', (SELECT count(*) FROM deferred),
         'waiting', (SELECT count(*) FROM jobs JOIN connections ON connections.id = jobs.connection_id WHERE active AND connections.status <> 'active'),
         'rows', (SELECT coalesce(sum(rows), 0) FROM ended),
         'last_date', (SELECT to_char(min(synced_to) AT TIME ZONE 'UTC', '${INSTANT}') FROM jobs WHERE active),
         'verdicts', (SELECT coalesce(json_object_agg(name, count), '{}') FROM verdicts)) AS data
     FROM advanced`,
  );
  return rows[0]?.data;
}
