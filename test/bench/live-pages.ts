import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { openDatabase } from '../../app/store/database.ts';
import { WholeService } from './whole-service.ts';

const PAGES = 10;
const SLICES = 5;
const RESULT_PAGES = 30;
const EVENTS = 60;

/** How often each run changes: a result page of 64 MB is recorded, read and loaded in a few seconds. */
const LOAD_MS = 1_500;

const WARM_UP_MS = 10_000;
const MEASURED_MS = 60_000;

/** The CPU that open live pages cost, as a share of a core. */
export interface LivePageFigures {
  liveRunsCpu: number;
  liveJobsCpu: number;
}

/** Ten live pages of ten runs in progress, and of their jobs, beyond what the service costs without them. */
export async function measureLivePages(): Promise<LivePageFigures> {
  await using service = await WholeService.start({ now: '2023-02-01T00:10:00Z', size: 10 }, { clock: false, emulatorNiceness: 10 });
  const database = openDatabase({ url: service.environment.DATABASE_URL! }, () => {});
  const loading = new AbortController();
  try {
    const runs = await addRuns(database);
    const loads = loadPages(database, runs, loading.signal);
    const idle = await cpuShare(service, []);
    const ofRuns = await cpuShare(
      service,
      runs.map(({ id }) => `runs/${id}`),
    );
    const ofJobs = await cpuShare(
      service,
      runs.map(({ jobId }) => `jobs/${jobId}`),
    );
    loading.abort();
    await loads;
    return { liveRunsCpu: ofRuns - idle, liveJobsCpu: ofJobs - idle };
  } finally {
    loading.abort();
    await database.end();
  }
}

interface OpenRun {
  id: string;
  jobId: string;
}

/** Runs that no worker of the service continues. */
async function addRuns(database: pg.Pool): Promise<OpenRun[]> {
  const { rows } = await database.query<OpenRun>(
    `WITH connected AS (
       INSERT INTO connections (org_id, user_id, identity_url, login_url, instance_url, access_token, refresh_token)
       VALUES ('00D000000000000EAA', '005000000000000EAA', '', '', '', '', '') RETURNING id
     ), added AS (
       INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, start_date, synced_to, wanted_to)
       SELECT id, 'Object' || number || '__c', 'SystemModstamp', 'salesforce', 'Object' || number, '2023-02-01', '2023-02-01', '2023-03-01'
       FROM connected CROSS JOIN generate_series(1, $1::integer) AS number RETURNING id, connection_id
     )
     INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, state, run_at, attempt, started_at, lease_until)
     SELECT id, connection_id, 'window', '2023-02-01', '2023-03-01', 'running', now(), 1, now(), now() + interval '1 day' FROM added
     RETURNING id, job_id AS "jobId"`,
    [PAGES],
  );
  await database.query(
    `INSERT INTO slices (run_id, ordinal, cursor_from, cursor_to, open, state, method, count_before, requested_at, bulk_job_id, processed)
     SELECT id, number, window_from, window_to, false, 'extracting', 'bulk', 1000000, now(), '7501234567890abAAA', 1000000
     FROM runs CROSS JOIN generate_series(1, $1::integer) AS number`,
    [SLICES],
  );
  await database.query(
    `INSERT INTO pages (run_id, slice, generation, number, locator, rows, bytes)
     SELECT run_id, ordinal, 1, number, 'MTIzNDU', 50000, 8000000 FROM slices CROSS JOIN generate_series(0, $1::integer - 1) AS number`,
    [RESULT_PAGES],
  );
  await database.query(
    `INSERT INTO run_events (run_id, at, level, event, details)
     SELECT id, now(), 'info', 'page_loaded', '{"slice": 1, "page": 3, "rows": 50000, "bytes": 8000000}'
     FROM runs CROSS JOIN generate_series(1, $1::integer)`,
    [EVENTS],
  );
  return rows;
}

async function loadPages(database: pg.Pool, runs: readonly OpenRun[], stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    for (const { id } of runs) {
      await database.query(
        `UPDATE pages SET loaded = rows WHERE (run_id, slice, number) IN
           (SELECT run_id, slice, number FROM pages WHERE run_id = $1 AND loaded IS NULL ORDER BY slice, number LIMIT 1)`,
        [id],
      );
      await sleep(LOAD_MS / runs.length, undefined, { signal: stop }).catch(() => {});
    }
  }
}

/** @param paths of the live pages, below /console */
async function cpuShare(service: WholeService, paths: readonly string[]): Promise<number> {
  const closing = new AbortController();
  const headers = { accept: 'text/event-stream' };
  const reads = paths.map(async (path) => {
    const response = await fetch(`${service.url}/console/${path}/live`, { headers, signal: closing.signal });
    if (!response.ok) throw new Error(`${path} returned ${response.status}.`);
    for await (const _ of response.body!);
  });
  const failed = Promise.all(reads);
  failed.catch(() => {});
  await Promise.race([sleep(WARM_UP_MS), ...(paths.length > 0 ? [failed] : [])]);
  const before = await service.cpuSeconds();
  await Promise.race([sleep(MEASURED_MS), ...(paths.length > 0 ? [failed] : [])]);
  const after = await service.cpuSeconds();
  closing.abort();
  await failed.catch(() => {});
  console.error(`  ${paths[0] ?? 'no page'}: ${((after - before) / (MEASURED_MS / 1000)).toFixed(4)}`);
  return (after - before) / (MEASURED_MS / 1000);
}
