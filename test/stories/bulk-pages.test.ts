import { afterEach, describe, expect, test } from '@jest/globals';
import { createContext } from '../../app/context.ts';
import type { Limits } from '../../app/core/limits.ts';
import { Worker } from '../../app/sync/worker.ts';
import { mostAtOnce } from '../support/requests.ts';
import { startService, type TestService } from '../support/service.ts';
import { expectWholeTable } from '../support/whole-table.ts';

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
