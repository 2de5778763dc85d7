import type { DefaultPolicy } from '../../core/fields/field-policy.ts';
import { externalErrorCode } from '../../errors.ts';
import { assign } from '../assign.ts';
import { type PoolOrClient, type Queryable, transaction } from '../database.ts';
import { pauseJob } from '../jobs/jobs.ts';
import { announceRuns } from '../runs/queue-runs.ts';
import type { Connection, ConnectionEnd } from './connections.ts';

/** What users set for a connection; null: not set. */
export interface ConnectionSettings extends DefaultPolicy {
  alias: string | null;
  apiShare: number | null;
  quietHours: string | null;
}

/** The errors of runs that wait because of a setting. */
const WAITS_FOR_SETTING = ['quiet_hours', 'salesforce_quota'];

/** Postgres's error code for a duplicate key. */
const UNIQUE_VIOLATION = '23505';

/**
 * Changes settings of a connection, and lets runs that wait because of such a setting find out whether they still have to.
 * @returns false if another connection has the alias
 */
export async function changeStoredConnection(
  database: PoolOrClient,
  connectionId: number,
  changes: Partial<ConnectionSettings>,
): Promise<boolean> {
  const { sql, parameters } = assign(changes, 2);
  try {
    await transaction(database, async (client) => {
      await client.query(`UPDATE connections SET ${sql}, updated_at = now() WHERE id = $1`, [connectionId, ...parameters]);
      if ('apiShare' in changes || 'quietHours' in changes) await makeWaitingRunsDue(client, connectionId);
    });
    return true;
  } catch (error) {
    if (externalErrorCode(error) === UNIQUE_VIOLATION) return false;
    throw error;
  }
}

async function makeWaitingRunsDue(client: Queryable, connectionId: number): Promise<void> {
  await client.query(
    `UPDATE runs SET run_at = now() WHERE connection_id = $1 AND state = 'queued' AND error_code = ANY($2) AND run_at > now()`,
    [connectionId, WAITS_FOR_SETTING],
  );
  await announceRuns(client);
}

/** What Salesforce says about a connection's user and org. */
export interface OrgFacts {
  username: string;
  orgName: string;
  isSandbox: boolean;
}

/** Saves what Salesforce says about a connection's user and org. */
export async function saveOrgFacts(database: Queryable, connectionId: number, facts: OrgFacts): Promise<void> {
  const { sql, parameters } = assign(facts, 2);
  await database.query(`UPDATE connections SET ${sql}, updated_at = now() WHERE id = $1`, [connectionId, ...parameters]);
}

/**
 * Ends a connection: forgets its tokens and pauses its jobs.
 * @param claim of `claimEnd`
 * @returns the jobs that it paused; undefined if a login has ended the claim, in which case nothing has changed
 */
export async function endConnection(
  database: PoolOrClient,
  { id }: Pick<Connection, 'id'>,
  claim: string,
  reason: ConnectionEnd,
): Promise<PausedJob[] | undefined> {
  return await transaction(database, async (client) => {
    const { rowCount } = await client.query(
      `UPDATE connections SET status = 'disconnected', error_code = $3, error_message = $4, ended_at = now(), access_token = '', refresh_token = '',
         renewing_by = NULL, renewing_until = NULL, updated_at = now()
       WHERE id = $1 AND renewing_by = $2`,
      [id, claim, reason.code, reason.message],
    );
    if (rowCount === 0) return undefined;
    const { rows: jobs } = await client.query<{ id: string; object_name: string }>(
      'SELECT id, object_name FROM jobs WHERE connection_id = $1 AND active ORDER BY id',
      [id],
    );
    const paused: PausedJob[] = [];
    for (const job of jobs) paused.push({ id: job.id, objectName: job.object_name, cancelledRunId: await pauseJob(client, job.id) });
    return paused;
  });
}

/** A job that was paused. */
export interface PausedJob {
  id: string;
  objectName: string;
  /** its window that was waiting; undefined: none */
  cancelledRunId: string | undefined;
}
