import { afterAll } from '@jest/globals';
import type pg from 'pg';
import type { Every } from '../../../app/core/jobs/every.ts';
import { windowEnds } from '../../../app/core/runs/window.ts';
import { claimRuns } from '../../../app/store/runs/claim-run.ts';
import { type QueuedRuns, queueDueRuns } from '../../../app/store/runs/queue-runs.ts';
import type { Run } from '../../../app/store/runs/runs.ts';
import { CLAIMANT, claimRun } from '../claim-run.ts';
import { createTestDatabase } from './database.ts';

/** A job store without the service, for tests of the queue. */
export interface JobStore {
  pool: pg.Pool;
  /** Deletes everything. */
  clear(): Promise<void>;
  /** @returns the id of a new connection */
  addConnection(): Promise<number>;
  /** Adds `count` jobs that start at 2023-03-01. */
  addJobs(connectionId: number, count: number, every?: Every): Promise<void>;
  /** A tick of all jobs. @param lagMs how long until the windows that it requests are readable */
  tick(date: string, lagMs?: number, pool?: pg.Pool): Promise<QueuedRuns>;
  claim(perConnection?: number, leaseSeconds?: number): Promise<Run | undefined>;
  /** Claims up to `max` runs together. @param except the connections whose runs are claimed alone */
  claimTogether(perConnection?: number, max?: number, except?: number[]): Promise<Run[]>;
  /** Waits until this many statements wait for a lock. */
  lockWaits(count: number): Promise<void>;
}

/** Creates a job store for the tests of a file, and closes it after them. */
export async function createJobStore(): Promise<JobStore> {
  const database = await createTestDatabase();
  afterAll(() => database[Symbol.asyncDispose]());
  const { pool } = database;
  let users = 0;
  return {
    pool,
    clear: async () => void (await pool.query('TRUNCATE connections, jobs, runs CASCADE')),
    async addConnection() {
      const { rows } = await pool.query<{ id: number }>(
        `INSERT INTO connections (org_id, user_id, identity_url, login_url, instance_url, access_token, refresh_token)
         VALUES ('00D000000000000EAA', $1, '', '', '', '', '') RETURNING id`,
        [`005${String(++users).padStart(15, '0')}`],
      );
      return rows[0]!.id;
    },
    async addJobs(connectionId, count, every = 'day') {
      await pool.query(
        `INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, every, start_date, synced_to, wanted_to)
         SELECT $1::bigint, $3::text || number, 'SystemModstamp', 'salesforce', format('%s_%s_%s', $1::bigint, $3::text, number), $3, '2023-03-01', '2023-03-01', '2023-03-01'
         FROM generate_series(1, $2) AS number`,
        [connectionId, count, every],
      );
    },
    tick: (date, lagMs = 0, by = pool) =>
      queueDueRuns(
        by,
        windowEnds(new Date(date)).map((end) => ({ ...end, lagMs })),
        {},
      ),
    claim: (perConnection = 10, leaseSeconds = 60) => claimRun(pool, leaseSeconds, perConnection),
    claimTogether: (perConnection = 10, max = 5, except = []) => claimRuns(pool, 60, perConnection, { max, except }, CLAIMANT),
    async lockWaits(count) {
      const sql = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      while ((await pool.query(sql)).rowCount! < count) await new Promise((resolve) => setTimeout(resolve, 10));
    },
  };
}

/** A pool whose transactions also return the plan of each statement, as Postgres would execute it on large tables. */
export function withPlans(pool: pg.Pool): { pool: pg.Pool; plans: string[] } {
  const plans: string[] = [];
  const connect = async (): Promise<object> => {
    const client = await pool.connect();
    const query = async (sql: string, values?: unknown[]): Promise<pg.QueryResult> => {
      if (/^\s*(WITH|SELECT|INSERT|UPDATE)/.test(sql)) {
        await client.query('SET LOCAL enable_seqscan = off');
        const { rows } = await client.query<{ 'QUERY PLAN': string }>({ text: `EXPLAIN ${sql}`, ...(values && { values }) });
        plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
      }
      return await client.query(sql, values);
    };
    return { query, on: client.on.bind(client), off: client.off.bind(client), release: client.release.bind(client) };
  };
  return { pool: { connect } as unknown as pg.Pool, plans };
}

/** Rows that a session has read and not reported yet: those of its transaction, and of others shortly before. */
const ROWS_READ = 'SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int AS rows FROM pg_stat_xact_user_tables';

/** A pool whose transactions report how many rows Postgres read for each. */
export function countingReads(pool: pg.Pool): { pool: pg.Pool; reads: number[] } {
  const reads: number[] = [];
  const connect = async (): Promise<object> => {
    const client = await pool.connect();
    const rowsRead = async (): Promise<number> => (await client.query<{ rows: number }>(ROWS_READ)).rows[0]!.rows;
    let before: number | undefined;
    const query = async (sql: string, values?: unknown[]): Promise<pg.QueryResult> => {
      if (sql === 'BEGIN') before = undefined;
      // Postgres accepts no other statement before SET TRANSACTION.
      else if (!sql.startsWith('SET TRANSACTION')) before ??= await rowsRead();
      if (sql === 'COMMIT') reads.push((await rowsRead()) - before!);
      return await client.query(sql, values);
    };
    return { query, on: client.on.bind(client), off: client.off.bind(client), release: client.release.bind(client) };
  };
  return { pool: { connect } as unknown as pg.Pool, reads };
}
