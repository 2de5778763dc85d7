import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { checkRunningCost, type JobToCheck } from '../../../app/actions/jobs/check-running-cost.ts';
import { readTableSize } from '../../../app/bigquery/tables/table-size.ts';
import { runningCost } from '../../../app/core/jobs/running-cost.ts';
import type { Connection } from '../../../app/store/connections/connections.ts';
import { findJob, type Job } from '../../../app/store/jobs/jobs.ts';
import { requestsDuring } from '../../support/requests.ts';
import { type Answer, startService, type TestService } from '../../support/service.ts';

/** What windows would cost is estimated when a job is created, and too much is refused. */
/** An object that has no rows but those of this file. */
const QUIET = 'Everything__c';

let service: TestService;
let userId: string;

beforeEach(async () => {
  service = await startService({ salesforce: { now: '2023-02-19T00:10:00Z', size: 30, rows: { [QUIET]: 0 } } });
  userId = await service.connect();
});
afterEach(() => service[Symbol.asyncDispose]());

async function create(object_name: string, every: string): Promise<Answer> {
  return await service.call('create_importing_job', { user_id: userId, object_name, start_date: '2023-01-01', every });
}

/** What the org's limit leaves to us, with the default API_SHARE of a half. */
function setShare(calls: number): void {
  service.salesforce.limits.set('DailyApiRequests', { Max: 2 * calls, Remaining: 2 * calls });
}

function insert(rows: number): void {
  for (let row = 0; row < rows; row++) service.salesforce.org.insert(QUIET, { Text__c: `Row ${row}` });
}

/** Inserts rows that the count of a week's changes includes. */
function insertYesterday(rows: number): void {
  insert(rows);
  service.salesforce.clock.set(new Date('2023-02-20T00:10:00Z'));
}

const objects = async (): Promise<string[]> => (await service.jobs()).map(({ object_name }) => object_name);

const TOO_MUCH = { status: 422, code: 'salesforce_quota' };

describe('a job', () => {
  test('that needs more calls than our share leaves is refused with the numbers, and a longer interval that fits is accepted', async () => {
    insertYesterday(60);
    setShare(150);
    expect(await create('Account', '15m')).toMatchObject({ text: 'OK' });
    const refused = await create(QUIET, '15m');
    expect(refused).toMatchObject(TOO_MUCH);
    const [, longer] =
      /With every=15m, Everything__c needs about 136 Salesforce API calls a day, and all 2 active jobs of the org together 2\d\d\. This service's share is 150 \(API_SHARE 0\.5 of the org's 300\)\. Choose a longer every \((\w+) fits\), raise API_SHARE, or pause jobs of other objects\./.exec(
        refused.text,
      ) ?? [];
    expect(await objects()).toEqual(['Account']);
    expect(await create(QUIET, longer!)).toMatchObject({ text: 'OK' });
    expect(await objects()).toEqual(['Account', QUIET]);
  });

  test('of an object that changes rarely needs fewer calls', async () => {
    setShare(96);
    expect(await create(QUIET, '15m')).toMatchObject({ text: 'OK' });
    expect((await service.database.pool.query('SELECT weekly_changes FROM jobs')).rows).toEqual([{ weekly_changes: 0 }]);
    expect(await create('Contact', 'day')).toMatchObject(TOO_MUCH);
    await service.call('pause_importing_job', { user_id: userId, object_name: QUIET });
    expect(await create('Contact', 'day')).toMatchObject({ text: 'OK' });
  });

  test('whose changes Salesforce cannot count in time is estimated as if each window had some', async () => {
    setShare(290);
    service.salesforce.faults.arm({ kind: 'count-timeout', rows: 0 });
    insertYesterday(1);
    expect(await create(QUIET, '15m')).toMatchObject({ text: 'OK' });
    expect((await service.database.pool.query('SELECT weekly_changes FROM jobs')).rows).toEqual([{ weekly_changes: null }]);
    expect(service.logged.join('')).toContain('"event":"changes_not_counted"');
    expect(await create('Contact', 'day')).toMatchObject(TOO_MUCH);
  });

  test('that exceeds its daily budget of bytes is refused', async () => {
    insertYesterday(100);
    service.context.config.bigquery.dailyBytesPerJob = 5e8;
    const refused = await create(QUIET, '15m');
    expect(refused).toMatchObject({ status: 422, code: 'bigquery_budget' });
    expect(refused.text).toMatch(
      /BigQuery bills up to about \S+ GB a day for Everything__c\. Its daily budget is 0\.5 GB\. Choose a longer every \(\w+ fits\), or raise BIGQUERY_DAILY_GB_PER_JOB\./,
    );
    expect(await objects()).toEqual([]);
    expect(await create(QUIET, '2h')).toMatchObject({ text: 'OK' });
  });

  test('shows its estimate to callers that prefer JSON', async () => {
    const answer = async (object_name: string, every: string): Promise<unknown> => {
      const body = new URLSearchParams({ user_id: userId, object_name, start_date: '2023-01-01', every });
      return await (
        await fetch(`${service.url}/create_importing_job`, { method: 'POST', body, headers: { accept: 'application/json' } })
      ).json();
    };
    expect(await answer(QUIET, '15m')).toMatchObject({ ok: true, estimate: { calls_per_day: 96, bytes_billed_per_day: 0 } });
    expect(await answer('Contact', 'day')).toMatchObject({ estimate: { calls_per_day: 3, bytes_billed_per_day: 20_971_520 } });
    expect(await answer('Contact', 'day')).toMatchObject({ estimate: null });
  });

  test('costs one call more to create, and none more if its windows are daily', async () => {
    const counts = async (object: string, every: string): Promise<number> => {
      const requests = await requestsDuring(() => create(object, every));
      return requests.filter((request) => /COUNT\(\)/.test(decodeURIComponent(request))).length;
    };
    expect(await counts('Account', 'day')).toBe(0);
    expect(await counts('Contact', '15m')).toBe(1);
  });
});

/** The only job, as it is, and its connection. */
async function onlyJob(): Promise<{ job: Job; connection: Connection }> {
  const { rows } = await service.database.pool.query<{ id: number; org_id: string }>('SELECT id, org_id FROM connections');
  const connection = { id: rows[0]!.id, orgId: rows[0]!.org_id } as Connection;
  return { job: (await findJob(service.database.pool, connection.id, QUIET))!, connection };
}

test('a small window makes two BigQuery jobs, and costs what the estimate says', async () => {
  insert(5);
  await create(QUIET, '15m');
  await service.tickAt('2023-02-21T00:10:00Z');
  service.salesforce.clock.set(new Date('2023-02-21T00:20:00Z'));
  insert(3);
  const used = (): number => {
    const { Max, Remaining } = service.salesforce.limits.of('DailyApiRequests');
    return Max - Remaining;
  };
  const before = used();
  await service.tickAt('2023-02-21T00:40:00Z');
  const { receipt } = (await service.jobs())[0]!.run!;
  expect(receipt).toMatchObject({ delta_rows: 3 });
  const load = { every: 'day', cursorNillable: false, weeklyChanges: null } as const;
  const { calls, bytesBilled } = runningCost({ load, table: { bytes: 0, rowBytes: 0, partitioned: false } }, 10);
  expect([used() - before, receipt.bytes_billed]).toEqual([calls, bytesBilled]);
  expect(receipt).toMatchObject({ salesforce_calls: calls, bigquery_jobs: 2 });
});

test('a receipt counts the calls of all attempts', async () => {
  const { calls, database } = service.context;
  const orgId = (await database.query<{ org_id: string }>('SELECT org_id FROM connections')).rows[0]!.org_id;
  const ownCalls = async (): Promise<number> => {
    await calls.write();
    return (await calls.quota(orgId)).ownCalls;
  };
  insert(5);
  await create(QUIET, 'day');
  // The first attempt has read the rows and cannot load them.
  await fetch(`${service.bigquery.url}/emulator/faults`, {
    method: 'POST',
    body: JSON.stringify({ kind: 'job-failed', match: '_load_', times: 4 }),
  });
  const before = await ownCalls();
  await service.tickAt('2023-02-21T00:10:00Z');
  const { rows } = await database.query<{ attempt: number; calls: number }>('SELECT attempt, calls FROM runs');
  expect(rows).toEqual([{ attempt: 2, calls: 2 }]);
  const { receipt } = (await service.jobs())[0]!.run!;
  // Both read a page; one described the object, and one counted the rows.
  expect([receipt.salesforce_calls, (await ownCalls()) - before]).toEqual([4, 4]);
});

test('a shorter interval of an existing job is checked by the size of its table, and a longer one always fits', async () => {
  insert(50);
  await create(QUIET, '1h');
  await service.tickAt('2023-02-21T00:10:00Z');
  const { job, connection } = await onlyJob();
  const target = { project: service.bigquery.project, dataset: job.targetDataset, table: job.targetTable };
  const size = await readTableSize(service.context.warehouse, target);
  expect(size!.bytes / size!.rowBytes).toBeCloseTo(50);
  expect(await readTableSize(service.context.warehouse, { ...target, table: 'Lead' })).toBeUndefined();
  const changed = (every: JobToCheck['every']): JobToCheck => ({ ...job, every, table: size!, existing: job });
  setShare(90);
  await expect(checkRunningCost(service.context, connection, changed('15m'))).rejects.toMatchObject({
    code: 'salesforce_quota',
    message: expect.stringMatching(
      /^With every=15m, Everything__c needs about 130 Salesforce API calls a day\. This service's share is 90 /,
    ),
  });
  service.context.config.bigquery.dailyBytesPerJob = 1;
  expect(await checkRunningCost(service.context, connection, changed('2h'))).toMatchObject({ weeklyChanges: 50 });
  setShare(200);
  await expect(checkRunningCost(service.context, connection, changed('15m'))).rejects.toMatchObject({ code: 'bigquery_budget' });
});
