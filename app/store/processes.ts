import type { Queryable } from './database.ts';
import { type RowOf, toRecord } from './to-record.ts';

/** A process of the service. */
export interface Process {
  id: string;
  /** the name of its machine or container */
  host: string;
  version: string;
  startedAt: Date;
  heartbeatAt: Date;
  /** false: it has not reported for a while, and ended without a word */
  isAlive: boolean;
}

/** Three heartbeats. */
const LOST_AFTER = '90 seconds';

/** How long a process that ended without a word is still listed. */
const KEPT = '1 day';

/** Records that a process runs, and forgets those that ended long ago. */
export async function saveHeartbeat(database: Queryable, { id, host, version }: Pick<Process, 'id' | 'host' | 'version'>): Promise<void> {
  await database.query(
    `INSERT INTO processes (id, host, version) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET heartbeat_at = now()`,
    [id, host, version],
  );
  await database.query(`DELETE FROM processes WHERE heartbeat_at < now() - interval '${KEPT}'`);
}

/** Forgets a process that ends. */
export async function deleteProcess(database: Queryable, id: string): Promise<void> {
  await database.query('DELETE FROM processes WHERE id = $1', [id]);
}

/** The processes, those that have run the longest first. */
export async function listProcesses(database: Queryable): Promise<Process[]> {
  const { rows } = await database.query<RowOf<Process>>(
    `SELECT id, host, version, started_at, heartbeat_at, heartbeat_at > now() - interval '${LOST_AFTER}' AS is_alive
     FROM processes ORDER BY started_at, id LIMIT 200`,
  );
  return rows.map(toRecord);
}
