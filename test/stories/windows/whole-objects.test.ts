import { afterEach, describe, expect, test } from '@jest/globals';
import { type GatewayService, startGatewayService } from '../../support/gateway.ts';
import { type RunView, readAnswer, type TestServiceOptions } from '../../support/service.ts';

/** Objects without a usable cursor: each window replaces their table with all rows that Salesforce has. */
let service: GatewayService;

afterEach(() => service[Symbol.asyncDispose]());

async function importFirst(object: string, options: TestServiceOptions = {}, fields: Record<string, string> = {}): Promise<void> {
  service = await startGatewayService(options);
  const job = { user_id: await service.connect(), object_name: object, start_date: 'all', ...fields };
  expect(await service.call('create_importing_job', job)).toMatchObject({ status: 200, text: 'OK' });
  expect((await service.tickAt('2023-03-20T00:10:00Z')).text).toMatch(/^OK/);
  service.salesforce.clock.set(new Date('2023-03-20T10:00:00Z'));
}

const jobNow = async () => (await service.jobs())[0]!;

/** Compares every row and value that text can show, and the counts of the latest window. */
async function expectSame(object: string, columns: string[], lastDate: string): Promise<void> {
  const list = columns.map((column) => `CAST(${column} AS STRING) AS ${column}`).join(', ');
  const rows = await service.rows(`SELECT ${list} FROM salesforce.${object} ORDER BY Id`);
  const records = [...service.salesforce.org.records(object)].map((record) =>
    Object.fromEntries(columns.map((column) => [column, record[column] === null ? null : String(record[column])])),
  );
  expect(rows).toEqual(records.sort((one, other) => (one.Id! < other.Id! ? -1 : 1)));
  const { run, last_date } = await jobNow();
  expect({ last_date, state: run!.state }).toEqual({ last_date: lastDate, state: 'succeeded' });
  expect(run!.receipt).toMatchObject({ verdict: 'exact', salesforce_after: rows.length, rows_after: rows.length });
}

const LOGIN = ['Id', 'UserId', 'SourceIp', 'Status'];
const SUBSCRIPTION = ['Id', 'ParentId', 'SubscriberId', 'IsDeleted'];

describe('an object without any stamp', () => {
  test('shows after each window what Salesforce has: new, edited and purged rows', async () => {
    await importFirst('LoginHistory');
    expect(await jobNow()).toMatchObject({ mode: 'whole', last_date: '2023-03-20' });
    await expectSame('LoginHistory', LOGIN, '2023-03-20');
    const { org } = service.salesforce;
    const [edited, purged] = [...org.records('LoginHistory')].map(({ Id }) => String(Id));
    org.insert('LoginHistory', { LoginTime: '2023-03-20T09:00:00Z', SourceIp: '198.51.100.1' });
    org.update('LoginHistory', edited!, { SourceIp: '198.51.100.2' });
    org.purge('LoginHistory', purged!);
    await service.tickAt('2023-03-21T00:10:00Z');
    await expectSame('LoginHistory', LOGIN, '2023-03-21');
    expect((await jobNow()).run!.receipt).toMatchObject({ rows_before: 12, rows_after: 12 });
  });

  test('is read by Bulk in slices by Id if it is large', async () => {
    await importFirst('LoginHistory', { limits: { restRows: 0, sliceRows: 4, runSlices: 2 } });
    const { rows } = await service.database.pool.query('SELECT id_from, id_to, open, counted FROM slices JOIN runs ON runs.id = run_id');
    expect(rows.length).toBeGreaterThan(2);
    expect(Object.keys(rows[0].counted).length).toBeGreaterThan(1);
    await expectSame('LoginHistory', LOGIN, '2023-03-20');
  });

  test('that is empty becomes an empty table', async () => {
    service = await startGatewayService();
    for (const { Id } of [...service.salesforce.org.records('LoginHistory')]) service.salesforce.org.purge('LoginHistory', String(Id));
    await service.call('create_importing_job', { user_id: await service.connect(), object_name: 'LoginHistory', start_date: 'all' });
    await service.tickAt('2023-03-20T00:10:00Z');
    await expectSame('LoginHistory', LOGIN, '2023-03-20');
    expect((await service.client.getJobs({ allUsers: true }))[0].filter(({ id }) => id!.includes('_swap_'))).toEqual([]);
  });

  test('that changes while it is read is read once more, and its count equals Salesforce', async () => {
    await importFirst('LoginHistory');
    let pending = true;
    service.instance.handler = async ({ soql }, pass) => {
      const reply = await pass();
      if (pending && soql.startsWith('SELECT Id,')) {
        pending = false;
        service.salesforce.org.insert('LoginHistory', { LoginTime: '2023-03-20T09:00:00Z', SourceIp: '198.51.100.1' });
      }
      return reply;
    };
    await service.tickAt('2023-03-21T00:10:00Z');
    await expectSame('LoginHistory', LOGIN, '2023-03-21');
    const { rows } = await service.database.pool.query('SELECT max(generation) AS generation FROM slices');
    expect(rows).toEqual([{ generation: 2 }]);
  });
});

describe('an object whose only stamp is CreatedDate', () => {
  test.each(['keep', 'blank', 'remove'])('with deletes=%s shows edits and deletes', async (deletes) => {
    await importFirst('EntitySubscription', {}, { deletes });
    const { org } = service.salesforce;
    const [edited, removed, purged] = [...org.records('EntitySubscription')]
      .filter(({ IsDeleted }) => !IsDeleted)
      .map(({ Id }) => String(Id));
    const parent = org.insert('Account', { Name: 'Other' });
    org.update('EntitySubscription', edited!, { ParentId: parent });
    org.remove('EntitySubscription', removed!);
    org.purge('EntitySubscription', purged!);
    await service.tickAt('2023-03-21T00:10:00Z');
    if (deletes === 'keep') await expectSame('EntitySubscription', SUBSCRIPTION, '2023-03-21');
    const of = async (id: string) =>
      (
        await service.rows(
          `SELECT ParentId, IsDeleted, UNIX_MILLIS(_deleted_at) AS deleted FROM salesforce.EntitySubscription WHERE Id = '${id}'`,
        )
      )[0];
    expect(await of(edited!)).toEqual({ ParentId: parent, IsDeleted: false, deleted: null });
    expect(await of(purged!)).toBeUndefined();
    const first = await of(removed!);
    if (deletes === 'remove') expect(first).toBeUndefined();
    else expect(first).toMatchObject({ IsDeleted: true, deleted: expect.any(Number) });
    if (deletes === 'blank') expect(first).toMatchObject({ ParentId: null });
    // The time at which the deletion was first seen stays.
    await service.tickAt('2023-03-22T00:10:00Z');
    expect(await of(removed!)).toEqual(first);
    const other = deletes === 'remove' ? 'blank' : 'remove';
    const change = { method: 'PATCH', body: new URLSearchParams({ deletes: other, every: '6h' }) };
    expect((await readAnswer(await fetch(`${service.url}/v1/jobs/${(await jobNow()).id}`, change))).text).toContain(
      'The next window applies this: it replaces the whole table. Windows close with every=6h from the next tick on.',
    );
  });
});

describe('rows that disappear', () => {
  /** Purges this many rows. */
  function purge(count: number): void {
    const ids = [...service.salesforce.org.records('LoginHistory')].slice(0, count).map(({ Id }) => String(Id));
    for (const id of ids) service.salesforce.org.purge('LoginHistory', id);
  }

  /** Purges this many of 12 rows, and expects the next window to fail. @returns it */
  async function stop(count: number): Promise<RunView> {
    await importFirst('LoginHistory');
    purge(count);
    const { text } = await service.tickAt('2023-03-21T00:10:00Z');
    const stopped = (await jobNow()).run!;
    expect(text).toContain(`share_limit: ${count} of 12 rows are missing in Salesforce, so the table of LoginHistory was left unchanged.`);
    expect(text).toContain(`accept this: POST /v1/runs/${stopped.id}/accept.`);
    expect(await jobNow()).toMatchObject({ last_date: '2023-03-20', run: { state: 'failed' } });
    expect(await service.rows('SELECT COUNT(*) AS n FROM salesforce.LoginHistory')).toEqual([{ n: 12 }]);
    return stopped;
  }

  const numbers: [string, number][] = [
    ['more than half of them', 7],
    ['all of them', 12],
  ];

  test.each(numbers)('%s stop the window, until an operator accepts that', async (_, count) => {
    const stopped = await stop(count);
    expect(await readAnswer(await fetch(`${service.url}/v1/runs/${stopped.id}/accept`, { method: 'POST' }))).toMatchObject({ status: 200 });
    await service.tickAt('2023-03-21T00:20:00Z');
    const { run, last_date } = await jobNow();
    expect(last_date).toBe('2023-03-21');
    expect(run!.receipt).toMatchObject({
      verdict: `accepted: ${count} of 12 rows are missing in Salesforce`,
      accepted_by: 'local',
      rows_before: 12,
      rows_after: 12 - count,
    });
    await service.tickAt('2023-03-22T00:10:00Z');
    await expectSame('LoginHistory', LOGIN, '2023-03-22');
  });

  test('and then as many more as need no operator do not stop it again', async () => {
    const stopped = await stop(7);
    await fetch(`${service.url}/v1/runs/${stopped.id}/accept`, { method: 'POST' });
    purge(2);
    await service.tickAt('2023-03-21T00:20:00Z');
    expect((await jobNow()).run!.receipt).toMatchObject({ verdict: 'accepted: 9 of 12 rows are missing in Salesforce', rows_after: 3 });
  });

  test('more than half of them stop the window, until the table is rebuilt', async () => {
    await stop(7);
    expect(await service.repair('rebuild')).toMatchObject({ state: 'succeeded', receipt: { rows_before: 12, rows_after: 5 } });
    await service.tickAt('2023-03-21T00:20:00Z');
    await expectSame('LoginHistory', LOGIN, '2023-03-21');
  });

  test('a few of them disappear from the table', async () => {
    await importFirst('LoginHistory');
    purge(5);
    await service.tickAt('2023-03-21T00:10:00Z');
    await expectSame('LoginHistory', LOGIN, '2023-03-21');
  });
});

describe('a job for a whole object', () => {
  test('needs no reimport, and its dropped table is created again by a rebuild', async () => {
    await importFirst('LoginHistory');
    const { id } = await jobNow();
    const refused = await readAnswer(await fetch(`${service.url}/v1/jobs/${id}/reimport`, { method: 'POST' }));
    expect(refused).toMatchObject({ status: 409, code: 'conflict' });
    expect(refused.text).toContain('Each window of LoginHistory replaces its whole table');
    await service.client.dataset('salesforce').table('LoginHistory').delete();
    expect((await service.tickAt('2023-03-21T00:10:00Z')).text).toContain('target_replaced');
    expect(await service.repair('rebuild')).toMatchObject({ state: 'succeeded' });
    await service.tickAt('2023-03-21T00:20:00Z');
    await expectSame('LoginHistory', LOGIN, '2023-03-21');
  });

  test('a window holds the table against a rebuild while it reads', async () => {
    await importFirst('LoginHistory', { env: { WORKERS: '2', RUNS_PER_CONNECTION: '2' } });
    let rebuild: Promise<unknown> | undefined;
    service.instance.handler = async ({ soql }, pass) => {
      const reply = await pass();
      if (!rebuild && soql.startsWith('SELECT Id,')) {
        rebuild = service.repair('rebuild');
        await new Promise((resolve) => setTimeout(resolve, 700));
        expect((await jobNow()).repair).toMatchObject({ state: 'queued', error: { code: 'table_busy' } });
      }
      return reply;
    };
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await rebuild).toMatchObject({ state: 'succeeded', to: '2023-03-21' });
    await expectSame('LoginHistory', LOGIN, '2023-03-21');
  });
});
