import { afterEach, expect, test } from '@jest/globals';
import { type GatewayService, startGatewayService } from '../../support/gateway.ts';
import { dueRecords } from '../../support/whole-table.ts';

/** The org changes while a reimport or a comparison reads it: between every two of its queries. */
let service: GatewayService;
afterEach(() => service[Symbol.asyncDispose]());

/** Imports Account, and damages every row in the warehouse. */
async function importAndDamage(deletes: string): Promise<void> {
  service = await startGatewayService({ salesforce: { size: 10 }, limits: { sliceRows: 10 } });
  const user_id = await service.connect();
  await service.call('create_importing_job', { user_id, object_name: 'Account', start_date: '2023-03-01', deletes });
  await service.tickAt('2023-03-20T00:10:00Z');
  service.salesforce.clock.set(new Date('2023-03-20T10:00:00Z'));
  await service.rows(`UPDATE salesforce.Account SET Name = 'damaged' WHERE TRUE`);
}

interface Changes {
  count: number;
  /** the Ids of records that no longer exist, which only a sweep would find */
  purged: string[];
}

/** Changes the org before each query of a slice. */
function changeBetweenSlices(): Changes {
  const { org } = service.salesforce;
  const done: Changes = { count: 0, purged: [] };
  const used = new Set<string>();
  const next = (isDeleted: boolean): string => {
    const found = dueRecords(service).find((record) => record.IsDeleted === isDeleted && !used.has(String(record.Id)))!;
    used.add(String(found.Id));
    return String(found.Id);
  };
  const changes = [
    (): unknown => org.update('Account', next(false), { Name: 'Edited' }),
    (): unknown => org.remove('Account', next(false)),
    (): unknown => used.add(org.insert('Account', { Name: 'New' })),
    (): unknown => org.undelete('Account', next(true)),
    (): void => {
      const id = next(false);
      org.remove('Account', id);
      org.purge('Account', id);
      done.purged.push(id);
    },
  ];
  service.instance.handler = async ({ soql }, pass) => {
    if (soql.startsWith('SELECT Id,')) {
      changes[done.count % changes.length]!();
      done.count += 1;
    }
    return await pass();
  };
  return done;
}

test.each(['keep', 'blank', 'remove'])('with deletes=%s the table equals the org after the next window', async (deletes) => {
  await importAndDamage(deletes);
  const changes = changeBetweenSlices();
  expect(await service.repair('reimport')).toMatchObject({ state: 'succeeded' });
  expect(changes.count).toBeGreaterThanOrEqual(5);
  await service.tickAt('2023-03-21T00:10:00Z');
  const due = dueRecords(service, 'Account', '2023-03-21').filter(({ IsDeleted }) => deletes !== 'remove' || !IsDeleted);
  const rows = await service.rows('SELECT Id, Name, IsDeleted FROM salesforce.Account');
  const actual = rows.filter(({ Id }) => !changes.purged.includes(String(Id))).map((row) => [row.Id, row.Name, row.IsDeleted]);
  const expected = due.map(({ Id, Name, IsDeleted }) => [Id, deletes === 'blank' && IsDeleted ? null : Name, IsDeleted]);
  expect(actual.sort()).toEqual(expected.sort());
});

test('a comparison reports only what was damaged', async () => {
  await importAndDamage('keep');
  await service.rows(`UPDATE salesforce.Account SET _synced_at = TIMESTAMP '2023-03-20 00:00:00+00' WHERE TRUE`);
  changeBetweenSlices();
  const { receipt } = await service.repair('reimport', { compare: 'true' });
  expect(receipt).toMatchObject({
    equal: 0,
    absent: 0,
    not_judged: 0,
    different_by_column: { Name: receipt.different },
  });
});
