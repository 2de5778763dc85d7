import type pg from 'pg';
import type { ApiUsage, Quota } from '../../core/connections/quota.ts';
import { onlyRow, type Queryable } from '../database.ts';

/** Counts are written in batches to keep them cheap; a process that dies loses the calls of this interval. */
const WRITE_MS = 5_000;

/**
 * At this many calls, a connection's count is written without waiting for the interval. A process also writes its counts before it reads
 * a quota. So, while writes succeed, a check misses of each other process fewer than this many calls per connection, plus those counted
 * while a write is in progress: with two processes, less than 1% of a Developer Edition org's 15,000 calls a day, the smallest limit.
 */
export const MAX_UNWRITTEN_CALLS = 50;

/**
 * Older usage reports from Salesforce are ignored: calls by other clients leave the 24 hours, and limits get raised. Shorter than the
 * deferral of a run, so that each retry may make one call to find out.
 */
const USAGE_VALID_FOR = '10 minutes';

/** Counts the calls to each org by all processes, per hour, in the job store. */
export class OrgCalls {
  readonly #database: pg.Pool;
  readonly #onError: (error: unknown) => void;
  /** not yet written, by connection */
  readonly #unwritten = new Map<number, Counted>();
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  /** @param onError called if counts could not be written; they are kept for the next write */
  constructor(database: pg.Pool, onError: (error: unknown) => void) {
    this.#database = database;
    this.#onError = onError;
  }

  /** Counts a call by a connection, with the usage that Salesforce reported in its response. */
  count(connectionId: number, usage: ApiUsage | undefined): void {
    const before = this.#unwritten.get(connectionId);
    const calls = (before?.calls ?? 0) + 1;
    this.#unwritten.set(connectionId, { calls, usage: usage ?? before?.usage });
    // Exactly then, so that a burst, or a failing database, does not queue a write for each call.
    if (calls === MAX_UNWRITTEN_CALLS) this.write().catch(this.#onError);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.write().catch(this.#onError);
    }, WRITE_MS).unref();
  }

  /** Writes all counts to the job store. */
  write(): Promise<void> {
    // Serialize: when a write resolves, everything counted before it is in the job store.
    this.#writing = this.#writing.catch(() => {}).then(() => this.#writeAll());
    return this.#writing;
  }

  /** The current quota of an org. Writes this process's counts first, so that other processes see them in their own checks. */
  async quota(orgId: string): Promise<Quota> {
    // Counts that could not be written are added below, and written later.
    if (this.#unwritten.size > 0) await this.write().catch(this.#onError);
    // Not during a write: its calls would be counted twice, or not at all.
    const read = this.#writing.catch(() => {}).then(() => readQuota(this.#database, orgId, this.#unwritten));
    this.#writing = read.then(
      () => {},
      () => {},
    );
    return await read;
  }

  async #writeAll(): Promise<void> {
    for (const [connectionId, { calls, usage }] of this.#unwritten) {
      this.#unwritten.delete(connectionId);
      try {
        await addCalls(this.#database, connectionId, calls, usage);
      } catch (error) {
        const since = this.#unwritten.get(connectionId);
        this.#unwritten.set(connectionId, { calls: calls + (since?.calls ?? 0), usage: since?.usage ?? usage });
        throw error;
      }
    }
  }
}

/** Calls by a connection, and the usage that Salesforce reported last. */
interface Counted {
  calls: number;
  usage: ApiUsage | undefined;
}

async function readQuota(database: pg.Pool, orgId: string, unwritten: ReadonlyMap<number, Counted>): Promise<Quota> {
  const counted = [...unwritten.values()];
  const { ours, used, call_limit } = onlyRow(
    await database.query<{ ours: number; used: number | null; call_limit: number | null }>(
      `WITH unwritten AS (
         SELECT calls, used, call_limit FROM connections
         JOIN unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) AS counted (id, calls, used, call_limit) USING (id) WHERE org_id = $1
       ), hours AS (
         SELECT * FROM org_calls WHERE org_id = $1 AND hour > now() - interval '24 hours'
       ), reported AS (
         SELECT used, call_limit, now() AS reported_at FROM unwritten WHERE used IS NOT NULL
         UNION ALL SELECT used, call_limit, reported_at FROM hours WHERE reported_at > now() - interval '${USAGE_VALID_FOR}'
         ORDER BY reported_at DESC LIMIT 1
       )
       SELECT (SELECT coalesce(sum(calls), 0)::bigint FROM hours) + (SELECT coalesce(sum(calls), 0)::bigint FROM unwritten) AS ours,
         (SELECT used FROM reported), (SELECT call_limit FROM reported)`,
      [
        orgId,
        [...unwritten.keys()],
        counted.map(({ calls }) => calls),
        counted.map(({ usage }) => usage?.used ?? null),
        counted.map(({ usage }) => usage?.limit ?? null),
      ],
    ),
  );
  return { ownCalls: ours, reported: used === null || call_limit === null ? undefined : { used, limit: call_limit } };
}

async function addCalls(database: Queryable, connectionId: number, calls: number, usage: ApiUsage | undefined): Promise<void> {
  await database.query(
    `WITH used AS (UPDATE connections SET used_at = now() WHERE id = $1 RETURNING org_id)
     INSERT INTO org_calls (org_id, hour, calls, used, call_limit, reported_at)
     SELECT org_id, date_trunc('hour', now(), 'UTC'), $2, $3, $4, CASE WHEN $3::bigint IS NOT NULL THEN now() END FROM used
     ON CONFLICT (org_id, hour) DO UPDATE SET calls = org_calls.calls + excluded.calls, used = coalesce(excluded.used, org_calls.used),
       call_limit = coalesce(excluded.call_limit, org_calls.call_limit), reported_at = coalesce(excluded.reported_at, org_calls.reported_at)`,
    [connectionId, calls, usage?.used ?? null, usage?.limit ?? null],
  );
}

/** Ignores what Salesforce reported for the org of a run that waits for quota: the org's next run makes one call to find out. */
export async function forgetUsage(database: Queryable, runId: string): Promise<void> {
  await database.query(
    `UPDATE org_calls SET reported_at = NULL FROM runs JOIN connections ON connections.id = runs.connection_id
     WHERE runs.id = $1 AND runs.error_code = 'salesforce_quota' AND org_calls.org_id = connections.org_id`,
    [runId],
  );
}

/** Deletes expired counts. */
export async function deleteOldCalls(database: Queryable): Promise<void> {
  await database.query(`DELETE FROM org_calls WHERE hour < now() - interval '2 days'`);
}
