import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Limits } from '../../../app/core/connections/limits.ts';
import type { Fault } from '../../../app/local/emulators/salesforce/faults.ts';
import { Worker } from '../../../app/sync/worker.ts';
import { requestsDuring } from '../../support/requests.ts';
import { type JobView, startService, type TestService } from '../../support/service.ts';
import { expectTableEqualsOrg } from '../../support/whole-table.ts';

/** Windows of a connection that are due together read their first pages in one call. */
let service: TestService;

const OBJECTS = ['Account', 'Case', 'Contact', 'Lead', 'Opportunity'] as const;
/** The field that has a new row's name. */
const NAMES = { Account: 'Name', Case: 'Subject', Contact: 'LastName', Lead: 'LastName', Opportunity: 'Name' } as const;
type Rows = Partial<Record<(typeof OBJECTS)[number], number>>;

/** Five jobs whose first windows, without rows, have been imported. The org itself changes nothing before March. */
async function start(limits: Partial<Limits> = {}, env: NodeJS.ProcessEnv = {}): Promise<void> {
  const rows = Object.fromEntries(OBJECTS.map((object) => [object, 0]));
  service = await startService({ salesforce: { now: '2023-02-01T00:10:00Z', rows }, limits, env });
  const user_id = await service.connect();
  for (const object_name of OBJECTS) await service.call('create_importing_job', { user_id, object_name, start_date: '2023-02-01' });
  await service.tickAt('2023-02-02T00:10:00Z');
}

afterEach(() => service[Symbol.asyncDispose]());

function insert(day: number, rows: Rows): void {
  const { clock, org } = service.salesforce;
  clock.set(new Date(`2023-02-${String(day - 1).padStart(2, '0')}T12:00:00Z`));
  for (const [object, count] of Object.entries(rows)) {
    for (let row = 0; row < count; row++) org.insert(object, { [NAMES[object as keyof Rows]]: `${object} ${row}` });
  }
}

const tickDay = (day: number) => service.tickAt(`2023-02-${String(day).padStart(2, '0')}T00:10:00Z`);

/** Imports the windows of the day before, with new rows. @returns the calls to Salesforce's data API */
async function importDay(day: number, rows: Rows = {}): Promise<string[]> {
  insert(day, rows);
  return await dataCallsDuring(() => tickDay(day));
}

async function dataCallsDuring(during: () => Promise<unknown>): Promise<string[]> {
  const requests = await requestsDuring(during);
  const calls = requests.filter((request) => request.includes('/services/data'));
  return calls.map((request) => (/COUNT\(\)/.test(request) ? 'count' : request.replace(/\?.*/, '')));
}

const COMPOSITE = 'POST /services/data/v66.0/composite';
const DESCRIBE = (object: string) => `GET /services/data/v66.0/sobjects/${object}/describe`;
const ALONE = 'GET /services/data/v66.0/queryAll';

const alone = (calls: string[]) => calls.filter((call) => call === ALONE).length;
const shared = (calls: string[]) => calls.filter((call) => call === COMPOSITE).length;

/** Every table must equal the org, and every job must be imported until the day. */
async function expectImported(day: number, jobs: readonly string[] = OBJECTS): Promise<void> {
  for (const object of jobs) await expectTableEqualsOrg(service, object);
  const imported = (await service.jobs()).filter(({ object_name }) => jobs.includes(object_name));
  const last_date = `2023-02-${String(day).padStart(2, '0')}`;
  for (const job of imported) expect(job).toMatchObject({ last_date, run: { state: 'succeeded', receipt: { verdict: 'exact' } } });
}

async function job(object: string): Promise<JobView> {
  return (await service.jobs()).find(({ object_name }) => object_name === object)!;
}

const arm = (fault: Pick<Fault, 'kind'> & Partial<Fault>) => service.salesforce.faults.arm(fault);
const JSON_TYPE = { 'content-type': 'application/json' };
const errorBody = (errorCode: string) => JSON.stringify([{ errorCode, message: 'refused' }]);
const atComposite = { path: '/composite' };

describe('five windows that are due together', () => {
  beforeEach(() => start());

  test('cost one call if none has rows', async () => {
    const { calls } = service.context;
    const orgId = (await service.database.pool.query<{ org_id: string }>('SELECT org_id FROM connections')).rows[0]!.org_id;
    await calls.write();
    const before = (await calls.quota(orgId)).ownCalls;
    expect(await importDay(3)).toEqual([COMPOSITE]);
    await expectImported(3);
    await calls.write();
    expect((await calls.quota(orgId)).ownCalls - before).toBe(1);
    expect((await service.jobs()).map(({ run }) => run!.receipt.salesforce_calls)).toEqual([0.2, 0.2, 0.2, 0.2, 0.2]);
  });

  test('cost only a count for each window with few rows, whose pages and descriptions came with that call', async () => {
    const calls = await importDay(3, { Account: 3, Lead: 2 });
    expect(shared(calls)).toBe(1);
    expect(calls.filter((call) => call.includes('/describe') || call === ALONE)).toEqual([]);
    expect(calls).toHaveLength(3);
    await expectImported(3);
    expect([(await job('Account')).run!.receipt.salesforce_calls, (await job('Lead')).run!.receipt.salesforce_calls]).toEqual([1.2, 1.2]);
    expect((await job('Lead')).run!.receipt.salesforce_before).toBe(2);
  });

  test('describe an object again if its fields have changed', async () => {
    service.salesforce.clock.set(new Date('2023-02-02T11:00:00Z'));
    await sleep(1_100);
    service.salesforce.org.changeField('Account', { field: 'Motto__c', change: 'add', type: 'string', value: 'Onward' });
    const calls = await importDay(3, { Account: 2 });
    // Then a sweep fills the new column of older rows, and describes the object itself.
    expect([shared(calls), calls.slice(0, calls.indexOf('count')).includes(DESCRIBE('Account'))]).toEqual([1, false]);
    await expectImported(3);
    expect(await service.rows('SELECT DISTINCT Motto__c FROM salesforce.Account')).toEqual([{ Motto__c: 'Onward' }]);
  });

  test('import what they can if the fields of one are refused', async () => {
    service.salesforce.org.changeField('Account', { field: 'Phone', change: 'hide' });
    expect(shared(await importDay(3, { Account: 2, Contact: 1 }))).toBe(1);
    await expectImported(3);
  });

  test('read one alone that Salesforce does not answer in their call', async () => {
    arm({ kind: 'subrequest', match: { path: 'FROM Contact' } });
    const calls = await importDay(3, { Contact: 2, Account: 1 });
    expect([shared(calls), alone(calls)]).toEqual([1, 1]);
    await expectImported(3);
  });

  test.each<[string, Pick<Fault, 'kind'> & Partial<Fault>]>([
    ['is cut', { kind: 'cut-body', match: atComposite }],
    ['is lost', { kind: 'lost-reply', match: atComposite }],
    ['is not JSON', { kind: 'http', status: 200, body: 'OK', headers: JSON_TYPE, match: atComposite }],
    [
      'is an error of the server',
      { kind: 'http', status: 503, body: errorBody('SERVER_UNAVAILABLE'), headers: JSON_TYPE, match: atComposite },
    ],
  ])('read each page alone if the response %s, and share the next call', async (_name, fault) => {
    arm(fault);
    const calls = await importDay(3, { Contact: 2 });
    expect([shared(calls), alone(calls)]).toEqual([1, 5]);
    await expectImported(3);
    expect(service.logged.filter((line) => line.includes('composite_failed'))).toHaveLength(1);
    expect(await importDay(4)).toEqual([COMPOSITE]);
    await expectImported(4);
  });

  test('read each page alone if the org refuses such calls, and from then on', async () => {
    arm({ kind: 'http', status: 404, body: errorBody('NOT_FOUND'), headers: JSON_TYPE, times: 1_000, match: atComposite });
    const first = await importDay(3, { Contact: 2 });
    expect([shared(first), alone(first)]).toEqual([1, 5]);
    const second = await importDay(4, { Contact: 1 });
    expect([shared(second), alone(second)]).toEqual([0, 5]);
    await expectImported(4);
  });

  test('wait together, after one call, if the org has no quota', async () => {
    arm({ kind: 'quota', match: atComposite });
    const calls = await importDay(3, { Contact: 2 });
    expect(calls).toEqual([COMPOSITE]);
    for (const { run } of await service.jobs())
      expect(run).toMatchObject({ state: 'queued', failures: 0, error: { code: 'salesforce_quota' } });
    await service.database.pool.query('UPDATE runs SET run_at = now()');
    service.salesforce.clock.set(new Date('2023-02-03T00:20:00Z'));
    await service.call('handle_importing_job', { wait: '50' });
    await expectImported(3);
  });

  test.each([
    ['application/json', errorBody('SERVER_UNAVAILABLE')],
    ['text/html', '<html>Maintenance</html>'],
  ])('wait together, after one call, as long as the org demands in %s', async (type, body) => {
    arm({ kind: 'http', status: 503, body, headers: { 'content-type': type, 'retry-after': '600' }, match: atComposite });
    const calls = await importDay(3, { Contact: 2 });
    expect(calls).toEqual([COMPOSITE]);
    const { rows } = await service.database.pool.query(`SELECT FROM runs WHERE state = 'queued' AND run_at > now() + interval '9 minutes'`);
    expect(rows).toHaveLength(5);
    await service.database.pool.query('UPDATE runs SET run_at = now()');
    service.salesforce.clock.set(new Date('2023-02-03T00:20:00Z'));
    await service.call('handle_importing_job', { wait: '50' });
    await expectImported(3);
  });

  test('end one by one: a cancelled one does not stop the others', async () => {
    arm({ kind: 'subrequest', status: 200, everyMs: 1_500, match: { path: 'FROM Lead' } });
    insert(3, { Contact: 2, Account: 1 });
    const imported = tickDay(3);
    const run = await runningRun('Contact');
    expect((await fetch(`${service.url}/v1/runs/${run}/cancel`, { method: 'POST' })).status).toBe(200);
    await imported;
    await expectImported(
      3,
      OBJECTS.filter((object) => object !== 'Contact'),
    );
    expect(await job('Contact')).toMatchObject({ last_date: '2023-02-02', run: { state: 'cancelled' } });
    await service.call('handle_importing_job', { wait: '50' });
    await expectImported(3);
  });

  test.each([
    ['the one claimed first', 0],
    ['one claimed with it', 1],
  ])('do not need one whose job is deleted, paused, or paused and resumed, while their call is under way: %s', async (_which, first) => {
    arm({ kind: 'subrequest', status: 200, everyMs: 2_000, match: { path: 'FROM Lead' } });
    insert(3, { Contact: 2, Account: 1, Opportunity: 1, Lead: 1 });
    const imported = tickDay(3);
    await runningRun('Contact');
    const { rows } = await service.database.pool.query<{ id: string; object_name: string }>(
      `SELECT jobs.id, jobs.object_name FROM jobs JOIN runs ON runs.job_id = jobs.id WHERE runs.state = 'running'
       ORDER BY runs.claimed_with NULLS FIRST, jobs.id`,
    );
    const [deleted, paused, resumed] = [rows[first]!, rows[2]!, rows[3]!];
    const { rows: users } = await service.database.pool.query<{ url: string }>('SELECT identity_url AS url FROM connections');
    const call = (name: string, object_name: string) => service.call(name, { user_id: users[0]!.url, object_name });
    const [answer] = await Promise.all([
      fetch(`${service.url}/v1/jobs/${deleted.id}?table=keep`, { method: 'DELETE' }),
      call('pause_importing_job', paused.object_name),
      call('pause_importing_job', resumed.object_name).then(() => call('resume_importing_job', resumed.object_name)),
    ]);
    expect(answer.status).toBe(200);
    await imported;
    await call('resume_importing_job', paused.object_name);
    await service.call('handle_importing_job', { wait: '50' });
    await expectImported(
      3,
      OBJECTS.filter((object) => object !== deleted.object_name),
    );
    expect(await service.jobs()).toHaveLength(4);
    const left = await service.database.pool.query(`SELECT FROM runs WHERE state IN ('queued', 'running')`);
    expect(left.rowCount).toBe(0);
  });

  test('are released when the service stops, and share a call again', async () => {
    arm({ kind: 'stall', match: atComposite });
    insert(3, { Contact: 2 });
    const imported = tickDay(3);
    await faultsFired();
    await service.stopWorker();
    const calls = await dataCallsDuring(async () => {
      service.startWorker();
      await imported;
    });
    // A run that another attempt started reads its page again once its object is described, if there are rows.
    expect([shared(calls), alone(calls)]).toEqual([1, 1]);
    await expectImported(3);
  });

  test('are resumed one by one if their worker dies', async () => {
    arm({ kind: 'stall', match: atComposite });
    insert(3, { Contact: 2, Case: 1 });
    const imported = tickDay(3);
    await faultsFired();
    // Frozen rather than dead: what it writes afterwards must change nothing.
    await service.database.pool.query(`UPDATE runs SET lease_until = now() - interval '1 second' WHERE state = 'running'`);
    const other = new Worker(service.context);
    const calls = await dataCallsDuring(async () => {
      other.start();
      await imported;
    });
    await other.stop();
    expect([shared(calls), alone(calls)]).toEqual([0, 5 + 2]);
    await expectImported(3);
    for (const { run } of await service.jobs()) expect(run!.failures).toBe(0);
  });
});

/** Waits until every fault has fired. */
async function faultsFired(): Promise<void> {
  while (service.salesforce.faults.list().length > 0) await sleep(10);
}

/** The id of an object's run, once a worker executes it. */
async function runningRun(object: string): Promise<string> {
  for (;;) {
    const { run } = await job(object);
    if (run?.state === 'running') return run.id;
    await sleep(10);
  }
}

test('a slow query makes each be read alone, and then itself only', async () => {
  await start({ compositeMs: 2_000 });
  arm({ kind: 'subrequest', status: 200, everyMs: 10_000, match: { path: 'FROM Case' } });
  const calls = await importDay(3, { Contact: 2 });
  expect([shared(calls), alone(calls)]).toEqual([1, 5]);
  await expectImported(3);
  // The org was quick when it was queried alone.
  const again = await importDay(4);
  expect([shared(again), alone(again)]).toEqual([1, 0]);
  await expectImported(4);
});

test('a large page makes each be read alone, and then itself only', async () => {
  await start({ compositeBytes: 20_000 });
  const calls = await importDay(3, { Lead: 30, Account: 1 });
  expect([shared(calls), alone(calls)]).toEqual([1, 5]);
  await expectImported(3);
  const again = await importDay(4, { Lead: 1, Account: 1 });
  expect([shared(again), alone(again)]).toEqual([1, 1]);
  await expectImported(4);
});

test('windows with many rows go on to Bulk, the smallest first', async () => {
  await start({ restRows: 3 });
  const calls = await importDay(3, { Lead: 12, Contact: 5, Account: 2 });
  expect([shared(calls), alone(calls)]).toEqual([1, 0]);
  await expectImported(3);
  const methods = Object.fromEntries(
    (await service.jobs()).map(({ object_name, run }) => [object_name, String(run!.receipt.methods).slice(0, 4)]),
  );
  expect(methods).toEqual({ Account: 'rest', Case: 'rest', Contact: 'bulk', Lead: 'bulk', Opportunity: 'rest' });
});

test('with SALESFORCE_COMPOSITE=off each window makes its own call', async () => {
  await start({}, { SALESFORCE_COMPOSITE: 'off' });
  expect(await importDay(3)).toEqual(Array(5).fill(ALONE));
  await expectImported(3);
});

describe('a window that takes long', () => {
  const LONG = { restRows: 3, bulkJobMs: 8_000 };
  const ROWS = { Contact: 5, Lead: 12, Account: 1, Case: 1 };
  const waits = async () => (await job('Lead')).run?.error?.code === 'worker_busy';

  test('does not hold up the others, if there is room for one more', async () => {
    await start(LONG);
    arm({ kind: 'job-stuck', match: { object: 'Contact' } });
    insert(3, ROWS);
    const imported = tickDay(3);
    while ((await job('Lead')).last_date !== '2023-02-03') await sleep(20);
    expect((await job('Contact')).run!.state).toBe('running');
    await imported;
    await expectImported(3);
  });

  test('holds up none with fewer rows, and others only for a while', async () => {
    await start({ ...LONG, turnMs: 3_000 }, { RUNS_PER_CONNECTION: '1' });
    arm({ kind: 'job-stuck', match: { object: 'Contact' } });
    insert(3, ROWS);
    const imported = tickDay(3);
    while (!(await waits())) await sleep(20);
    expect((await job('Lead')).run).toMatchObject({ state: 'queued', failures: 0 });
    await expectImported(3, ['Account', 'Case', 'Opportunity']);
    await imported;
    await expectImported(3);
  });
});

test('windows with rows take turns, as one of the runs that a connection may have at once', async () => {
  await start({}, { RUNS_PER_CONNECTION: '1' });
  expect(shared(await importDay(3, { Account: 1, Case: 1, Contact: 1, Lead: 1, Opportunity: 1 }))).toBe(1);
  await expectImported(3);
});
