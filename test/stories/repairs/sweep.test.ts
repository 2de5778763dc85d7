import { afterEach, describe, expect, test } from '@jest/globals';
import { type GatewayService, startGatewayService } from '../../support/gateway.ts';
import { readAnswer, repairEnded, type TestServiceOptions } from '../../support/service.ts';
import { type Deletes, differences, expectEqualAfterSweep, importAccounts, latestSweep, sweep } from '../../support/sweeps.ts';

/** A sweep finds what windows cannot: records that are missing, back-dated or restored, and rows that differ in the warehouse. */
let service: GatewayService;
let ids: string[];

afterEach(() => service[Symbol.asyncDispose]());

async function importFirst(options: TestServiceOptions & { deletes?: Deletes } = {}): Promise<void> {
  ({ service, ids } = await importAccounts(options));
}

const row = async (id: string): Promise<Record<string, unknown> | undefined> =>
  (
    await service.rows(
      `SELECT Name, _deleted_at IS NOT NULL AS deleted, _deleted_reason AS reason FROM salesforce.Account WHERE Id = '${id}'`,
    )
  )[0];

const changeStore = async (sql: string): Promise<void> => {
  await service.database.pool.query(sql);
};

describe('a record that Salesforce no longer has', () => {
  test.each<[Deletes, Record<string, unknown> | undefined]>([
    ['keep', { Name: 'One', deleted: true, reason: 'missing' }],
    ['blank', { Name: null, deleted: true, reason: 'missing' }],
    ['remove', undefined],
  ])('is treated as a deleted one, with deletes=%s', async (deletes, treated) => {
    await importFirst({ deletes });
    service.salesforce.org.purge('Account', ids[0]!);
    const run = await expectEqualAfterSweep(service, { missing: 1, absent: 0, different: 0, duplicates: 0, verdict: 'exact' }, deletes);
    expect(await row(ids[0]!)).toEqual(treated);
    expect(await service.rows(`SELECT Id FROM salesforce.Account_live WHERE Id = '${ids[0]}'`)).toEqual([]);
    expect(run.receipt.equal).toBeGreaterThan(10);
    // Already marked: it does not count again.
    await expectEqualAfterSweep(service, { missing: 0 }, deletes);
  });

  test('is not counted if it was deleted before and has left the recycle bin', async () => {
    await importFirst();
    service.salesforce.org.remove('Account', ids[0]!);
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await row(ids[0]!)).toEqual({ Name: 'One', deleted: true, reason: 'recycle_bin' });
    service.salesforce.org.emptyBin('Account');
    expect(await sweep(service)).toMatchObject({ state: 'succeeded', receipt: { missing: 0, different: 0 } });
    expect(await row(ids[0]!)).toEqual({ Name: 'One', deleted: true, reason: 'recycle_bin' });
  });

  test('loses its mark when it is visible again', async () => {
    await importFirst();
    service.salesforce.org.changeAccess('Account', 'hide', ids[0]!);
    await expectEqualAfterSweep(service, { missing: 1 });
    service.salesforce.org.changeAccess('Account', 'show', ids[0]!);
    await expectEqualAfterSweep(service, { missing: 0, different: 1 });
    expect(await row(ids[0]!)).toEqual({ Name: 'One', deleted: false, reason: null });
  });

  test('is not marked if a direct query still finds it', async () => {
    await importFirst();
    const { org } = service.salesforce;
    org.changeAccess('Account', 'hide', ids[0]!);
    service.instance.handler = async ({ soql }, pass) => {
      if (soql.includes(' WHERE Id IN (')) org.changeAccess('Account', 'show', ids[0]!);
      return await pass();
    };
    await expectEqualAfterSweep(service, { missing: 0, different: 1 });
    expect(await row(ids[0]!)).toEqual({ Name: 'One', deleted: false, reason: null });
  });

  test('is not judged if its row was synced since the sweep started', async () => {
    await importFirst({ limits: { repairMarginMs: 60_000 } });
    service.salesforce.org.purge('Account', ids[0]!);
    expect(await sweep(service)).toMatchObject({ state: 'succeeded', receipt: { missing: 0, not_judged: 1 } });
    expect(await row(ids[0]!)).toEqual({ Name: 'One', deleted: false, reason: null });
  });
});

describe('a record that the windows missed', () => {
  test.each<[string, Deletes]>([
    ['was inserted with an earlier stamp', 'keep'],
    ['was inserted with an earlier stamp', 'remove'],
  ])('is imported if it %s, with deletes=%s', async (_, deletes) => {
    await importFirst({ deletes });
    const stamp = '2023-03-10T00:00:00.000Z';
    service.salesforce.org.insert('Account', { Name: 'Late', CreatedDate: stamp, SystemModstamp: stamp, LastModifiedDate: stamp });
    await expectEqualAfterSweep(service, { absent: 1, missing: 0, different: 0 }, deletes);
  });

  test('is imported again if it was restored without a new stamp', async () => {
    await importFirst();
    service.salesforce.clock.set(new Date('2023-03-20T10:00:00Z'));
    service.salesforce.org.remove('Account', ids[0]!);
    await service.tickAt('2023-03-21T00:10:00Z');
    service.salesforce.org.undelete('Account', ids[0]!, false);
    expect(await sweep(service)).toMatchObject({ state: 'succeeded', receipt: { different: 1 } });
    expect(await row(ids[0]!)).toEqual({ Name: 'One', deleted: false, reason: null });
  });
});

describe('a row that was changed in the warehouse', () => {
  test.each<Deletes>(['keep', 'blank', 'remove'])('is repaired, with deletes=%s', async (deletes) => {
    await importFirst({ deletes });
    const [deleted, later, earlier, doubled, equal] = ids as [string, string, string, string, string];
    await service.rows(`DELETE FROM salesforce.Account WHERE Id = '${deleted}'`);
    const stamp = (sql: string, id: string): string => `UPDATE salesforce.Account SET SystemModstamp = ${sql} WHERE Id = '${id}'`;
    await service.rows(stamp('TIMESTAMP_ADD(SystemModstamp, INTERVAL 1 DAY)', later));
    await service.rows(stamp('TIMESTAMP_SUB(SystemModstamp, INTERVAL 1 DAY)', earlier));
    for (const id of [doubled, equal])
      await service.rows(`INSERT INTO salesforce.Account SELECT * FROM salesforce.Account WHERE Id = '${id}'`);
    await service.rows(`UPDATE salesforce.Account SET Name = 'damaged' WHERE Id = '${doubled}'`);
    await service.rows(`INSERT INTO salesforce.Account (Id, Name) VALUES ('it\\'s mine', 'not from Salesforce')`);
    await expectEqualAfterSweep(service, { absent: 1, different: 2, duplicates: 2, missing: 1 }, deletes);
    await expectEqualAfterSweep(service, { absent: 0, different: 0, duplicates: 0, missing: 0 }, deletes);
  });
});

test('more findings than are read at once are treated the same way', async () => {
  await importFirst({ limits: { sweptIds: 2 } });
  const { org } = service.salesforce;
  const live = await service.rows(`SELECT Id FROM salesforce.Account_live WHERE SystemModstamp < '2023-03-20' ORDER BY Id`);
  const others = live.map(({ Id }) => String(Id)).filter((id) => !ids.includes(id));
  for (const id of ids.slice(0, 3)) org.purge('Account', id);
  for (const id of others.slice(0, 3)) await service.rows(`DELETE FROM salesforce.Account WHERE Id = '${id}'`);
  for (const id of others.slice(3, 6))
    await service.rows(`INSERT INTO salesforce.Account SELECT * FROM salesforce.Account WHERE Id = '${id}'`);
  await expectEqualAfterSweep(service, { missing: 3, absent: 3, duplicates: 3 });
  const { rows } = await service.database.pool.query(`SELECT scope FROM runs WHERE kind = 'reimport'`);
  expect(rows).toEqual([{ scope: { idFrom: others[0], idTo: expect.stringMatching(/^\w{15}$/) } }]);
});

test('rows without a cursor are placed by their creation, in a partitioned table as well', async () => {
  service = await startGatewayService({ salesforce: { rows: { Account: 5 } } });
  const { org, clock } = service.salesforce;
  org.changeField('Account', { field: 'SystemModstamp', change: 'hide' });
  clock.set(new Date('2023-03-05T10:00:00Z'));
  const insert = (Name: string, CreatedDate = '2023-03-05T10:00:00.000Z') =>
    org.insert('Account', { Name, CreatedDate, LastModifiedDate: null });
  const [kept, purged] = [insert('Kept'), insert('Purged')];
  await service.call('create_importing_job', { user_id: await service.connect(), object_name: 'Account', start_date: '2023-03-01' });
  await changeStore('UPDATE jobs SET partitioned = true');
  await service.tickAt('2023-03-20T00:10:00Z');
  const late = insert('Late', '2023-03-10T00:00:00.000Z');
  insert('Too early', '2023-02-10T00:00:00.000Z');
  insert('For the next window', '2023-03-20T00:05:00.000Z');
  org.purge('Account', purged);
  expect(await sweep(service)).toMatchObject({ state: 'succeeded', receipt: { missing: 1, absent: 1, different: 0 } });
  const live = await service.rows('SELECT Id FROM salesforce.Account_live WHERE LastModifiedDate IS NULL ORDER BY Id');
  expect(live.map(({ Id }) => Id)).toEqual([kept, late].sort());
});

describe('too many missing rows', () => {
  test('stop the sweep, until an operator accepts them', async () => {
    await importFirst();
    const { org } = service.salesforce;
    const all = [...org.records('Account')].map((record) => String(record.Id));
    for (const id of all.slice(0, Math.ceil(all.length * 0.8))) org.purge('Account', id);
    const stopped = await sweep(service);
    expect(stopped).toMatchObject({ state: 'failed', error: { code: 'share_limit' } });
    expect(stopped.error!.message).toMatch(/^\d+ of \d+ rows are missing in Salesforce, so the table of Account was left unchanged\./);
    expect(await service.rows(`SELECT Id FROM salesforce.Account WHERE _deleted_reason = 'missing'`)).toEqual([]);
    const accepted = await readAnswer(await fetch(`${service.url}/v1/runs/${stopped.id}/accept`, { method: 'POST' }));
    expect(accepted.status).toBe(200);
    await repairEnded(service);
    const run = await latestSweep(service);
    expect(run).toMatchObject({ state: 'succeeded', receipt: { accepted_by: 'local' } });
    expect(run.receipt.verdict).toMatch(/^accepted: \d+ of \d+ rows are missing in Salesforce$/);
    expect(await differences(service)).toEqual([]);
  });

  test('also stop it if the user sees no record any more', async () => {
    await importFirst();
    for (const record of [...service.salesforce.org.records('Account')])
      service.salesforce.org.changeAccess('Account', 'hide', String(record.Id));
    const stopped = await sweep(service);
    expect(stopped).toMatchObject({ state: 'failed', error: { code: 'share_limit' } });
    expect(stopped.error!.message).toMatch(/^(\d+) of \1 rows are missing/);
  });
});

describe('a tick', () => {
  const sweeps = async (): Promise<unknown[]> => (await service.database.pool.query(`SELECT state FROM runs WHERE kind = 'sweep'`)).rows;

  test('queues a sweep once a week', async () => {
    await importFirst();
    await service.tickAt('2023-03-20T00:20:00Z');
    expect(await sweeps()).toEqual([]);
    await changeStore(`UPDATE jobs SET sweep_due_at = sweep_due_at - interval '7 days'`);
    await service.tickAt('2023-03-20T00:30:00Z');
    await repairEnded(service);
    expect(await sweeps()).toEqual([{ state: 'succeeded' }]);
    await service.tickAt('2023-03-20T00:40:00Z');
    expect(await sweeps()).toHaveLength(1);
  });

  test('queues one soon after a gap during which records may have left the recycle bin', async () => {
    await importFirst();
    await changeStore(`UPDATE runs SET finished_at = finished_at - interval '13 days'`);
    await service.tickAt('2023-03-21T00:10:00Z');
    await service.tickAt('2023-03-21T00:20:00Z');
    expect(await sweeps()).toEqual([]);
    await changeStore(`UPDATE runs SET finished_at = finished_at - interval '15 days'`);
    await service.tickAt('2023-03-22T00:10:00Z');
    await service.tickAt('2023-03-22T00:20:00Z');
    await repairEnded(service);
    expect(await sweeps()).toEqual([{ state: 'succeeded' }]);
  });

  test('queues none for a job whose windows replace the whole table', async () => {
    await importFirst();
    await service.stopWorker();
    await changeStore('UPDATE jobs SET whole = true, sweep_due_at = now()');
    await service.call('handle_importing_job');
    expect(await sweeps()).toEqual([]);
  });

  test('queues none for a job that has imported nothing, and the API refuses one', async () => {
    await importFirst();
    await service.stopWorker();
    await changeStore(`UPDATE jobs SET synced_to = start_date, sweep_due_at = now()`);
    await service.call('handle_importing_job');
    expect(await sweeps()).toEqual([]);
    await expect(service.repair('sweep')).rejects.toThrow('has not imported anything yet');
  });
});
