import { type Alert, type Alerts, type Condition, type EndedRun, keyOf, type OpenAlert } from '../../core/alerts.ts';
import { onlyRow, type Queryable } from '../database.ts';
import { ROWS_WRITTEN } from '../runs/rows-written.ts';
import { type RowOf, toRecord } from '../to-record.ts';

/** Serializes changes of the alerts. Any number that no other advisory lock of ours uses. */
const ALERTS_LOCK = 0x5f_b9_07;

/** Takes the lock on the alerts until the transaction ends. @returns false if another process has it */
export async function tryLockAlerts(client: Queryable): Promise<boolean> {
  const result = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS locked', [ALERTS_LOCK]);
  return onlyRow(result).locked;
}

/** All open alerts, by their keys. */
export async function readAlerts(client: Queryable): Promise<Map<string, OpenAlert>> {
  const { rows } = await client.query<RowOf<OpenAlert>>('SELECT event, subject, data, opened_at, reported FROM alerts');
  return new Map(rows.map(toRecord).map((alert) => [keyOf(alert), alert]));
}

/** Stores which alerts are open. @param before as read in the same transaction */
export async function saveAlerts(client: Queryable, before: Alerts<OpenAlert>, after: Alerts<OpenAlert>): Promise<void> {
  const closed = [...before].filter(([key]) => !after.has(key)).map(([, alert]) => alert);
  if (closed.length > 0) {
    await client.query(
      `DELETE FROM alerts USING unnest($1::text[], $2::text[]) AS closed (event, subject)
       WHERE alerts.event = closed.event AND alerts.subject = closed.subject`,
      [closed.map(({ event }) => event), closed.map(({ subject }) => subject)],
    );
  }
  const changed = [...after].filter(([key, alert]) => before.get(key) !== alert).map(([, alert]) => alert);
  if (changed.length === 0) return;
  await client.query(
    `INSERT INTO alerts (event, subject, data, opened_at, reported)
     SELECT * FROM unnest($1::text[], $2::text[], $3::json[], $4::timestamptz[], $5::boolean[])
     ON CONFLICT (event, subject) DO UPDATE SET data = excluded.data, reported = excluded.reported`,
    [
      changed.map(({ event }) => event),
      changed.map(({ subject }) => subject),
      changed.map(({ data }) => JSON.stringify(data)),
      changed.map(({ openedAt }) => openedAt),
      changed.map(({ reported }) => reported),
    ],
  );
}

/** What happened earlier is not reported: the service was upgraded, or did not run. */
const MAX_AGE = '1 day';

/** A list of the drift of `taken`: a run that applied its schema has decided whether its MERGE only inserts, and a sweep reads too few fields. */
const listOfDrift = (list: string): string =>
  `CASE WHEN insert_only IS NOT NULL AND kind <> 'sweep' THEN coalesce(drift->'${list}', '[]') END`;

/** That of the run before, if it matters. */
const previousListOfDrift = (list: string): string => `CASE WHEN ${listOfDrift(list)} <> '[]' THEN (
         SELECT earlier.drift->'${list}' FROM runs AS earlier
         WHERE earlier.job_id = taken.job_id AND earlier.created_at < taken.created_at AND earlier.insert_only IS NOT NULL
           AND earlier.kind <> 'sweep'
         ORDER BY earlier.created_at DESC LIMIT 1) END`;

/**
 * Takes the oldest ended runs that the alerts do not reflect yet, and marks them. The runs of a job's lane are in the order in which they
 * ended, because none of them is queued before the one before it has ended. Uses runs_not_alerted, and runs_by_job for the previous drift.
 */
export async function takeEndedRuns(client: Queryable, limit: number): Promise<EndedRun[]> {
  const { rows } = await client.query<RowOf<EndedRun>>(
    `WITH taken AS (
       UPDATE runs SET alerted = true WHERE id = ANY(ARRAY(
         SELECT id FROM runs WHERE finished_at > now() - interval '${MAX_AGE}' AND NOT alerted ORDER BY finished_at, id LIMIT $1))
       RETURNING runs.*
     )
     SELECT taken.id AS run_id, job_id, taken.connection_id, object_name, kind, coalesce(scope, '{}') AS scope, window_from, window_to, state, error_code, failures, acceptable_rows,
       ${ROWS_WRITTEN} AS rows_written, receipt->>'verdict' AS verdict,
       ${listOfDrift('orphaned')} AS orphaned, ${previousListOfDrift('orphaned')} AS previously_orphaned,
       ${listOfDrift('pending')} AS pending, ${previousListOfDrift('pending')} AS previously_pending
     FROM taken JOIN jobs ON jobs.id = taken.job_id ORDER BY taken.finished_at, taken.id`,
    [limit],
  );
  return rows.map(toRecord);
}

/** Formats a timestamp in UTC (`to_char`). */
export const INSTANT = 'YYYY-MM-DD"T"HH24:MI:SS"Z"';

/** A run that waits longer than that is deferred. Shorter waits are common: retries after a failure. */
const DEFERRED_AFTER = '5 minutes';

/** Whether a queued run waits for longer; without an error, it waits for Salesforce to commit the last changes of its window. */
export const IS_DEFERRED = `runs.state = 'queued' AND runs.run_at > now() + interval '${DEFERRED_AFTER}' AND runs.error_code IS NOT NULL`;

/** Not worth an alert of the run: its connection's own hours, and what the alert of its org's quota says. */
const EXPECTED = ['quiet_hours', 'salesforce_quota'];

/**
 * The conditions of connections and open runs that are true now, and not open as alerts yet; all except `overdue`. Uses runs_queued and
 * runs_one_open_per_lane.
 */
export async function readStarting(client: Queryable): Promise<Alert[]> {
  const isNew = (event: Condition, subject: string): string =>
    `NOT EXISTS (SELECT FROM alerts WHERE alerts.event = '${event}' AND alerts.subject = ${subject})`;
  const { rows } = await client.query<{ event: Condition; subject: string; data: Alert['data'] }>(
    `SELECT 'needs_login' AS event, id::text AS subject, json_build_object('connection_id', id, 'org_id', org_id, 'error_code', error_code,
       'jobs', (SELECT count(*) FROM jobs WHERE jobs.connection_id = connections.id AND active)) AS data
     FROM connections WHERE status = 'needs_login' AND ${isNew('needs_login', 'connections.id::text')}
     UNION ALL
     SELECT 'deferred', runs.id::text, json_build_object('job_id', job_id, 'object_name', object_name, 'connection_id', runs.connection_id,
       'run_id', runs.id, 'kind', kind, 'error_code', runs.error_code, 'deferred_until', to_char(run_at AT TIME ZONE 'UTC', '${INSTANT}'))
     FROM runs JOIN jobs ON jobs.id = runs.job_id JOIN connections ON connections.id = runs.connection_id
     WHERE ${IS_DEFERRED} AND runs.error_code <> ALL($1) AND jobs.active AND connections.status = 'active'
       AND ${isNew('deferred', 'runs.id::text')}
     UNION ALL
     SELECT 'quota', org_id, json_build_object('org_id', org_id, 'error_code', 'salesforce_quota', 'jobs', count(DISTINCT job_id),
       'deferred_until', to_char(max(run_at) AT TIME ZONE 'UTC', '${INSTANT}'))
     FROM runs JOIN connections ON connections.id = runs.connection_id
     WHERE runs.state = 'queued' AND runs.run_at > now() AND runs.error_code = 'salesforce_quota' AND ${isNew('quota', 'org_id')}
     GROUP BY org_id`,
    [EXPECTED],
  );
  return rows;
}

/**
 * The keys of open alerts that are over: of connections and open runs, of erasures, and of jobs that do not exist any more; not of `overdue`.
 * A deferral lasts until its run ends, a shortage of quota while an open run had to wait for it (otherwise each try would end it), and the
 * failure of an erasure until its record, or all fields of the job, are erased, or until it is withdrawn.
 */
export async function readOver(client: Queryable): Promise<Set<string>> {
  const { rows } = await client.query<Pick<Alert, 'event' | 'subject'>>(
    `SELECT event, subject FROM alerts WHERE CASE event
         WHEN 'needs_login' THEN NOT EXISTS (SELECT FROM connections WHERE id = subject::bigint AND status = 'needs_login')
         WHEN 'deferred' THEN NOT EXISTS (SELECT FROM runs WHERE id = subject::uuid AND state IN ('queued', 'running'))
         WHEN 'quota' THEN NOT EXISTS (
           SELECT FROM runs JOIN connections ON connections.id = runs.connection_id
           WHERE org_id = subject AND runs.state IN ('queued', 'running') AND runs.error_code = 'salesforce_quota')
         WHEN 'run_failed' THEN data->>'repair' IN ('erase', 'clear') AND NOT EXISTS (
           SELECT FROM jobs WHERE id = (data->>'job_id')::uuid AND CASE data->>'repair'
             WHEN 'erase' THEN split_part(subject, '/', 3) = ANY(erase_records) ELSE clear_fields <> '{}' END)
         ELSE false END
       OR (data->>'job_id' IS NOT NULL AND NOT EXISTS (SELECT FROM jobs WHERE id = (data->>'job_id')::uuid))`,
  );
  return new Set(rows.map(keyOf));
}
