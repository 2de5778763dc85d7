// Changes that no stamp shows: what windows miss, and repairs must find.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { OrgRecord } from '../../../../../app/local/emulators/salesforce/org/org.ts';
import { bulkRows, type Connected, connect } from './connect.ts';

let connected: Connected;

beforeEach(async () => {
  connected = await connect({ size: 40 });
});
afterEach(() => connected.emulator.close());

async function admin(path: string, body: unknown = {}, method = 'POST'): Promise<number> {
  const init = { method, ...(method === 'DELETE' ? {} : { body: JSON.stringify(body) }) };
  return (await fetch(`${connected.emulator.instanceUrl}/emulator/${path}`, init)).status;
}

const recordOf = (object: string, id: string): OrgRecord | undefined =>
  [...connected.emulator.org.records(object)].find((record) => record.Id === id);

/** The values of a row by query, queryAll and Bulk; undefined where it is not found. */
async function everywhere(object: string, id: string, fields: string): Promise<unknown[]> {
  const soql = `SELECT ${fields} FROM ${object} WHERE Id = '${id}'`;
  const names = fields.split(', ');
  const byRest = async (scanAll: boolean) => {
    const [record] = (await connected.connection.query(soql, { scanAll })).records;
    return record && names.map((name) => String(record[name]));
  };
  return [await byRest(false), await byRest(true), (await bulkRows(connected, soql, { operation: 'queryAll' }))[0]];
}

describe('the recycle bin', () => {
  test('is emptied at once for one object', async () => {
    const { org } = connected.emulator;
    const [kept, purged] = [org.insert('Account', { Name: 'Kept' }), org.insert('Account', { Name: 'Deleted' })];
    const lead = org.insert('Lead', { LastName: 'Deleted' });
    org.remove('Account', purged);
    org.remove('Lead', lead);
    expect(await admin('empty-bin?object=Account')).toBe(204);
    expect([recordOf('Account', kept)?.IsDeleted, recordOf('Account', purged), recordOf('Lead', lead)?.IsDeleted]).toEqual([
      false,
      undefined,
      true,
    ]);
    expect(await everywhere('Account', purged, 'Name')).toEqual([undefined, undefined, undefined]);
    expect([...org.records('Account')].some((record) => record.IsDeleted)).toBe(false);
  });

  test('returns records with a new stamp, or without one', async () => {
    const { org, clock } = connected.emulator;
    const [first, second] = [org.insert('Account', { Name: 'First' }), org.insert('Account', { Name: 'Second' })];
    for (const id of [first, second]) org.remove('Account', id);
    clock.set(new Date('2023-03-20T09:00:00Z'));
    expect(await admin(`undelete?object=Account&id=${first}`)).toBe(204);
    expect(await admin(`undelete?object=Account&id=${second}&stamps=false`)).toBe(204);
    expect(recordOf('Account', first)).toMatchObject({ IsDeleted: false, SystemModstamp: '2023-03-20T09:00:00.000Z' });
    expect(recordOf('Account', second)).toMatchObject({ IsDeleted: false, SystemModstamp: '2023-03-20T00:10:00.000Z' });
  });
});

test('a record can be inserted with stamps of the past', async () => {
  const past = '2022-05-01T00:00:00Z';
  const { org } = connected.emulator;
  const id = org.insert('Account', { Name: 'Migrated', CreatedDate: past, LastModifiedDate: past, SystemModstamp: past });
  const stamps = 'CreatedDate, LastModifiedDate, SystemModstamp';
  const [byQuery, , byBulk] = await everywhere('Account', id, stamps);
  expect(byQuery).toEqual(Array(3).fill('2022-05-01T00:00:00.000+0000'));
  expect(byBulk).toEqual(Array(3).fill('2022-05-01T00:00:00.000Z'));
});

describe('a calculated field', () => {
  const add = (object: string, field: string, type: string, formula: object) =>
    admin('fields', { object, field, change: 'add', type, formula });
  const described = async (object: string, name: string) =>
    (await connected.connection.describe(object)).fields.find((field) => field.name === name);

  test('changes by time alone', async () => {
    const { org, clock } = connected.emulator;
    const id = org.insert('Account', { Name: 'Aging' });
    expect(await add('Account', 'Age__c', 'double', { of: 'today', since: '2023-03-01' })).toBe(204);
    const before = recordOf('Account', id);
    clock.set(new Date('2023-03-22T00:10:00Z'));
    expect([before?.Age__c, recordOf('Account', id)?.Age__c]).toEqual([19, 21]);
    expect(recordOf('Account', id)?.SystemModstamp).toBe(before?.SystemModstamp);
    expect(await everywhere('Account', id, 'Age__c')).toEqual([['21'], ['21'], ['21.0']]);
    expect(await described('Account', 'Age__c')).toMatchObject({
      calculated: true,
      calculatedFormula: 'TODAY() - DATE(2023, 3, 1)',
      updateable: false,
    });
  });

  test('changes with its parent, without a stamp of the child', async () => {
    const { org, clock } = connected.emulator;
    const parent = org.insert('Account', { Name: 'Before' });
    const child = org.insert('Contact', { LastName: 'Child', AccountId: parent });
    await add('Contact', 'AccountName__c', 'string', { of: 'parent', reference: 'AccountId', field: 'Name' });
    const stamp = recordOf('Contact', child)?.SystemModstamp;
    clock.set(new Date('2023-03-20T09:00:00Z'));
    expect(recordOf('Contact', child)?.AccountName__c).toBe('Before');
    org.update('Account', parent, { Name: 'After' });
    expect(recordOf('Contact', child)).toMatchObject({ AccountName__c: 'After', SystemModstamp: stamp });
    expect(await everywhere('Contact', child, 'AccountName__c')).toEqual(Array(3).fill(['After']));
    expect(await described('Contact', 'AccountName__c')).toMatchObject({ calculated: true, calculatedFormula: 'Account.Name' });
  });

  test('rolls up its children, without a stamp of the parent', async () => {
    const { org } = connected.emulator;
    const parent = org.insert('Account', { Name: 'Parent' });
    const stamp = recordOf('Account', parent)?.SystemModstamp;
    const won = { of: 'children', object: 'Opportunity', reference: 'AccountId' };
    await add('Account', 'Deals__c', 'double', won);
    await add('Account', 'Total__c', 'currency', { ...won, sum: 'Amount' });
    expect(recordOf('Account', parent)).toMatchObject({ Deals__c: 0, Total__c: 0 });
    const deals = [12.5, 30, null].map((Amount) => org.insert('Opportunity', { Name: 'Deal', AccountId: parent, Amount }));
    expect(recordOf('Account', parent)).toMatchObject({ Deals__c: 3, Total__c: 42.5, SystemModstamp: stamp });
    org.remove('Opportunity', deals[1]!);
    org.purge('Opportunity', deals[2]!);
    expect(await everywhere('Account', parent, 'Deals__c, Total__c')).toEqual([
      ['1', '12.5'],
      ['1', '12.5'],
      ['1.0', '12.5'],
    ]);
    expect(await described('Account', 'Deals__c')).toMatchObject({ calculated: true, calculatedFormula: null, createable: false });
  });

  test('can be hidden and shown, and must be of a known kind', async () => {
    await add('Account', 'Age__c', 'double', { of: 'today', since: '2023-03-01' });
    await admin('fields', { object: 'Account', field: 'Age__c', change: 'hide' });
    expect(await described('Account', 'Age__c')).toBeUndefined();
    await admin('fields', { object: 'Account', field: 'Age__c', change: 'show' });
    expect(await described('Account', 'Age__c')).toMatchObject({ calculated: true });
    expect(await add('Account', 'Odd__c', 'double', { of: 'magic' })).toBe(400);
  });
});

describe('access', () => {
  const access = (change: string, query: string) => admin(`access?${query}`, { change });

  test('to records can be lost and regained: no query finds them meanwhile, and no stamp moves', async () => {
    const { org } = connected.emulator;
    const id = org.insert('Account', { Name: 'Shared' });
    const generated = String([...org.records('Account')].find((record) => !record.IsDeleted)?.Id);
    const count = async () => (await connected.connection.query('SELECT COUNT() FROM Account', { scanAll: true })).totalSize;
    const [rows, before] = [await count(), recordOf('Account', id)];
    for (const each of [id, generated]) expect(await access('hide', `object=Account&id=${each}`)).toBe(204);
    expect(await everywhere('Account', id, 'Name')).toEqual([undefined, undefined, undefined]);
    expect([await count(), recordOf('Account', generated)]).toEqual([rows - 2, undefined]);
    for (const each of [id, generated]) await access('show', `object=Account&id=${each}`);
    expect([await count(), recordOf('Account', id)]).toEqual([rows, before]);
    expect(await access('hide', 'object=Account&id=001000000000000AAA')).toBe(400);
    expect(await access('lose', 'object=Account')).toBe(400);
  });

  test('to an object can be lost and regained: describe and SOQL do not know it meanwhile', async () => {
    const { org } = connected.emulator;
    const id = org.insert('Contact', { LastName: 'One', Title: 'Chief' });
    expect(await access('hide', 'object=Contact')).toBe(204);
    await expect(connected.connection.query('SELECT Id FROM Contact')).rejects.toMatchObject({ errorCode: 'INVALID_TYPE' });
    await expect(bulkRows(connected, 'SELECT Id FROM contact')).rejects.toThrow("sObject type 'contact' is not supported");
    await expect(connected.connection.query('SELECT Contact.Name FROM Case')).rejects.toMatchObject({ errorCode: 'INVALID_FIELD' });
    await expect(connected.connection.describe('Contact')).rejects.toMatchObject({ errorCode: 'NOT_FOUND' });
    const { sobjects } = await connected.connection.describeGlobal();
    expect(sobjects.some(({ name }) => name === 'Contact')).toBe(false);
    org.update('Contact', id, { Title: 'Changed meanwhile' });
    expect(await access('show', 'object=Contact')).toBe(204);
    expect(await everywhere('Contact', id, 'Title')).toEqual(Array(3).fill(['Changed meanwhile']));
  });
});

describe('an object', () => {
  const stamps = ['SystemModstamp', 'LastModifiedDate', 'CreatedDate'];
  const stampsOf = async (object: string) =>
    (await connected.connection.describe(object)).fields.map(({ name }) => name).filter((name) => stamps.includes(name));

  test('may have no stamp at all: LoginHistory, whose rows can be inserted, edited and purged', async () => {
    const { org, clock } = connected.emulator;
    expect(await stampsOf('LoginHistory')).toEqual([]);
    expect((await bulkRows(connected, 'SELECT Id, UserId, LoginTime, SourceIp FROM LoginHistory')).length).toBe(12);
    const id = org.insert('LoginHistory', { LoginTime: '2023-03-20T00:00:00Z', SourceIp: '198.51.100.1' });
    org.update('LoginHistory', id, { SourceIp: '198.51.100.2' });
    expect(await everywhere('LoginHistory', id, 'SourceIp')).toEqual(Array(3).fill(['198.51.100.2']));
    expect(() => org.remove('LoginHistory', id)).toThrow('cannot be deleted');
    org.purge('LoginHistory', id);
    clock.set(new Date('2023-05-20T00:10:00Z'));
    expect([...org.records('LoginHistory')].length).toBe(12);
  });

  test('may have CreatedDate only and still change: EntitySubscription', async () => {
    const { org, clock } = connected.emulator;
    expect(await stampsOf('EntitySubscription')).toEqual(['CreatedDate']);
    expect(await connected.connection.describe('EntitySubscription')).toMatchObject({ updateable: true, deletable: true });
    const [account, other] = [org.insert('Account', { Name: 'One' }), org.insert('Account', { Name: 'Two' })];
    const id = org.insert('EntitySubscription', { ParentId: account, SubscriberId: org.users[0]! });
    org.update('EntitySubscription', id, { ParentId: other });
    expect(await everywhere('EntitySubscription', id, 'ParentId, IsDeleted')).toEqual(Array(3).fill([other, 'false']));
    org.remove('EntitySubscription', id);
    expect(await everywhere('EntitySubscription', id, 'IsDeleted')).toEqual([undefined, ['true'], ['true']]);
    org.undelete('EntitySubscription', id);
    org.remove('EntitySubscription', id);
    clock.set(new Date('2023-05-20T00:10:00Z'));
    expect(recordOf('EntitySubscription', id)).toBeUndefined();
    expect([...org.records('EntitySubscription')].length).toBe(10);
  });
});
