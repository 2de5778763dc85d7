import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { readAccessToken, saveGrant } from '../../app/store/connections/connections.ts';
import { openDatabase } from '../../app/store/database.ts';
import { createSealer } from '../../app/store/seal.ts';
import { percentile } from './percentile.ts';
import { WholeService } from './whole-service.ts';

/** How fast the queue is. */
export interface QueueFigures {
  tickP50Ms: number;
  tickP99Ms: number;
  tickAllDueMs: number;
  windowsPerMinute: number;
  emptyWindowCpuMs: number;
}

type DrainFigures = Pick<QueueFigures, 'windowsPerMinute' | 'emptyWindowCpuMs'>;

/** Objects of the emulated org without rows, and without changes before March 2023. */
const OBJECTS = ['Asset', 'Campaign', 'Contract', 'Entitlement', 'Event', 'Order', 'Product2', 'Quote', 'Solution', 'WorkOrder'];

const DRAINED_JOBS = 200;
const DRAINED_WINDOWS = 5;
const JOBS = 10_000;

const CALLERS = 3;
const TICKS_PER_CALLER = 200;
const PAUSE_MS = 50;

/** Before the org becomes active: nothing changes in it. */
const ORG = { now: '2023-02-01T00:10:00Z', size: 10 };

/** Drains empty windows with two processes, then ticks with 10,000 jobs while the workers of one are busy. */
export async function measureQueue(): Promise<QueueFigures> {
  const drained = await withJobs(DRAINED_JOBS, { processes: 2 }, drain);
  return { ...(await withJobs(JOBS, { clock: false }, measureTicks)), ...drained };
}

async function withJobs<Result>(
  jobs: number,
  options: Parameters<typeof WholeService.start>[1],
  measure: (service: WholeService, database: pg.Pool) => Promise<Result>,
): Promise<Result> {
  await using service = await WholeService.start(ORG, options);
  await service.createJob(OBJECTS[0]!, '2023-02-01');
  const database = openDatabase({ url: service.environment.DATABASE_URL! }, () => {});
  try {
    await addJobs(service, database, jobs - 1);
    return await measure(service, database);
  } finally {
    await database.end();
  }
}

/** Adds jobs, one per object, of as many users of the org as are needed; they share one session. */
async function addJobs(service: WholeService, database: pg.Pool, count: number): Promise<void> {
  const sealer = createSealer([Buffer.from(service.environment.TOKEN_KEYS!, 'base64')]);
  const { rows } = await database.query<{ id: number; org_id: string; login_url: string }>(
    'SELECT id, org_id, login_url FROM connections ORDER BY id',
  );
  const { id, org_id: orgId, login_url: loginUrl } = rows[0]!;
  const session = await readAccessToken(database, sealer, id);
  for (let left = count, user = rows.length; left > 0; left -= OBJECTS.length, user++) {
    const userId = `005${String(user).padStart(15, '0')}`;
    const grant = { ...session, identityUrl: `${loginUrl}/id/${orgId}/${userId}`, loginUrl, refreshToken: 'none' };
    const connection = await saveGrant(database, sealer, { orgId, userId }, grant);
    await database.query(
      `INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, start_date, synced_to, wanted_to)
       SELECT $1::bigint, object, 'SystemModstamp', 'salesforce', object || '_' || $1::bigint, '2023-02-01', '2023-02-01', '2023-02-01'
       FROM unnest($2::text[]) AS object LIMIT $3`,
      [connection.id, OBJECTS, left],
    );
  }
}

/** Without the first window of each job, which creates its table. */
async function drain(service: WholeService, database: pg.Pool): Promise<DrainFigures> {
  await importDay(service, database, 2);
  const [start, cpuBefore] = [performance.now(), await service.cpuSeconds()];
  for (let window = 0; window < DRAINED_WINDOWS; window++) await importDay(service, database, 3 + window);
  const windows = DRAINED_JOBS * DRAINED_WINDOWS;
  const cpuSeconds = (await service.cpuSeconds()) - cpuBefore;
  return { windowsPerMinute: (windows * 60_000) / (performance.now() - start), emptyWindowCpuMs: (cpuSeconds * 1000) / windows };
}

async function importDay(service: WholeService, database: pg.Pool, day: number): Promise<void> {
  const until = `2023-02-${String(day).padStart(2, '0')}`;
  await service.setClock(`${until}T00:10:00Z`);
  await service.tick();
  for (;;) {
    const { rows } = await database.query<{ failed: number; left: number }>(
      `SELECT (SELECT count(*) FROM runs WHERE state IN ('failed', 'cancelled')) AS failed,
         (SELECT count(*) FROM jobs WHERE synced_to < $1) AS left`,
      [until],
    );
    if (rows[0]!.failed > 0) throw new Error('A run failed. See the log of the service.');
    if (rows[0]!.left === 0) return;
    await sleep(20);
  }
}

/** @throws Error if the workers were idle */
async function measureTicks(service: WholeService, database: pg.Pool): Promise<Omit<QueueFigures, keyof DrainFigures>> {
  const timeTick = async (): Promise<number> => {
    const start = performance.now();
    await service.tick();
    return performance.now() - start;
  };
  const endedRuns = async (): Promise<number> =>
    (await database.query<{ ended: number }>('SELECT count(*) AS ended FROM runs WHERE finished_at IS NOT NULL')).rows[0]!.ended;
  const tickAllDueMs = await timeTick();
  const endedBefore = await endedRuns();
  const times: number[] = [];
  const call = async (): Promise<void> => {
    for (let tick = 0; tick < TICKS_PER_CALLER; tick++) {
      times.push(await timeTick());
      await sleep(PAUSE_MS);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, call));
  if ((await endedRuns()) - endedBefore < times.length / CALLERS) throw new Error('The workers were not busy during the ticks.');
  return { tickP50Ms: percentile(times, 0.5), tickP99Ms: percentile(times, 0.99), tickAllDueMs };
}
