import { afterEach, describe, expect, test } from '@jest/globals';
import type { SalesforceOptions } from '../../../app/local/emulators/salesforce/salesforce.ts';
import { requestsDuring } from '../../support/requests.ts';
import { type JobView, startService, type TestService, type TestServiceOptions } from '../../support/service.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** An org that is slow, gives up, or whose responses get lost: what that costs and what is reported. The table is complete in the end. */
let service: TestService;

afterEach(() => service[Symbol.asyncDispose]());

async function start(limits: TestServiceOptions['limits'] = {}, salesforce: SalesforceOptions = {}): Promise<void> {
  service = await startService({ limits, salesforce });
  await service.call('create_importing_job', { user_id: await service.connect(), object_name: 'Account', start_date: '2023-03-01' });
}

/** Small enough that the few rows of these windows are read by Bulk, in several pages. */
const BULK = { restRows: 0, firstPageRows: 10, pageTextBytes: 15_000 };

const tick = (): ReturnType<TestService['tickAt']> => service.tickAt('2023-03-20T00:10:00Z');
const job = async (): Promise<JobView> => (await service.jobs())[0]!;

interface SliceRow {
  staged: number;
  generation: number;
  open: boolean;
}

async function slices(): Promise<SliceRow[]> {
  return (await service.database.pool.query<SliceRow>('SELECT staged, generation, open FROM slices ORDER BY cursor_from')).rows;
}

/** The page requests among these, by the Bulk job that they are for. */
const resultsOf = (requests: string[]): string[] => requests.flatMap((request) => /\/query\/(\w+)\/results/.exec(request)?.[1] ?? []);

/** How often a run was given back, and with which error. */
const interruptions = (): object[] =>
  service.logged.filter((line) => line.includes('"event":"run_interrupted"')).map((line) => JSON.parse(line) as object);

test('a page that drips for longer than the idle timeout is fetched once', async () => {
  await start({ ...BULK, idleMs: 2_000 });
  // The first page has more than 2,000 bytes.
  service.salesforce.faults.arm({ kind: 'slow-page', afterBytes: 40, everyMs: 50 });
  const requests = await requestsDuring(tick);
  await expectWholeTable(service);
  expect(resultsOf(requests)).toHaveLength(Number((await job()).run!.receipt.pages));
  expect(interruptions()).toEqual([]);
});

describe('an object that takes too long to count', () => {
  test('is imported, and the receipt says "not counted"', async () => {
    await start();
    service.salesforce.faults.arm({ kind: 'count-timeout', rows: 0 });
    await tick();
    await expectWholeTable(service);
    expect((await job()).run!.receipt).toMatchObject({ salesforce_after: null, verdict: 'not counted' });
  });

  test('is still cut into slices', async () => {
    await start({ ...BULK, sliceRows: 20 });
    service.salesforce.faults.arm({ kind: 'count-timeout', rows: 0 });
    await tick();
    await expectWholeTable(service);
    expect((await slices()).length).toBeGreaterThan(3);
    expect((await job()).run!.receipt).toMatchObject({ verdict: 'not counted' });
  });
});

describe('a query that is too large for one Bulk job', () => {
  test('is cut until each part succeeds', async () => {
    await start(BULK);
    service.salesforce.faults.arm({ kind: 'query-timeout', rows: 30 });
    await tick();
    await expectWholeTable(service);
    const parts = await slices();
    expect(parts.length).toBeGreaterThan(2);
    expect(Math.max(...parts.map(({ staged }) => staged))).toBeLessThanOrEqual(30);
    expect((await job()).run!.receipt).toMatchObject({ verdict: 'exact' });
    expect(interruptions()).toEqual([]);
  });

  test('is cut in two after Salesforce retried it sixteen times', async () => {
    await start(BULK);
    service.salesforce.faults.arm({ kind: 'job-retries', retries: 16 });
    await tick();
    await expectWholeTable(service);
    expect((await slices()).map(({ open }) => open)).toEqual([false, true]);
    expect(interruptions()).toEqual([]);
  });
});

test.each(['/queryAll', '/results'])(
  'a call to %s that exceeds the concurrent limit is retried and not reported as a used-up allowance',
  async (path) => {
    await start(path === '/queryAll' ? {} : BULK);
    service.salesforce.faults.arm({ kind: 'concurrent-requests', match: { path } });
    expect(await tick()).toMatchObject({ status: 200, text: expect.stringMatching(/^OK: /) });
    await expectWholeTable(service);
    expect(interruptions()).toMatchObject([{ error_code: 'salesforce_unavailable', recovery: 'retry', failures: 1 }]);
  },
);

describe('a lost response', () => {
  test('to a new Bulk job: another job is created, and only its pages are read', async () => {
    await start(BULK);
    service.salesforce.faults.arm({ kind: 'lost-reply', match: { method: 'POST', path: '/jobs/query' } });
    const requests = await requestsDuring(tick);
    await expectWholeTable(service);
    expect(service.salesforce.limits.of('DailyBulkV2QueryJobs').Remaining).toBe(9_998);
    expect(new Set(resultsOf(requests)).size).toBe(1);
    expect(await slices()).toMatchObject([{ generation: 1 }]);
  });

  test.each(['/jobs/query/', '/results'])('from %s is requested again', async (path) => {
    await start(BULK);
    service.salesforce.faults.arm({ kind: 'lost-reply', match: { method: 'GET', path } });
    await tick();
    await expectWholeTable(service);
  });

  test('to a session renewal is requested again if refresh tokens do not rotate', async () => {
    await start();
    await expire();
    service.salesforce.faults.arm({ kind: 'lost-reply', match: { path: '/services/oauth2/token' } });
    await tick();
    await expectWholeTable(service);
  });

  test('to a session renewal with a rotated refresh token needs a new login', async () => {
    await start({}, { rotateRefreshTokens: true });
    await expire();
    service.salesforce.faults.arm({ kind: 'lost-reply', match: { path: '/services/oauth2/token' } });
    await service.call('handle_importing_job');
    while (!(await job()).needs_login || (await job()).run!.state === 'running');
    const { last_date, run } = await job();
    expect({ last_date, run }).toMatchObject({ last_date: '2023-03-01', run: { state: 'queued', error: { code: 'needs_login' } } });
    expect(run!.error!.message).toContain('call get_oauth_url and login_oauth_callback again');
    await service.connect();
    await tick();
    await expectWholeTable(service);
    expect(await job()).toMatchObject({ needs_login: false });
  });

  async function expire(): Promise<void> {
    service.salesforce.clock.set(new Date('2023-03-20T00:10:00Z'));
    await fetch(`${service.salesforce.instanceUrl}/emulator/sessions/expire`, { method: 'POST' });
  }
});

test.each([
  ['by Bulk', BULK],
  ['by REST', {}],
])('an org that ignores Accept-Encoding is read %s', async (_method, limits) => {
  await start(limits);
  service.salesforce.faults.arm({ kind: 'not-compressed', times: 1_000 });
  await tick();
  await expectWholeTable(service);
  expect(service.salesforce.faults.list()[0]!.times).toBeLessThan(1_000);
  expect(interruptions()).toEqual([]);
});
