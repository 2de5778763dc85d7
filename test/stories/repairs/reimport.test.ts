import { afterEach, describe, expect, test } from '@jest/globals';
import { type GatewayService, startGatewayService } from '../../support/gateway.ts';
import { readAnswer, repairEnded, type TestServiceOptions } from '../../support/service.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** Importing rows again, beside the windows. */
let service: GatewayService;
let id: string;

afterEach(() => service[Symbol.asyncDispose]());

/** Imports the first window of Account, with a record called One. */
async function importFirst(options: TestServiceOptions & { deletes?: string; every?: string; until?: string } = {}): Promise<void> {
  const { deletes = 'keep', every = 'day', until = '2023-03-20T10:00:00Z', ...rest } = options;
  service = await startGatewayService(rest);
  service.salesforce.clock.set(new Date('2023-03-05T10:00:00Z'));
  id = service.salesforce.org.insert('Account', { Name: 'One' });
  const fields = { user_id: await service.connect(), object_name: 'Account', start_date: '2023-03-01', deletes, every };
  await service.call('create_importing_job', fields);
  await service.tickAt('2023-03-20T00:10:00Z');
  service.salesforce.clock.set(new Date(until));
}

const nameNow = async (): Promise<unknown> => (await service.rows(`SELECT Name FROM salesforce.Account WHERE Id = '${id}'`))[0]?.Name;

describe('a reimport', () => {
  test('replaces what someone changed in the warehouse, and leaves last_date unchanged', async () => {
    await importFirst();
    await service.rows(`UPDATE salesforce.Account SET Name = 'damaged' WHERE Id = '${id}'`);
    expect(await service.repair('reimport')).toMatchObject({ kind: 'reimport', state: 'succeeded', receipt: { verdict: 'exact' } });
    expect(await nameNow()).toBe('One');
    expect((await service.jobs())[0]).toMatchObject({ last_date: '2023-03-20' });
    await service.tickAt('2023-03-21T00:10:00Z');
    await expectWholeTable(service, 'Account', '2023-03-21');
  });

  test('returns rows that are missing in the warehouse', async () => {
    await importFirst();
    await service.rows(`DELETE FROM salesforce.Account WHERE Id >= '${id}'`);
    expect(await service.repair('reimport', { from: '2023-03-05' })).toMatchObject({ from: '2023-03-05', to: '2023-03-20' });
    expect(await nameNow()).toBe('One');
  });

  test('does not replace a row that was synced after its slice was requested', async () => {
    await importFirst({ limits: { repairMarginMs: 60_000 } });
    await service.rows(`UPDATE salesforce.Account SET Name = 'newer' WHERE Id = '${id}'`);
    expect(await service.repair('reimport')).toMatchObject({ receipt: { inserted: 0, updated: 0 } });
    expect(await nameNow()).toBe('newer');
  });

  test('runs as a chain if it has too many slices', async () => {
    await importFirst({ salesforce: { size: 10 } });
    service.limit({ restRows: 0, sliceRows: 12, runSlices: 2 });
    await service.rows(`UPDATE salesforce.Account SET Name = 'damaged' WHERE TRUE`);
    await service.repair('reimport');
    const { rows } = await service.database.pool.query(
      `SELECT state, window_from, window_to FROM runs WHERE kind = 'reimport' ORDER BY window_from`,
    );
    expect(rows.length).toBeGreaterThan(1);
    expect(rows.map((run) => run.state)).toEqual(rows.map(() => 'succeeded'));
    expect(rows.slice(1).map((run) => run.window_from)).toEqual(rows.slice(0, -1).map((run) => run.window_to));
    await service.tickAt('2023-03-21T00:10:00Z');
    await expectWholeTable(service, 'Account', '2023-03-21');
  });

  test.each([
    ['from', { from: '2023-02-01' }, "before the job's start_date"],
    ['to', { to: '2023-03-20T09:58:00Z' }, 'may still commit'],
    ['range', { from: '2023-03-05', to: '2023-03-05' }, 'nothing to import'],
    ['form', { from: 'yesterday' }, 'must be a date or an instant in UTC'],
  ])('with a wrong %s is refused', async (_, fields, message) => {
    await importFirst();
    await expect(service.repair('reimport', fields)).rejects.toThrow(message);
  });
});

describe('a reimport by Ids', () => {
  const damage = async (): Promise<void> => {
    await service.rows(`UPDATE salesforce.Account SET Name = 'damaged' WHERE TRUE`);
  };
  const countDamaged = async (): Promise<number> =>
    Number((await service.rows(`SELECT COUNT(*) AS n FROM salesforce.Account WHERE Name = 'damaged'`))[0]!.n);

  test('takes the rows as Salesforce has them now, and counts those that it no longer has', async () => {
    await importFirst();
    const { org } = service.salesforce;
    const purged = [...org.records('Account')].find((record) => record.Id !== id && String(record.CreatedDate) < '2023-03-20')!
      .Id as string;
    org.update('Account', id, { Name: 'Two' });
    org.remove('Account', purged);
    org.purge('Account', purged);
    const repair = await service.repair('reimport', { ids: ` ${id.slice(0, 15)}, ${purged},${id}` });
    expect(repair).toMatchObject({ ids: 2, state: 'succeeded', receipt: { ids_missing: 1, updated: 1, inserted: 0, verdict: 'exact' } });
    expect(await nameNow()).toBe('Two');
    expect((await service.jobs())[0]).toMatchObject({ last_date: '2023-03-20' });
  });

  test.each([
    ['REST', { runSlices: 2 }, /^rest: /],
    ['Bulk', { restRows: 0, runSlices: 2, firstPageRows: 8 }, /^bulk: /],
  ])('reads them by %s, in a chain if they are too many', async (_, limits, method) => {
    await importFirst({ salesforce: { size: 10 } });
    service.limit({ ...limits, sliceRows: 10 });
    await damage();
    const damaged = await countDamaged();
    const ids = (await service.rows('SELECT Id FROM salesforce.Account')).map((row) => row.Id).join();
    await service.repair('reimport', { ids });
    const { rows } = await service.database.pool.query(
      `SELECT state, receipt, jsonb_array_length(scope->'ids') AS ids FROM runs WHERE kind = 'reimport' ORDER BY created_at`,
    );
    expect(rows.length).toBeGreaterThan(1);
    expect(rows.map(({ ids }) => ids).sort((one, other) => other - one)).toEqual(rows.map(({ ids }) => ids));
    for (const { state, receipt } of rows) {
      expect(state).toBe('succeeded');
      expect(receipt.ids_missing).toBe(0);
      for (const line of receipt.methods) expect(line).toMatch(method);
    }
    expect(rows.reduce((sum, { receipt }) => sum + receipt.updated, 0)).toBe(damaged);
    expect(await countDamaged()).toBe(0);
  });

  test('can be a range of Ids', async () => {
    await importFirst();
    await damage();
    const repair = await service.repair('reimport', { id_from: id });
    expect(repair).toMatchObject({ id_from: id, state: 'succeeded' });
    const rows = await service.rows(`SELECT Id FROM salesforce.Account WHERE Name = 'damaged' ORDER BY Id`);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.every((row) => String(row.Id) < id)).toBe(true);
    expect(await nameNow()).toBe('One');
  });

  test('is refused for what is no Id of the object, for too many, and together with a range', async () => {
    await importFirst();
    const refused = async (fields: Record<string, string>): Promise<string> =>
      await service.repair('reimport', fields).then(
        () => 'accepted',
        (error: Error) => error.message,
      );
    expect(await refused({ ids: 'Acme' })).toMatch(/which is not a Salesforce Id/);
    expect(await refused({ ids: `${id.slice(0, 17)}!` })).toMatch(/which is not a Salesforce Id/);
    expect(await refused({ ids: '003000000000001' })).toMatch(/but the Ids of Account start with 001/);
    expect(await refused({ ids: Array(10_001).fill(id).join() })).toMatch(/at most 10000 are possible\. Reimport a range of Ids/);
    expect(await refused({ ids: id, from: '2023-03-05' })).toMatch(/ids cannot be combined with a range/);
    expect(await refused({ id_from: id, id_to: id })).toMatch(/id_from must be less than id_to/);
    expect(await refused({ ids: ',' })).toMatch(/ids is empty/);
  });
});

describe('sync now', () => {
  test('imports what was edited since last_date, which the next window imports again', async () => {
    await importFirst();
    service.salesforce.org.update('Account', id, { Name: 'Two' });
    service.salesforce.clock.set(new Date('2023-03-20T10:10:30Z'));
    expect(await service.repair('sync-now')).toMatchObject({
      kind: 'reimport',
      from: '2023-03-20',
      to: '2023-03-20T10:05:30.000Z',
      state: 'succeeded',
    });
    expect(await nameNow()).toBe('Two');
    expect((await service.jobs())[0]).toMatchObject({ last_date: '2023-03-20' });
    await service.tickAt('2023-03-21T00:10:00Z');
    await expectWholeTable(service, 'Account', '2023-03-21');
  });

  test('says when it is possible, if Salesforce may still commit every change since last_date', async () => {
    await importFirst({ every: '15m', until: '2023-03-20T00:10:00Z' });
    await service.tickAt('2023-03-20T00:20:00Z');
    service.salesforce.clock.set(new Date('2023-03-20T00:20:00Z'));
    await expect(service.repair('sync-now')).rejects.toThrow(
      'Account is complete through 2023-03-20T00:15:00.000Z, and Salesforce may still commit later changes. Call sync-now again after 2023-03-20 00:21 UTC.',
    );
  });
});

describe('two lanes', () => {
  /** Requests a reimport that stops before its rows are read, until released. */
  async function holdReimport(): Promise<() => void> {
    const released = Promise.withResolvers<void>();
    let held = false;
    service.instance.handler = async ({ soql }, pass) => {
      if (!held && soql.startsWith('SELECT Id,')) {
        held = true;
        await released.promise;
      }
      return await pass();
    };
    const job = (await service.jobs())[0]!;
    await fetch(`${service.url}/v1/jobs/${job.id}/reimport`, { method: 'POST' });
    while (!held) await new Promise((resolve) => setTimeout(resolve, 10));
    return () => released.resolve();
  }

  test('a window is imported while a reimport is reading', async () => {
    await importFirst();
    const release = await holdReimport();
    service.salesforce.org.update('Account', id, { Name: 'Two' });
    expect((await service.tickAt('2023-03-21T00:10:00Z')).text).toMatch(/^OK/);
    expect((await service.jobs())[0]).toMatchObject({ last_date: '2023-03-21', repair: { state: 'running' } });
    release();
    expect(await repairEnded(service)).toMatchObject({ state: 'succeeded' });
    expect(await nameNow()).toBe('Two');
  });

  test('with deletes=remove, no window merges before the reimport has', async () => {
    await importFirst({ deletes: 'remove' });
    const release = await holdReimport();
    service.salesforce.org.remove('Account', id);
    service.salesforce.clock.set(new Date('2023-03-21T00:10:00Z'));
    await service.call('handle_importing_job');
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect((await service.jobs())[0]).toMatchObject({ last_date: '2023-03-20', run: { state: 'queued' } });
    release();
    await repairEnded(service);
    await service.tickAt('2023-03-21T00:20:00Z');
    expect(await nameNow()).toBeUndefined();
    expect((await service.jobs())[0]).toMatchObject({ last_date: '2023-03-21' });
  });

  test('a window that changes the columns starts the open reimport over', async () => {
    await importFirst({ limits: { restRows: 0 } });
    const release = await holdReimport();
    service.salesforce.org.changeField('Account', { field: 'Rank2__c', change: 'add', type: 'double' });
    service.salesforce.org.update('Account', id, { Rank2__c: 42 });
    await service.tickAt('2023-03-21T00:10:00Z');
    release();
    expect(await repairEnded(service)).toMatchObject({ state: 'succeeded' });
    const { rows } = await service.database.pool.query(`SELECT state, error_code FROM runs WHERE kind = 'reimport' ORDER BY created_at`);
    expect(rows).toEqual([
      { state: 'cancelled', error_code: 'superseded' },
      { state: 'succeeded', error_code: null },
    ]);
    await expectWholeTable(service, 'Account', '2023-03-21');
  });

  test('a second repair of a job is refused while one is open', async () => {
    await importFirst();
    const release = await holdReimport();
    await expect(service.repair('reimport')).rejects.toThrow('A repair of Account is already open: the reimport ');
    release();
    await repairEnded(service);
  });

  test('a repair of a paused job is refused, and one that waits continues when the job is resumed', async () => {
    await importFirst();
    await service.stopWorker();
    const job = (await service.jobs())[0]!;
    const fields = { user_id: job.user_id, object_name: 'Account' };
    await fetch(`${service.url}/v1/jobs/${job.id}/reimport`, { method: 'POST' });
    await service.call('pause_importing_job', fields);
    expect((await service.jobs())[0]).toMatchObject({ repair: { state: 'queued' } });
    const refused = await readAnswer(await fetch(`${service.url}/v1/jobs/${job.id}/reimport`, { method: 'POST' }));
    expect(refused).toMatchObject({ status: 409, code: 'conflict' });
    await service.call('resume_importing_job', fields);
    service.startWorker();
    expect(await repairEnded(service)).toMatchObject({ state: 'succeeded' });
  });
});
