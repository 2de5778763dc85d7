import { afterEach, expect, test } from '@jest/globals';
import { startService, type TestService } from '../../support/service.ts';

/** A person who requests erasure is deleted in Salesforce. */
let service: TestService;
afterEach(() => service[Symbol.asyncDispose]());

/** A job whose object has two rows with a text that does not cast, one of them deleted on the second day. */
async function deleteOneOfTwo(deletes: string): Promise<{ erased: string; stays: string }> {
  service = await startService();
  const { org, clock } = service.salesforce;
  const userId = await service.connect();
  clock.set(new Date('2023-03-05T10:00:00Z'));
  const far = { Name: 'far', StageName: 'Closed', CloseDate: '12023-05-05' };
  const [erased, stays] = [org.insert('Opportunity', far), org.insert('Opportunity', far)];
  const fields = { user_id: userId, object_name: 'Opportunity', start_date: '2023-03-01', deletes };
  expect((await service.call('create_importing_job', fields)).text).toBe('OK');
  await service.tickAt('2023-03-06T00:10:00Z');
  expect(await keptOf('Opportunity')).toEqual([erased, stays].sort());
  clock.set(new Date('2023-03-06T10:00:00Z'));
  org.remove('Opportunity', erased);
  await service.tickAt('2023-03-07T00:10:00Z');
  return { erased, stays };
}

/** The Ids of which texts are kept. */
async function keptOf(object: string): Promise<unknown[]> {
  const rows = await service.rows(`SELECT DISTINCT \`id\` FROM salesforce._invalid_values WHERE \`object\` = '${object}' ORDER BY \`id\``);
  return rows.map(({ id }) => id);
}

const statementsOf = async (kind: string): Promise<number> => {
  const rows = await service.rows(`SELECT COUNT(*) AS n FROM \`region-eu\`.INFORMATION_SCHEMA.JOBS WHERE statement_type = '${kind}'`);
  return Number(rows[0]!.n);
};

test.each(['blank', 'remove'])('with deletes=%s a deleted row leaves no text in the table or among invalid values', async (deletes) => {
  const { erased, stays } = await deleteOneOfTwo(deletes);
  expect(await keptOf('Opportunity')).toEqual([stays]);
  expect(await service.rows(`SELECT Name FROM salesforce.Opportunity WHERE Id = '${erased}'`)).toEqual(
    deletes === 'blank' ? [{ Name: null }] : [],
  );
  expect(await service.rows(`SELECT Name FROM salesforce.Opportunity WHERE Id = '${stays}'`)).toEqual([{ Name: 'far' }]);
});

test('with deletes=keep a deleted row keeps its values', async () => {
  const { erased, stays } = await deleteOneOfTwo('keep');
  expect(await keptOf('Opportunity')).toEqual([erased, stays].sort());
  expect(await statementsOf('DELETE')).toBe(0);
});

test('no statement runs if there is nothing to erase', async () => {
  // Before March 2023 nothing happens in the org but what is done here.
  service = await startService({ salesforce: { now: '2023-02-01T00:10:00Z' } });
  const { org, clock } = service.salesforce;
  const userId = await service.connect();
  await service.call('create_importing_job', { user_id: userId, object_name: 'Opportunity', start_date: '2023-02-01', deletes: 'blank' });
  clock.set(new Date('2023-02-05T10:00:00Z'));
  const good = org.insert('Opportunity', { Name: 'good', StageName: 'Closed' });
  await service.tickAt('2023-02-06T00:10:00Z');
  org.remove('Opportunity', good);
  await service.tickAt('2023-02-07T00:10:00Z');
  expect(await service.rows(`SELECT Name FROM salesforce.Opportunity WHERE Id = '${good}'`)).toEqual([{ Name: null }]);
  org.insert('Opportunity', { Name: 'far', StageName: 'Closed', CloseDate: '12023-05-05' });
  await service.tickAt('2023-02-08T00:10:00Z');
  expect(await keptOf('Opportunity')).toHaveLength(1);
  expect(await statementsOf('DELETE')).toBe(0);
});

test.each([
  ['hidden', { field: 'Secret__c', change: 'hide' }],
  ['of another type', { field: 'Secret__c', change: 'retype', type: 'string' }],
] as const)('with deletes=blank a deleted row has no value left in the column of a field that is %s since', async (_how, change) => {
  service = await startService();
  const { org, clock } = service.salesforce;
  const userId = await service.connect();
  org.changeField('Account', { field: 'Secret__c', change: 'add', type: 'double', value: null });
  clock.set(new Date('2023-03-05T10:00:00Z'));
  const [erased, stays] = [4711, 4712].map((value) => org.insert('Account', { Name: 'Acme', Secret__c: value }));
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01', deletes: 'blank' });
  await service.tickAt('2023-03-06T00:10:00Z');
  const secrets = (): Promise<unknown[]> =>
    service.rows(`SELECT Id, Name, Secret__c FROM salesforce.Account WHERE Id IN ('${erased}', '${stays}') ORDER BY Id`);
  expect(await secrets()).toMatchObject([{ Secret__c: 4711 }, { Secret__c: 4712 }]);

  org.changeField('Account', change);
  clock.set(new Date('2023-03-06T10:00:00Z'));
  org.remove('Account', erased!);
  expect((await service.tickAt('2023-03-07T00:10:00Z')).text).toMatch(/^OK: /);
  expect(await secrets()).toEqual([
    { Id: erased, Name: null, Secret__c: null },
    { Id: stays, Name: 'Acme', Secret__c: 4712 },
  ]);
});
