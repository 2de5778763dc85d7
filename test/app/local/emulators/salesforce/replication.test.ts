import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Connected, connect } from './connect.ts';

let connected: Connected;

beforeAll(async () => {
  connected = await connect({ size: 80 });
});
afterAll(() => connected.emulator.close());

const refusal = async (path: string) => {
  const reply = await connected.ask(`/services/data/v66.0/sobjects/${path}`);
  const [error] = (await reply.json()) as { errorCode: string; message: string }[];
  return [reply.status, error?.errorCode];
};

const SPAN = 'start=2023-03-10T00:00:00Z&end=2023-03-12T00:00:00Z';

describe('/deleted', () => {
  test('lists deleted and purged records, and the time range that it covers', async () => {
    const { org } = connected.emulator;
    const purged = org.insert('Account', { Name: 'Purged' });
    const binned = org.insert('Account', { Name: 'Binned' });
    const restored = org.insert('Account', { Name: 'Restored' });
    org.purge('Account', purged);
    for (const id of [binned, restored]) org.remove('Account', id);
    org.undelete('Account', restored);
    const { deletedRecords, earliestDateAvailable, latestDateCovered } = await connected.connection.deleted(
      'Account',
      '2023-03-06T00:00:00Z',
      '2023-03-20T00:30:00Z',
    );
    const ids = deletedRecords.map(({ id }) => id);
    const binnedByItself = [...org.records('Account')].filter(
      ({ IsDeleted, SystemModstamp }) => IsDeleted && String(SystemModstamp) >= '2023-03-06',
    );
    expect(new Set(ids)).toEqual(new Set([purged, ...binnedByItself.map(({ Id }) => Id)]));
    expect(ids).toContain(binned);
    expect(deletedRecords.find(({ id }) => id === purged)?.deletedDate).toBe('2023-03-20T00:10:00.000+0000');
    expect([earliestDateAvailable, latestDateCovered]).toEqual(['2023-03-05T00:10:00.000+0000', '2023-03-20T00:10:00.000+0000']);
  });

  test.each([
    ['Account/deleted?start=2023-03-01T00:00:00Z&end=2023-03-12T00:00:00Z', 400, 'INVALID_REPLICATION_DATE'],
    ['Account/deleted?start=2023-03-10T00:00:05Z&end=2023-03-10T00:01:55Z', 400, 'INVALID_REPLICATION_DATE'],
    ['Account/deleted?start=yesterday&end=today', 400, 'INVALID_REPLICATION_DATE'],
    ['Account/deleted?start=2023-03-10T00:00:00Z', 400, 'MISSING_ARGUMENT'],
    [`CaseStatus/deleted?${SPAN}`, 400, 'INVALID_TYPE_FOR_OPERATION'],
    [`Nothing/deleted?${SPAN}`, 404, 'NOT_FOUND'],
    ['Account/updated?start=2023-02-10T00:00:00Z&end=2023-03-12T00:00:00Z', 400, 'INVALID_REPLICATION_DATE'],
  ])('refuses %s', async (path, status, errorCode) => {
    expect(await refusal(path)).toEqual([status, errorCode]);
  });
});

test('/updated lists the ids whose timestamp is between two minutes', async () => {
  const { ids, latestDateCovered } = await connected.connection.updated('Contact', '2023-03-01T00:00:00Z', '2023-03-15T00:00:00Z');
  const expected = [...connected.emulator.org.records('Contact')].filter(
    ({ SystemModstamp, IsDeleted }) => !IsDeleted && String(SystemModstamp) >= '2023-03-01' && String(SystemModstamp) < '2023-03-15',
  );
  expect(expected.length).toBeGreaterThan(0);
  expect(new Set(ids)).toEqual(new Set(expected.map(({ Id }) => Id)));
  expect(latestDateCovered).toBe('2023-03-15T00:00:00.000+0000');
});

describe('a single record', () => {
  test('is returned by its id, with all fields or some', async () => {
    const id = connected.emulator.org.insert('Account', { Name: 'Single', BillingCity: 'Bern' });
    expect(await connected.connection.sobject('Account').retrieve(id)).toMatchObject({
      attributes: { type: 'Account', url: `/services/data/v66.0/sobjects/Account/${id}` },
      Id: id,
      Name: 'Single',
      BillingAddress: { city: 'Bern' },
      CreatedDate: '2023-03-20T00:10:00.000+0000',
    });
    const some = await connected.ask(`/services/data/v66.0/sobjects/account/${id.slice(0, 15)}?fields=name`);
    expect(Object.keys((await some.json()) as object)).toEqual(['attributes', 'Name']);
  });

  test('that is deleted, unknown or of another object is not found', async () => {
    const { org } = connected.emulator;
    const id = org.insert('Account', { Name: 'Deleted' });
    org.remove('Account', id);
    expect(await refusal(`Account/${id}`)).toEqual([404, 'ENTITY_IS_DELETED']);
    org.purge('Account', id);
    expect(await refusal(`Account/${id}`)).toEqual([404, 'NOT_FOUND']);
    expect(await refusal(`Account/${org.users[0]}`)).toEqual([404, 'NOT_FOUND']);
    expect(await refusal(`Contact/${id.replace('001', '003')}?fields=Bacon`)).toEqual([404, 'NOT_FOUND']);
  });
});
