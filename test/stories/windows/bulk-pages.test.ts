import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createContext } from '../../../app/context.ts';
import type { Limits } from '../../../app/core/connections/limits.ts';
import { Worker } from '../../../app/sync/worker.ts';
import { mostAtOnce } from '../../support/requests.ts';
import { startService, type TestService } from '../../support/service.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** How many result pages there are, how wide, and how many are passed on at once. */
let service: TestService;

afterEach(() => service[Symbol.asyncDispose]());

async function start(limits: Partial<Limits>, objects: string[], env: NodeJS.ProcessEnv = {}): Promise<void> {
  service = await startService({ limits: { restRows: 0, firstPageRows: 10, ...limits }, env });
  const userId = await service.connect();
  for (const object of objects)
    await service.call('create_importing_job', { user_id: userId, object_name: object, start_date: '2023-03-01' });
}

const tick = (): Promise<unknown> => service.tickAt('2023-03-20T00:10:00Z');

describe('slow pages', () => {
  const OBJECTS = ['Account', 'Contact'];
  const SMALL = { pageTextBytes: 15_000 };
  /** Longer than it takes to ask for the next. */
  const dripping = { kind: 'slow-page', times: 1_000, afterBytes: 400, everyMs: 20 } as const;

  async function mostPages(): Promise<number> {
    service.salesforce.faults.arm(dripping);
    const most = await mostAtOnce('/results', tick);
    for (const { object_name } of await service.jobs()) await expectWholeTable(service, object_name);
    return most;
  }

  test('load concurrently, at most three per table', async () => {
    await start({ ...SMALL, longRequests: 20, uploads: 20 }, ['Account']);
    expect(await mostPages()).toBe(3);
  });

  test('of all runs stay within the limit of the org', async () => {
    await start({ ...SMALL, longRequests: 4, uploads: 20 }, OBJECTS);
    expect(await mostPages()).toBe(4);
  });

  test('of two processes together stay within the limit of the org', async () => {
    const limits = { ...SMALL, longRequests: 4, uploads: 20 };
    await start(limits, OBJECTS, { WORKERS: '1' });
    const { config, events, limits: all } = service.context;
    const other = createContext(config, events, all);
    const worker = new Worker(other);
    worker.start();
    try {
      // Each process executes one run, which would load three pages at once.
      expect(await mostPages()).toBe(4);
    } finally {
      await worker.stop();
      await other.close();
    }
  });

  test('of all runs stay within the upload limit of the process', async () => {
    await start({ ...SMALL, longRequests: 20, uploads: 1 }, OBJECTS);
    expect(await mostPages()).toBe(1);
  });
});

test('a page that trickles for too long is fetched again', async () => {
  await start({ pageMs: 300 }, ['Account']);
  service.salesforce.faults.arm({ kind: 'slow-page', afterBytes: 1, everyMs: 50 });
  await tick();
  await expectWholeTable(service);
  expect(service.logged.join()).toContain('did not arrive within 0.3 seconds');
});

describe('pages after the first', () => {
  async function pages(): Promise<{ rows: number; bytes: number }[]> {
    await tick();
    await expectWholeTable(service);
    return (await service.database.pool.query<{ rows: number; bytes: number }>('SELECT rows, bytes FROM pages ORDER BY number')).rows;
  }

  test('have as many rows as fit the page size, by the row width of the first page', async () => {
    const pageTextBytes = 20_000;
    await start({ pageTextBytes }, ['Account'], { SALESFORCE_GZIP: 'off' });
    const [first, ...others] = await pages();
    const last = others.pop()!;
    expect(first!.rows).toBe(10);
    const rows = Math.floor((pageTextBytes * first!.rows) / first!.bytes);
    expect(rows).toBeGreaterThan(15);
    expect(others.length).toBeGreaterThan(1);
    expect(new Set(others.map((page) => page.rows))).toEqual(new Set([rows]));
    expect(last.rows).toBeLessThanOrEqual(rows);
  });

  test('are one if the remaining rows fit a page', async () => {
    await start({}, ['Account']);
    expect((await pages()).map(({ rows }) => rows)).toEqual([10, expect.any(Number)]);
  });
});

test('a run shows its pages, counts and rate while it loads them, and each stage once it has succeeded', async () => {
  await start({ pageTextBytes: 5_000, uploads: 1 }, ['Account']);
  service.salesforce.faults.arm({ kind: 'slow-page', times: 1_000, afterBytes: 400, everyMs: 20 });
  service.salesforce.clock.set(new Date('2023-03-20T00:10:00Z'));
  await service.call('handle_importing_job');
  let run = await shownRun();
  // A rate needs some time.
  while (!run.slices[0]?.pages.some(({ state }) => state === 'loaded') || typeof run.progress?.rows_per_second !== 'number') {
    await sleep(20);
    run = await shownRun();
  }
  expect(run).toMatchObject({ state: 'running', step: 'extracting', started_at: expect.any(String), receipt: null, error: null });
  const { progress } = run;
  expect(progress).toMatchObject({ slices_done: 0, slices_total: 1, rows: expect.any(Number), rows_per_second: expect.any(Number) });
  expect(progress!.pages).toBeGreaterThan(0);
  expect(progress!.bytes).toBeGreaterThan(0);
  expect(run.stages.find(({ stage }) => stage === 'loaded')!.rows).toBe(progress!.rows);
  service.salesforce.faults.clear();
  await tick();

  const { receipt, slices, stages, bigquery_statements, ...ended } = await shownRun();
  expect(ended).toMatchObject({ state: 'succeeded', step: null, progress: null });
  expect(stages.at(-1)).toMatchObject({ stage: 'merged', rows: receipt!.inserted, agrees: true });
  expect(stages.slice(1).every(({ agrees }) => agrees)).toBe(true);
  const [{ pages, bulk_job_id, ...slice }, ...others] = slices as [ShownSlice, ...ShownSlice[]];
  expect(others).toEqual([]);
  expect(slice).toMatchObject({ method: 'bulk', state: 'staged', processed: receipt!.processed, staged: receipt!.staged });
  expect(pages).toHaveLength(receipt!.pages as number);
  expect(pages.every(({ state }) => state === 'loaded')).toBe(true);
  expect(bulk_job_id).toMatch(/^750/);
  // Every job that BigQuery knows of the run, and no other.
  const statements = bigquery_statements.map(({ job_id }) => job_id);
  const [jobs] = await service.client.getJobs({ maxResults: 1_000 });
  const ofRun = jobs.map(({ id }) => id!).filter((id) => id.startsWith(`sync_${ended.id.replaceAll('-', '')}`));
  expect([...pages.map(({ load_job_id }) => load_job_id), ...statements].toSorted()).toEqual(ofRun.toSorted());

  let events: { event: string }[] = [];
  while (events.length < 2) {
    await sleep(100);
    events = (JSON.parse((await service.call(`v1/runs/${ended.id}/events`)).text) as { events: { event: string }[] }).events;
  }
  expect(events).toMatchObject([{ event: 'run_succeeded', level: 'info' }, { event: 'run_claimed' }]);
});

interface ShownSlice {
  bulk_job_id: string;
  pages: { state: string; load_job_id: string }[];
}

interface ShownRun {
  id: string;
  progress: Record<'rows' | 'pages' | 'bytes' | 'rows_per_second', number | null> | null;
  receipt: Record<string, unknown> | null;
  stages: { stage: string; rows: number | null; agrees: boolean | null }[];
  slices: ShownSlice[];
  bigquery_statements: { job_id: string }[];
}

/** The first job's run, in detail. */
async function shownRun(): Promise<ShownRun> {
  const [job] = await service.jobs();
  return JSON.parse((await service.call(`v1/runs/${job!.run!.id}`)).text) as ShownRun;
}
