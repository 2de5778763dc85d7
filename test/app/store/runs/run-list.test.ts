import { beforeAll, describe, expect, test } from '@jest/globals';
import type { RunKind } from '../../../../app/core/runs/pass.ts';
import type { RunState } from '../../../../app/core/runs/run-state.ts';
import { transaction } from '../../../../app/store/database.ts';
import type { Position } from '../../../../app/store/jobs/job-list.ts';
import { listRuns, type RunFilter } from '../../../../app/store/runs/run-list.ts';
import { countingReads, createJobStore } from '../../../support/store/job-store.ts';

const store = await createJobStore();
const { pool } = store;
const RUNS_PER_JOB = 100;
let connections: number[];
let jobIds: string[];

/** Two connections with 200 jobs for the same objects, each with 100 runs, one every minute. The latest of few jobs are open. */
beforeAll(async () => {
  connections = [await store.addConnection(), await store.addConnection()];
  for (const connection of connections) await store.addJobs(connection, 200);
  const { rows } = await pool.query<{ id: string }>('SELECT id FROM jobs ORDER BY created_at, id');
  jobIds = rows.map(({ id }) => id);
  await pool.query(
    `INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, state, run_at, created_at, finished_at)
     SELECT jobs.id, connection_id, CASE WHEN minute % 20 = 7 THEN 'sweep' ELSE 'window' END, '2023-03-01', '2023-03-02', state, at, at,
       CASE WHEN state IN ('queued', 'running') THEN NULL ELSE at + interval '5 seconds' END
     FROM (SELECT *, row_number() OVER (ORDER BY created_at, id) AS number FROM jobs) AS jobs
     CROSS JOIN generate_series(1, $1::integer) AS minute
     CROSS JOIN LATERAL (SELECT '2023-03-01'::timestamptz + minute * interval '1 minute' AS at,
       CASE WHEN minute = $1 AND number <= 20 THEN 'running' WHEN minute = $1 AND number <= 60 THEN 'queued'
         WHEN minute % 25 = 3 THEN 'failed' WHEN minute % 25 = 4 THEN 'cancelled' ELSE 'succeeded' END AS state) AS run`,
    [RUNS_PER_JOB],
  );
  await pool.query('VACUUM ANALYZE runs, jobs');
});

interface Found {
  id: string;
  state: RunState;
  kind: RunKind;
  created_at: Date;
}

/** The same runs as a list must contain, by the simplest statement. */
async function expectedRuns({ connectionId, objectName, jobId, state, kind, since, until }: RunFilter): Promise<Found[]> {
  const { rows } = await pool.query<Found>(
    `SELECT runs.id, runs.state, runs.kind, runs.created_at FROM runs JOIN jobs ON jobs.id = job_id
     WHERE ($1::bigint IS NULL OR runs.connection_id = $1) AND ($2::text IS NULL OR object_name = $2) AND ($3::uuid IS NULL OR job_id = $3)
       AND ($4::text IS NULL OR state = $4) AND ($5::text IS NULL OR kind = $5)
       AND ($6::timestamptz IS NULL OR runs.created_at >= $6) AND ($7::timestamptz IS NULL OR runs.created_at < $7)
     ORDER BY runs.created_at DESC, runs.id DESC`,
    [connectionId, objectName, jobId, state, kind, since, until].map((value) => value ?? null),
  );
  return rows;
}

const FILTERS: [string, () => RunFilter][] = [
  ['nothing', () => ({})],
  ['a connection', () => ({ connectionId: connections[1]! })],
  ['an object', () => ({ objectName: 'day7' })],
  ['an object of a connection', () => ({ objectName: 'day7', connectionId: connections[1]! })],
  ['a job', () => ({ jobId: jobIds[9]! })],
  ['a job and a state', () => ({ jobId: jobIds[9]!, state: 'failed' })],
  ...(['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const).map((state): [string, () => RunFilter] => [
    state,
    () => ({ state }),
  ]),
  ['running runs of a connection', () => ({ state: 'running', connectionId: connections[0]! })],
  ['failed runs of a connection', () => ({ state: 'failed', connectionId: connections[1]! })],
  ['failed runs of an object', () => ({ state: 'failed', objectName: 'day7' })],
  ['windows', () => ({ kind: 'window' })],
  ['sweeps', () => ({ kind: 'sweep' })],
  ['failed sweeps', () => ({ kind: 'sweep', state: 'failed' })],
  ['sweeps of a connection', () => ({ kind: 'sweep', connectionId: connections[1]! })],
  ['rebuilds, of which there are none', () => ({ kind: 'rebuild' })],
  ['a time', () => ({ since: new Date('2023-03-01T00:10:00Z'), until: new Date('2023-03-01T00:12:00Z') })],
  [
    'a time of a connection',
    () => ({ connectionId: connections[1]!, since: new Date('2023-03-01T00:10:00Z'), until: new Date('2023-03-01T00:11:00Z') }),
  ],
  ['failures of a time', () => ({ state: 'failed', since: new Date('2023-03-01T00:10:00Z'), until: new Date('2023-03-01T00:40:00Z') })],
];

describe.each(FILTERS)('runs by %s', (_, filter) => {
  test('are listed page by page, the latest first', async () => {
    const expected = await expectedRuns(filter());
    const found: string[] = [];
    let after: Position | undefined;
    do {
      const { runs, last } = await listRuns(pool, filter(), { limit: 1_000, after });
      found.push(...runs.map(({ run }) => run.id));
      after = runs.length === 1_000 && found.length < 5_000 ? last : undefined;
    } while (after);
    expect(found).toEqual(expected.slice(0, found.length === 5_000 ? 5_000 : undefined).map(({ id }) => id));
  });

  test('are read by an index, and few others with them', async () => {
    const { pool: counted, reads } = countingReads(pool);
    const plans: string[] = [];
    const { last } = await listRuns(pool, filter(), { limit: 50, after: undefined });
    await transaction(counted, async (client) => {
      const query = async (sql: string, values: unknown[]): Promise<unknown> => {
        const { rows } = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`, values);
        plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
        return await client.query(sql, values);
      };
      await listRuns({ query } as typeof pool, filter(), { limit: 50, after: last });
    });
    expect(plans).toHaveLength(1);
    expect(plans[0]).not.toContain('Seq Scan on runs');
    // With their jobs and connections, which are few enough here to be read whole.
    expect(reads[0]).toBeLessThan(1_000);
  });
});
