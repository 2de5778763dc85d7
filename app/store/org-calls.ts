import type pg from 'pg';
import type { ApiUsage, Quota } from '../core/quota.ts';
import { onlyRow, type Queryable } from './database.ts';

/** Calls are written down together, so that counting them costs nothing; a process that dies forgets those of so long. */
const WRITE_MS = 5_000;

/**
 * What Salesforce said longer ago is not relied on: calls of others fall out of the 24 hours, and limits are raised. Shorter than a run's
 * rest, so that each time one call may find out.
 */
const TOLD_FOR = '10 minutes';

/** Counts the calls to each org, those of all processes together: in the job store, by the hour. */
export class OrgCalls {
  readonly #database: pg.Pool;
  readonly #onError: (error: unknown) => void;
  /** not yet written, by connection */
  readonly #unwritten = new Map<number, { calls: number; told: ApiUsage | undefined }>();
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  /** @param onError is told when calls could not be written down; they are kept, for the next time */
  constructor(database: pg.Pool, onError: (error: unknown) => void) {
    this.#database = database;
    this.#onError = onError;
  }

  /** Counts a call by a connection, with what Salesforce said in its answer. */
  count(connectionId: number, told: ApiUsage | undefined): void {
    const before = this.#unwritten.get(connectionId);
    this.#unwritten.set(connectionId, { calls: (before?.calls ?? 0) + 1, told: told ?? before?.told });
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.write().catch(this.#onError);
    }, WRITE_MS).unref();
  }

  /** Writes down what was counted. */
  write(): Promise<void> {
    // One after the other: whoever waits for its writing has what was counted before it in the job store.
    this.#writing = this.#writing.catch(() => {}).then(() => this.#writeAll());
    return this.#writing;
  }

  /** What is known of an org's allowance now. */
  async quota(orgId: string): Promise<Quota> {
    await this.write();
    const { ours, used, most } = onlyRow(
      await this.#database.query<{ ours: number; used: number | null; most: number | null }>(
        `WITH hours AS (SELECT * FROM org_calls WHERE org_id = $1 AND hour > now() - interval '24 hours'),
           told AS (SELECT used, most FROM hours WHERE told_at > now() - interval '${TOLD_FOR}' ORDER BY told_at DESC LIMIT 1)
         SELECT (SELECT coalesce(sum(calls), 0)::bigint FROM hours) AS ours, (SELECT used FROM told), (SELECT most FROM told)`,
        [orgId],
      ),
    );
    return { ours, told: used === null || most === null ? undefined : { used, limit: most } };
  }

  async #writeAll(): Promise<void> {
    for (const [connectionId, { calls, told }] of this.#unwritten) {
      this.#unwritten.delete(connectionId);
      try {
        await addCalls(this.#database, connectionId, calls, told);
      } catch (error) {
        const since = this.#unwritten.get(connectionId);
        this.#unwritten.set(connectionId, { calls: calls + (since?.calls ?? 0), told: since?.told ?? told });
        throw error;
      }
    }
  }
}

async function addCalls(database: Queryable, connectionId: number, calls: number, told: ApiUsage | undefined): Promise<void> {
  await database.query(
    `INSERT INTO org_calls (org_id, hour, calls, used, most, told_at)
     SELECT org_id, date_trunc('hour', now(), 'UTC'), $2, $3, $4, CASE WHEN $3::bigint IS NOT NULL THEN now() END FROM connections WHERE id = $1
     ON CONFLICT (org_id, hour) DO UPDATE SET calls = org_calls.calls + excluded.calls, used = coalesce(excluded.used, org_calls.used),
       most = coalesce(excluded.most, org_calls.most), told_at = coalesce(excluded.told_at, org_calls.told_at)`,
    [connectionId, calls, told?.used ?? null, told?.limit ?? null],
  );
}

/** Deletes what no longer counts. */
export async function deleteOldCalls(database: Queryable): Promise<void> {
  await database.query(`DELETE FROM org_calls WHERE hour < now() - interval '2 days'`);
}
