import { afterEach, expect, test } from '@jest/globals';
import type { Limits } from '../../../app/core/connections/limits.ts';
import { startService, type TestService } from '../../support/service.ts';

/** Rows without a stamp: no window's bounds find them. */
let service: TestService;

afterEach(() => service[Symbol.asyncDispose]());

async function start(limits: Partial<Limits> = {}): Promise<void> {
  service = await startService({ salesforce: { rows: { Account: 5 } }, limits });
  service.salesforce.org.changeField('Account', { field: 'SystemModstamp', change: 'hide' });
  service.salesforce.clock.set(new Date('2023-03-05T10:00:00Z'));
}

test('rows without a cursor are imported, marked as deleted, and updated once stamped', async () => {
  await start();
  const { org, clock } = service.salesforce;
  const insert = (Name: string, IsDeleted = false): string => org.insert('Account', { Name, IsDeleted, LastModifiedDate: null });
  const [edited, removed] = [insert('Edited'), insert('Removed', true)];
  await service.call('create_importing_job', { user_id: await service.connect(), object_name: 'Account', start_date: 'all' });
  await service.tickAt('2023-03-20T00:10:00Z');
  const rows = (): Promise<Record<string, unknown>[]> =>
    service.rows(`SELECT Name, LastModifiedDate IS NULL AS unstamped, _deleted_at IS NULL AS live FROM salesforce.Account
      WHERE Id IN ('${edited}', '${removed}') ORDER BY Name`);
  expect(await rows()).toEqual([
    { Name: 'Edited', unstamped: true, live: true },
    { Name: 'Removed', unstamped: true, live: false },
  ]);
  expect((await service.jobs())[0]!.run!.receipt).toMatchObject({ verdict: 'exact' });

  clock.set(new Date('2023-03-20T10:00:00Z'));
  const added = org.insert('Account', { Name: 'Added', LastModifiedDate: null });
  org.update('Account', edited, { Name: 'Edited again' });
  await service.tickAt('2023-03-21T00:10:00Z');
  expect(await rows()).toEqual([
    { Name: 'Edited again', unstamped: false, live: true },
    { Name: 'Removed', unstamped: true, live: false },
  ]);
  expect(await service.rows(`SELECT COUNT(*) AS n FROM salesforce.Account WHERE Id = '${added}'`)).toEqual([{ n: 1 }]);
});

test('many rows without a cursor are read in ranges of Ids', async () => {
  await start({ restRows: 0, sliceRows: 10 });
  const { org } = service.salesforce;
  const ids = Array.from({ length: 25 }, (_, index) => org.insert('Account', { Name: `Row ${index}`, LastModifiedDate: null }));
  await service.call('create_importing_job', { user_id: await service.connect(), object_name: 'Account', start_date: '2023-03-04' });
  await service.tickAt('2023-03-20T00:10:00Z');
  const slices = await service.database.pool.query('SELECT staged FROM slices WHERE null_cursor');
  expect(slices.rowCount).toBeGreaterThan(2);
  const imported = await service.rows('SELECT Id FROM salesforce.Account WHERE LastModifiedDate IS NULL');
  expect(imported.map(({ Id }) => Id).sort()).toEqual(ids.sort());
});
