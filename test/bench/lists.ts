import type pg from 'pg';
import { openDatabase } from '../../app/store/database.ts';
import { median } from './median.ts';
import { WholeService } from './whole-service.ts';

const CONNECTIONS = 20;
const JOBS_PER_CONNECTION = 500;
const RUNS_PER_JOB = 10;
const ROUNDS = 5;
const LIMIT = 100;

/** Jobs of which a window is queued. */
const OPEN = 500;

/** How long the slowest page takes. */
export interface ListFigures {
  /** of a list of the API, by any filter: the first page, and one that follows */
  runsPageMs: number;
  jobsPageMs: number;
  /** of the console, after a first visit and at the first */
  consolePageMs: number;
  consoleFirstMs: number;
}

/** Lists of 10,000 jobs and 100,000 runs. */
export async function measureLists(): Promise<ListFigures> {
  await using service = await WholeService.start({ now: '2023-02-01T00:10:00Z', size: 10 }, { clock: false });
  const database = openDatabase({ url: service.environment.DATABASE_URL! }, () => {});
  try {
    await addJobs(database);
    const { jobId, runId } = await addRuns(database);
    const pages = [
      '',
      '/jobs',
      '/jobs?state=failed',
      `/jobs/${jobId}`,
      `/jobs/${jobId}/fields`,
      `/jobs/${jobId}/invalid-values`,
      `/runs/${runId}`,
    ];
    const others = ['/connections', '/connections/1', '/activity', '/workers', '/settings'];
    const ofConsole = await slowestConsolePage(service, [...pages, ...others]);
    const [object, connection] = ['object_name=Object3__c', 'connection=7'];
    const states = ['queued', 'succeeded', 'failed', 'cancelled'].map((state) => `state=${state}`);
    const kinds = ['window', 'sweep', 'rebuild'].map((kind) => `kind=${kind}`);
    const times = 'since=2023-03-01T01:00:00Z&until=2023-03-01T02:00:00Z';
    const both = [`${object}&${connection}`, `state=failed&${object}`, `kind=sweep&${connection}`, `state=failed&kind=sweep`];
    const runs = ['', object, connection, `job_id=${jobId}`, ...states, ...kinds, times, ...both];
    const jobStates = ['complete', 'unfinished', 'deferred', 'needs_login', 'failed', 'paused'].map((state) => `state=${state}`);
    const jobs = ['', object, connection, 'dataset=salesforce', 'dataset=other', ...jobStates, `state=failed&${object}`];
    return {
      runsPageMs: await slowestPage(service, 'v1/runs', runs),
      jobsPageMs: await slowestPage(service, 'jobs', jobs),
      ...ofConsole,
    };
  } finally {
    await database.end();
  }
}

/** Jobs for the same objects of several connections. */
async function addJobs(database: pg.Pool): Promise<void> {
  await database.query(
    `WITH connected AS (
       INSERT INTO connections (org_id, user_id, identity_url, login_url, instance_url, access_token, refresh_token)
       SELECT '00D000000000000EAA', user_id, 'https://login.salesforce.com/id/00D000000000000EAA/' || user_id, 'https://login.salesforce.com',
         'https://acme.my.salesforce.com', '', ''
       FROM generate_series(1, $1::integer) AS number CROSS JOIN LATERAL (SELECT '005' || to_char(number, 'FM000000000000000') AS user_id) AS named
       RETURNING id
     )
     INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, start_date, synced_to, wanted_to)
     SELECT id, 'Object' || number || '__c', 'SystemModstamp', 'salesforce', id || '_' || number, '2023-02-01', '2023-02-01', '2023-02-01'
     FROM connected CROSS JOIN generate_series(1, $2::integer) AS number`,
    [CONNECTIONS, JOBS_PER_CONNECTION],
  );
}

/** Ten runs of each job, ended in some state, and a window that waits. @returns the id of a job and of one of its runs */
async function addRuns(database: pg.Pool): Promise<{ jobId: string; runId: string }> {
  await database.query(
    `INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, state, run_at, created_at, finished_at, receipt)
     SELECT id, connection_id, CASE minute WHEN 3 THEN 'sweep' ELSE 'window' END, '2023-02-01', '2023-02-02',
       CASE (minute + number) % 25 WHEN 3 THEN 'failed' WHEN 4 THEN 'cancelled' ELSE 'succeeded' END, at, at, at, '{"verdict": "exact"}'
     FROM (SELECT *, row_number() OVER (ORDER BY created_at, id) AS number FROM jobs) AS jobs
     CROSS JOIN generate_series(1, $1::integer) AS minute
     CROSS JOIN LATERAL (SELECT '2023-03-01'::timestamptz + (minute * interval '1 hour' + number * interval '1 millisecond') AS at) AS time`,
    [RUNS_PER_JOB],
  );
  await database.query(
    `INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, run_at)
     SELECT id, connection_id, 'window', '2023-02-01', '2023-02-02', now() + interval '1 day' FROM jobs ORDER BY created_at, id LIMIT $1`,
    [OPEN],
  );
  // Half of the jobs are behind: complete ones have no state to derive from a run.
  await database.query(`UPDATE jobs SET wanted_to = wanted_to + interval '1 day' WHERE ascii(right(id::text, 1)) % 2 = 0`);
  // Postgres does this by itself within a minute.
  await database.query('ANALYZE');
  const { rows } = await database.query<{ jobId: string; runId: string }>('SELECT job_id AS "jobId", id AS "runId" FROM runs LIMIT 1');
  return rows[0]!;
}

async function slowestPage(service: WholeService, path: string, filters: readonly string[]): Promise<number> {
  const times: number[] = [];
  for (const filter of filters) {
    let next: string | null = null;
    const first: number[] = [];
    const following: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const page = await timePage(`${service.url}/${path}?limit=${LIMIT}&${filter}`);
      first.push(page.ms);
      next = page.next;
      if (next !== null) following.push((await timePage(`${service.url}/${path}?limit=${LIMIT}&${filter}&after=${next}`)).ms);
    }
    times.push(median(first), ...(following.length > 0 ? [median(following)] : []));
    console.error(`  ${path} ${filter || 'all'}: ${times.at(-1)!.toFixed(1)} ms`);
  }
  return Math.max(...times);
}

async function timePage(url: string): Promise<{ ms: number; next: string | null }> {
  const start = performance.now();
  const response = await fetch(url);
  const text = await response.text();
  const ms = performance.now() - start;
  if (!response.ok) throw new Error(text);
  return { ms, next: (JSON.parse(text) as { next: string | null }).next };
}

async function slowestConsolePage(
  service: WholeService,
  paths: readonly string[],
): Promise<Pick<ListFigures, 'consolePageMs' | 'consoleFirstMs'>> {
  const times: { first: number; warm: number }[] = [];
  for (const path of paths) {
    const rounds: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const start = performance.now();
      const response = await fetch(`${service.url}/console${path}`);
      await response.text();
      rounds.push(performance.now() - start);
      if (!response.ok) throw new Error(`${path} returned ${response.status}.`);
    }
    const [first, ...warm] = rounds;
    times.push({ first: first!, warm: median(warm) });
    console.error(`  console${path}: ${median(warm).toFixed(1)} ms, first ${first!.toFixed(1)} ms`);
  }
  return { consolePageMs: Math.max(...times.map(({ warm }) => warm)), consoleFirstMs: Math.max(...times.map(({ first }) => first)) };
}
