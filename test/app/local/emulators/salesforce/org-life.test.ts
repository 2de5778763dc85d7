import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Clock } from '../../../../../app/local/emulators/salesforce/clock.ts';
import { Org, type OrgRecord } from '../../../../../app/local/emulators/salesforce/org/org.ts';
import { bulkRows, type Connected, connect, createJob, finish, parseCsv } from './connect.ts';

const BUSY = ['Case', 'Everything__c', 'Lead', 'Task'];
const DEMO_END = '2023-03-25T00:10:00Z';
const MINUTE_MS = 60_000;

function orgAt(now: string, size = 100): Org {
  return new Org(1, size, new Clock(new Date(now)));
}

const byId = (org: Org, object: string): Map<unknown, OrgRecord> => new Map([...org.records(object)].map((record) => [record.Id, record]));

/** Moves the org's clock in steps. Yields each new or changed record with its timestamp and the time at which it was first visible. */
function* watch(org: Org, object: string, until: string, stepMs: number): Generator<{ seen: number; stamp: number; record: OrgRecord }> {
  const stamps = new Map([...org.records(object)].map((record) => [record.Id, record.SystemModstamp]));
  for (let now = org.clock.now().getTime() + stepMs; now <= Date.parse(until); now += stepMs) {
    org.clock.set(new Date(now));
    for (const record of org.records(object)) {
      if (stamps.get(record.Id) === record.SystemModstamp) continue;
      stamps.set(record.Id, record.SystemModstamp ?? null);
      yield { seen: now, stamp: Date.parse(String(record.SystemModstamp)), record };
    }
  }
}

describe('the org', () => {
  test.each([...BUSY, 'User', 'AccountHistory'])('creates the same %s records from one seed, at once or step by step', (object) => {
    const stepwise = orgAt('2023-03-01T00:00:00Z', 30);
    for (let day = 2; day <= 24; day++) {
      stepwise.clock.set(new Date(Date.UTC(2023, 2, day, 17)));
      stepwise.tables();
    }
    stepwise.clock.set(new Date(DEMO_END));
    expect([...stepwise.records(object)]).toEqual([...orgAt(DEMO_END, 30).records(object)]);
  });

  test.each(BUSY)('commits some %s records minutes after their timestamp, and across midnight', (object) => {
    const org = orgAt('2023-03-19T23:30:00Z', 40);
    const late = [...watch(org, object, '2023-03-20T06:00:00Z', MINUTE_MS)].filter(({ seen, stamp }) => seen - stamp > MINUTE_MS);
    expect(late.length).toBeGreaterThan(0);
    for (const { seen, stamp } of late) expect(seen - stamp).toBeLessThanOrEqual(16 * MINUTE_MS);
    const midnight = Date.parse('2023-03-20T00:00:00Z');
    expect(late.some(({ seen, stamp }) => stamp < midnight && seen > midnight + 10 * MINUTE_MS)).toBe(true);
    for (const record of org.records(object)) {
      expect(String(record.CreatedDate) <= String(record.LastModifiedDate)).toBe(true);
      expect(String(record.LastModifiedDate) <= String(record.SystemModstamp)).toBe(true);
    }
  });

  test('backdates audit fields of some inserts, but not SystemModstamp', () => {
    const records = BUSY.flatMap((object) => [...orgAt(DEMO_END).records(object)]);
    const backdated = records.filter((record) => String(record.CreatedDate) < '2022');
    expect(backdated.length).toBeGreaterThan(3);
    for (const record of backdated) expect(String(record.SystemModstamp) > '2023-02-28T23').toBe(true);
    const history = [...orgAt(DEMO_END).records('AccountHistory')];
    expect(history.some((record) => String(record.CreatedDate) > '2023-03-02')).toBe(true);
  });

  test.each(['Case', 'Lead'])('merges %s records by itself: the loser is deleted and refers to its master', (object) => {
    const records = byId(orgAt(DEMO_END, 200), object);
    const losers = [...records.values()].filter(({ IsDeleted, MasterRecordId }) => IsDeleted && MasterRecordId !== null);
    expect(losers.length).toBeGreaterThan(0);
    for (const { Id = null, MasterRecordId = null } of losers)
      expect([records.has(MasterRecordId), MasterRecordId === Id]).toEqual([true, false]);
  });

  test('purges records after 15 days in the recycle bin', () => {
    const org = orgAt('2023-05-10T00:10:00Z');
    for (const object of ['Account', ...BUSY]) {
      const bin = [...org.records(object)].filter((record) => record.IsDeleted);
      expect(bin.every((record) => String(record.SystemModstamp) >= '2023-04-25')).toBe(true);
    }
    const id = org.insert('Account', { Name: 'Short-lived' });
    org.remove('Account', id);
    org.clock.set(new Date('2023-05-24T23:00:00Z'));
    expect(byId(org, 'Account').get(id)).toMatchObject({ IsDeleted: true });
    org.clock.set(new Date('2023-05-26T01:00:00Z'));
    expect(byId(org, 'Account').has(id)).toBe(false);
  });

  test('changes formulas without a new timestamp: by date, and by a parent', () => {
    const org = orgAt('2023-04-03T12:00:00Z');
    const id = org.insert('Everything__c', { OwnerId: org.users[0] ?? null });
    const before = byId(org, 'Everything__c').get(id);
    org.clock.set(new Date('2023-04-05T12:00:00Z'));
    org.update('User', org.users[0] ?? '', { LastName: 'Renamed' });
    const after = byId(org, 'Everything__c').get(id);
    expect([before?.DaysOverdue__c, after?.DaysOverdue__c]).toEqual([2, 4]);
    expect([before?.OwnerName__c, after?.OwnerName__c]).toEqual(['Integration User', 'Integration Renamed']);
    expect(after?.SystemModstamp).toBe(before?.SystemModstamp);
  });
});

describe('over the wire', () => {
  let connected: Connected;

  beforeEach(async () => {
    connected = await connect({ size: 60 });
  });
  afterEach(() => connected.emulator.close());

  const admin = (path: string, body: unknown): Promise<Response> =>
    fetch(`${connected.emulator.instanceUrl}/emulator/${path}`, { method: 'POST', body: JSON.stringify(body) });

  test('archived tasks are found by queryAll only', async () => {
    const archived = [...connected.emulator.org.records('Task')].filter((record) => record.IsArchived && !record.IsDeleted);
    expect(archived.length).toBeGreaterThan(0);
    const ids = async (scanAll: boolean) =>
      new Set((await connected.connection.query('SELECT Id FROM Task', { scanAll })).records.map(({ Id }) => Id));
    const [some, all] = [await ids(false), await ids(true)];
    for (const { Id } of archived) expect([some.has(String(Id)), all.has(String(Id))]).toEqual([false, true]);
  });

  test('an admin merge reparents the children and updates their timestamps', async () => {
    const { org } = connected.emulator;
    const [master, loser] = [org.insert('Account', { Name: 'Master' }), org.insert('Account', { Name: 'Loser' })];
    const child = org.insert('Contact', { LastName: 'Child', AccountId: loser, SystemModstamp: '2023-03-19T00:00:00Z' });
    expect((await admin('merge?object=Account', { master, loser })).status).toBe(204);
    expect(byId(org, 'Account').get(loser)).toMatchObject({ IsDeleted: true, MasterRecordId: master });
    expect(byId(org, 'Contact').get(child)).toMatchObject({ AccountId: master, SystemModstamp: '2023-03-20T00:10:00.000Z' });
    expect((await admin(`undelete?object=Account&id=${loser}`, {})).status).toBe(204);
    expect(byId(org, 'Account').get(loser)).toMatchObject({ IsDeleted: false });
    expect((await admin('merge?object=Task', { master, loser })).status).toBe(400);
  });

  test('a row that commits late has its earlier timestamp', async () => {
    const id = connected.emulator.org.insert('Account', { Name: 'Late', SystemModstamp: '2023-03-19T23:58:00Z' });
    const { records } = await connected.connection.query(
      "SELECT Id FROM Account WHERE SystemModstamp < 2023-03-20T00:00:00Z AND Name = 'Late'",
    );
    expect(records).toMatchObject([{ Id: id }]);
  });

  test('a hidden field is missing from describe and SOQL until it is shown again', async () => {
    const path = '/services/data/v66.0/sobjects/Account/describe';
    const modified = (await connected.ask(path)).headers.get('Last-Modified') ?? '';
    expect((await admin('fields', { object: 'Account', field: 'Site', change: 'hide' })).status).toBe(204);
    // As in a real org, where Last-Modified covers metadata only.
    expect((await connected.ask(path, { headers: { 'If-Modified-Since': modified } })).status).toBe(304);
    expect(await (await connected.ask(path)).text()).not.toContain('"Site"');
    await expect(connected.connection.query('SELECT Site FROM Account')).rejects.toMatchObject({ errorCode: 'INVALID_FIELD' });
    await admin('fields', { object: 'Account', field: 'Site', change: 'show' });
    expect((await connected.connection.query('SELECT Site FROM Account')).totalSize).toBeGreaterThan(0);
  });

  test.each([
    ['added', { field: 'Extra__c', change: 'add', type: 'string' }],
    ['retyped', { field: 'Phone', change: 'retype', type: 'string' }],
  ])("a field that is %s updates the describe's Last-Modified", async (_, change) => {
    const path = '/services/data/v66.0/sobjects/Account/describe';
    const modified = (await connected.ask(path)).headers.get('Last-Modified') ?? '';
    expect((await admin('fields', { object: 'Account', ...change })).status).toBe(204);
    expect((await connected.ask(path, { headers: { 'If-Modified-Since': modified } })).status).toBe(200);
  });

  test('an added field has its value in every row and changes no timestamp', async () => {
    const stamps = () => [...connected.emulator.org.records('Account')].map((record) => record.SystemModstamp);
    const before = stamps();
    await admin('fields', { object: 'Account', field: 'Tier__c', change: 'add', type: 'string', value: 'gold', facts: { length: 20 } });
    await admin('fields', { object: 'Account', field: 'Empty__c', change: 'add', type: 'double' });
    expect(stamps()).toEqual(before);
    const { fields } = await connected.connection.describe('Account');
    expect(fields.find((field) => field.name === 'Tier__c')).toMatchObject({ type: 'string', length: 20, custom: true, label: 'Tier' });
    const rows = await bulkRows(connected, 'SELECT Tier__c, Empty__c FROM Account');
    expect(new Set(rows.map((row) => row.join()))).toEqual(new Set(['gold,']));
    expect((await admin('fields', { object: 'Account', field: 'Tier__c', change: 'add', type: 'string' })).status).toBe(400);
  });

  test('a retyped field keeps the values that can be converted', async () => {
    const { org } = connected.emulator;
    const id = org.insert('Account', { Name: 'Retyped', Score__c: 12.5, Site: 'not a number', AccountNumber: '0042' });
    await admin('fields', { object: 'Account', field: 'Score__c', change: 'retype', type: 'string' });
    await admin('fields', { object: 'Account', field: 'Site', change: 'retype', type: 'double' });
    await admin('fields', { object: 'Account', field: 'AccountNumber', change: 'retype', type: 'int' });
    expect(await bulkRows(connected, `SELECT Score__c, Site, AccountNumber FROM Account WHERE Id = '${id}'`)).toEqual([['12.5', '', '42']]);
    const types = (await connected.connection.describe('Account')).fields.map(({ name, type }) => `${name} ${type}`);
    expect(types).toEqual(expect.arrayContaining(['Score__c string', 'Site double', 'AccountNumber int']));
    expect((await admin('fields', { object: 'Account', field: 'Site', change: 'retype', type: 'magic' })).status).toBe(400);
    expect((await admin('fields', { object: 'Account', field: 'Nothing', change: 'hide' })).status).toBe(400);
  });

  test('a renamed field keeps its position and values, and changes at once', async () => {
    const { org } = connected.emulator;
    const rename = async (field: string, name: string) =>
      (await admin('fields', { object: 'Account', field, change: 'rename', name })).status;
    await admin('fields', { object: 'Account', field: 'Wing__c', change: 'add', type: 'string' });
    const id = org.insert('Account', { Name: 'Acme', Wing__c: 'North' });
    const names = async () => (await connected.connection.describe('Account')).fields.map(({ name }) => name);
    const position = (await names()).indexOf('Wing__c');
    expect(await rename('Wing__c', 'WING__c')).toBe(204);
    expect((await names())[position]).toBe('WING__c');
    const { records } = await connected.connection.query(`SELECT wing__c FROM Account WHERE Id = '${id}'`);
    expect(records).toEqual([expect.objectContaining({ WING__c: 'North' })]);
    await rename('WING__c', 'Branch__c');
    await expect(connected.connection.query('SELECT Wing__c FROM Account')).rejects.toMatchObject({ errorCode: 'INVALID_FIELD' });
    expect(await rename('Branch__c', 'Score__C')).toBe(400);
    expect(await rename('Name', 'Title')).toBe(400);
  });

  test('a job returns parents as they were when it ran, and fields that were hidden later', async () => {
    const { org } = connected.emulator;
    const parent = org.insert('Account', { Name: 'Before' });
    org.insert('Contact', { LastName: 'Child', AccountId: parent, Title: 'kept' });
    const { id } = await createJob(connected, `SELECT Title, Account.Name FROM Contact WHERE AccountId = '${parent}'`);
    await finish(connected, id);
    org.update('Account', parent, { Name: 'After' });
    org.changeField('Contact', { field: 'Title', change: 'hide' });
    const page = await (await connected.ask(`/services/data/v66.0/jobs/query/${id}/results`)).text();
    expect(parseCsv(page)).toEqual([
      ['Title', 'Account.Name'],
      ['kept', 'Before'],
    ]);
  });

  test("a result's header has the case of describe's field names", async () => {
    const { id } = await createJob(connected, 'SELECT id, NAME, account__R.name FROM everything__C');
    await finish(connected, id);
    const page = await (await connected.ask(`/services/data/v66.0/jobs/query/${id}/results`)).text();
    expect(page.split('\n')[0]).toBe('"Id","Name","Account__r.Name"');
  });
});
