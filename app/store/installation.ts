import { type PublishedStore, rotatedSince } from '../core/connections/agreement.ts';
import { INSTALLATION_TABLE, JOBS_TABLE } from '../core/fields/metadata-tables.ts';
import { RUN_STATE_AFTER } from '../core/runs/run-state.ts';
import { onlyRow, type PoolOrClient, type Queryable, transaction } from './database.ts';
import { queueRuns, renewRepairs } from './runs/queue-runs.ts';
import { type RowOf, toRecord } from './to-record.ts';

/** The job store's identity. */
export interface Installation {
  readonly id: string;
  readonly epoch: number;
  readonly supersedes: string | null;
  /** the newest batch of the outbox; 0: none */
  readonly newestBatch: number;
  /** whether this job store contains the batch */
  readonly knowsBatch: boolean;
  readonly now: Date;
  /** when the server started: another time after a restart, a failover or a restore */
  readonly serverStartedAt: Date;
  /** which a copy of the server's files has as well; null: not requested */
  readonly serverId: string | null;
  readonly database: string;
}

/**
 * Reads the job store's identity, which is created on first use.
 * @param batch a batch of the outbox that wrote to BigQuery; undefined: none has
 * @param withServerId whether to read the server's id, for which a hosted Postgres may require a permission
 */
export async function readInstallation(
  database: Queryable,
  batch: Pick<PublishedStore, 'batch' | 'token'> | undefined,
  withServerId: boolean,
): Promise<Installation> {
  await database.query('INSERT INTO installation DEFAULT VALUES ON CONFLICT DO NOTHING');
  const result = await database.query<RowOf<Installation>>(
    `SELECT id, epoch, supersedes, coalesce((SELECT max(id) FROM outbox_batches), 0) AS newest_batch,
       EXISTS (SELECT FROM outbox_batches WHERE id = $1 AND token = $2) AS knows_batch, clock_timestamp() AS now,
       pg_postmaster_start_time() AS server_started_at, current_database() AS database,
       ${withServerId ? '(pg_control_system()).system_identifier::text' : 'NULL'} AS server_id
     FROM installation`,
    [batch?.batch ?? null, batch?.token ?? null],
  );
  return toRecord(onlyRow(result));
}

/** When the server started. */
export async function readServerStart(database: Queryable): Promise<Date> {
  return onlyRow(await database.query<{ at: Date }>('SELECT pg_postmaster_start_time() AS at')).at;
}

/** How often the refresh token of each connection has been replaced. */
async function readRotations(database: Queryable): Promise<Map<number, number>> {
  const { rows } = await database.query<{ id: number; rotations: number }>('SELECT id, rotations FROM connections ORDER BY id');
  return new Map(rows.map(({ id, rotations }) => [id, rotations]));
}

/** The runs that may have been reported to BigQuery although this job store does not know it, by dataset. */
export async function readUnreportedRuns(database: Queryable): Promise<Map<string, string[]>> {
  const { rows } = await database.query<{ dataset: string; id: string }>(
    `SELECT jobs.target_dataset AS dataset, runs.id FROM runs JOIN jobs ON jobs.id = runs.job_id
     WHERE (runs.finished_at IS NOT NULL AND NOT runs.batched) OR runs.finished_at IS NULL`,
  );
  const byDataset = Map.groupBy(rows, ({ dataset }) => dataset);
  return new Map([...byDataset].map(([dataset, found]) => [dataset, found.map(({ id }) => id)]));
}

/** The ids of all jobs. */
export async function readJobIds(database: Queryable): Promise<string[]> {
  const { rows } = await database.query<{ id: string }>('SELECT id FROM jobs');
  return rows.map(({ id }) => id);
}

/** What accepting a job store changed. */
export interface AcceptedStore {
  readonly epoch: number;
  /** open runs that start over */
  readonly runs: number;
  /** the user_ids of connections that need a login, because their refresh tokens were replaced */
  readonly loggedOut: string[];
}

/** The error of a run that was open in a restored job store. */
const RESTORED = { code: 'store_restored', message: 'The job store was restored. Another run replaces this one.' };

/**
 * Accepts a job store that BigQuery is ahead of: raises its epoch, and starts its open runs over under new ids, so that nothing that the lost
 * timeline did under the old ones is adopted. Batches get ids above the published one. Refresh tokens that have been replaced since are not
 * presented again: their connections need a login.
 * @param reported the runs that BigQuery's `_runs` contains already
 * @returns undefined if it has been accepted meanwhile
 */
export async function acceptStore(
  database: PoolOrClient,
  { id, epoch }: Pick<Installation, 'id' | 'epoch'>,
  published: PublishedStore,
  by: string,
  reported: readonly string[],
): Promise<AcceptedStore | undefined> {
  return await transaction(database, async (client) => {
    const { rows } = await client.query<{ epoch: number }>(
      `UPDATE installation SET epoch = greatest(epoch, $3) + 1, supersedes = nullif($4::uuid, id), accepted_at = now(), accepted_by = $5
       WHERE id = $1 AND epoch = $2 RETURNING epoch`,
      [id, epoch, published.epoch, published.installation, by],
    );
    if (!rows[0]) return undefined;
    await client.query(
      `SELECT setval(pg_get_serial_sequence('outbox_batches', 'id'), greatest($1, (SELECT coalesce(max(id), 0) FROM outbox_batches)))`,
      [published.batch],
    );
    // They would publish the earlier epoch.
    await client.query('DELETE FROM outbox_batches WHERE table_name = $1', [INSTALLATION_TABLE.name]);
    // BigQuery contains a later state of the jobs, so the restored one is written again.
    await client.query('UPDATE outbox_batches SET digest = NULL WHERE table_name = $1', [JOBS_TABLE.name]);
    const runs = await startOver(client);
    await client.query('UPDATE runs SET batched = true WHERE id = ANY($1::uuid[])', [reported]);
    const loggedOut = published.installation === id ? await logOut(client, rotatedSince(await readRotations(client), published)) : [];
    return { epoch: rows[0].epoch, runs, loggedOut };
  });
}

/** @returns how many runs were open */
async function startOver(client: Queryable): Promise<number> {
  const repairs = await renewRepairs(client, 'true');
  const { rows } = await client.query<{ job_id: string }>(
    `UPDATE runs SET state = '${RUN_STATE_AFTER.cancel}', finished_at = now(), error_code = $1, error_message = $2
     WHERE kind = 'window' AND state IN ('queued', 'running') RETURNING job_id`,
    [RESTORED.code, RESTORED.message],
  );
  await queueRuns(
    client,
    rows.map(({ job_id }) => job_id),
  );
  return repairs + rows.length;
}

/** Why a connection needs a login after a restore. */
const TOKEN_REPLACED = {
  code: 'needs_login',
  message:
    'The job store was restored, and Salesforce has replaced the refresh token of this connection since. To reconnect, call get_oauth_url and login_oauth_callback again.',
};

/** @returns the user_ids */
async function logOut(client: Queryable, connectionIds: readonly number[]): Promise<string[]> {
  const { rows } = await client.query<{ identity_url: string }>(
    `UPDATE connections SET status = 'needs_login', error_code = $2, error_message = $3, ended_at = now(), renewing_by = NULL,
       renewing_until = NULL, updated_at = now()
     WHERE id = ANY($1) RETURNING identity_url`,
    [connectionIds, TOKEN_REPLACED.code, TOKEN_REPLACED.message],
  );
  return rows.map(({ identity_url }) => identity_url);
}
