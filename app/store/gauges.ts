import type { RunKind } from '../core/runs/pass.ts';
import type { Queryable } from './database.ts';
import { LAGS_SINCE } from './jobs/lag-sql.ts';

/** The state of the service that its processes share, for metrics. */
export interface Gauges {
  /** open runs: in progress, due, or waiting for their next attempt or for a login */
  queue: { kind: RunKind; state: 'running' | 'due' | 'waiting'; runs: number }[];
  /** the least current active jobs, and how old what they have imported is, or they are themselves before that */
  lags: { object: string; connection: number; seconds: number }[];
  /** calls to the org of each connection in 24 hours: the service's own, and, as Salesforce last reported, of all clients, and their limit */
  calls: { connection: number; own: number; used: number | null; limit: number | null }[];
}

/** How many jobs and connections have metrics of their own: each is a series in the system that scrapes them. */
export const MAX_SERIES = 1_000;

/** Three statements, none of which reads runs that have ended. */
export async function readGauges(database: Queryable): Promise<Gauges> {
  return { queue: await readQueue(database), lags: await readLags(database), calls: await readCalls(database) };
}

/** The open runs, by kind and state. Uses runs_unfinished. */
export async function readQueue(database: Queryable): Promise<Gauges['queue']> {
  const { rows } = await database.query<Gauges['queue'][number]>(
    `SELECT runs.kind, CASE WHEN runs.state = 'running' THEN 'running'
         WHEN runs.run_at <= now() AND connections.status = 'active' THEN 'due' ELSE 'waiting' END AS state, count(*) AS runs
     FROM runs JOIN connections ON connections.id = runs.connection_id WHERE runs.finished_at IS NULL GROUP BY 1, 2`,
  );
  return rows;
}

/** Sorts all active jobs: an index for scrapes would have to be written by each window, and ticks would choose it. */
async function readLags(database: Queryable): Promise<Gauges['lags']> {
  const { rows } = await database.query<Gauges['lags'][number]>(
    `SELECT object_name AS object, connection_id AS connection, extract(epoch FROM now() - since)::float8 AS seconds
     FROM (SELECT *, ${LAGS_SINCE} AS since FROM jobs WHERE active) AS lagging
     ORDER BY since, synced_to LIMIT ${MAX_SERIES}`,
  );
  return rows;
}

/** Uses the primary key of org_calls. */
async function readCalls(database: Queryable): Promise<Gauges['calls']> {
  const { rows } = await database.query<Gauges['calls'][number]>(
    `SELECT id AS connection, coalesce(own, 0) AS own, used, call_limit AS limit
     FROM (SELECT id, org_id FROM connections WHERE status <> 'disconnected' ORDER BY id LIMIT ${MAX_SERIES}) AS connected
     LEFT JOIN LATERAL (
       SELECT sum(calls)::bigint AS own, (array_agg(used ORDER BY reported_at DESC NULLS LAST))[1] AS used,
         (array_agg(call_limit ORDER BY reported_at DESC NULLS LAST))[1] AS call_limit
       FROM org_calls WHERE org_calls.org_id = connected.org_id AND hour > now() - interval '24 hours') AS counted ON true`,
  );
  return rows;
}
