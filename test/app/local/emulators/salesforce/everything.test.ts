import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { javaDouble } from '../../../../../app/local/emulators/salesforce/java-double.ts';
import type { OrgRecord } from '../../../../../app/local/emulators/salesforce/org/org.ts';
import { bulkRows, type Connected, connect } from './connect.ts';

const EVERY_TYPE = [
  'DataCategoryGroupReference',
  'address',
  'anyType',
  'base64',
  'boolean',
  'combobox',
  'complexvalue',
  'currency',
  'date',
  'datetime',
  'double',
  'email',
  'encryptedstring',
  'id',
  'int',
  'json',
  'location',
  'long',
  'multipicklist',
  'percent',
  'phone',
  'picklist',
  'reference',
  'string',
  'textarea',
  'time',
  'url',
];
const NOT_IN_BULK = ['address', 'location', 'base64', 'complexvalue'];

let connected: Connected;
let records: OrgRecord[];

beforeAll(async () => {
  connected = await connect({ size: 400 });
  records = [...connected.emulator.org.records('Everything__c')];
});
afterAll(() => connected.emulator.close());

const values = (name: string): unknown[] => records.map((record) => record[name]).filter((value) => value !== null);
const fieldNamed = async (name: string) =>
  (await connected.connection.describe('Everything__c')).fields.find((field) => field.name === name);

/** The value of one record's field in a Bulk result. */
const bulkValue = async (id: unknown, name: string): Promise<unknown> =>
  (await bulkRows(connected, `SELECT ${name} FROM Everything__c WHERE Id = '${id}'`, { operation: 'queryAll' }))[0]?.[0];

describe('the custom object', () => {
  test('has a field of every type in describe', async () => {
    const { fields } = await connected.connection.describe('Everything__c');
    expect([...new Set(fields.map((field) => String(field.type)))].sort()).toEqual(EVERY_TYPE);
    expect(fields.filter((field) => field.calculated).length).toBeGreaterThan(2);
    expect(await fieldNamed('Name')).toMatchObject({ autoNumber: true, type: 'string' });
    expect(await fieldNamed('OwnerId')).toMatchObject({ referenceTo: ['Group', 'User'], polymorphicForeignKey: true, namePointing: true });
    expect(await fieldNamed('LongArea__c')).toMatchObject({ length: 131_072, filterable: false });
    expect(await fieldNamed('Card__c')).toMatchObject({ encrypted: true, filterable: false, sortable: false });
    expect(await fieldNamed('Site__City__s')).toMatchObject({ compoundFieldName: 'Site__c', custom: true });
  });

  test('returns every value by Bulk unchanged, in the format of its type', async () => {
    const { fields } = await connected.connection.describe('Everything__c');
    const columns = fields.filter((field) => !NOT_IN_BULK.includes(field.type));
    const soql = `SELECT ${columns.map((field) => field.name).join(', ')} FROM Everything__c`;
    const rows = await bulkRows(connected, soql, { operation: 'queryAll' });
    const text = (value: unknown, name: string, type: string): string => {
      if (value === null) return '';
      if (name === 'Zero__c') return value === 0 ? '0.0' : String(value);
      return ['double', 'currency', 'percent'].includes(type) ? javaDouble(Number(value)) : String(value);
    };
    const expected = new Map(records.map((record) => [record.Id, columns.map(({ name, type }) => text(record[name], name, type))]));
    expect(rows).toHaveLength(records.length);
    for (const row of rows) expect(row).toEqual(expected.get(row[0] ?? ''));
  });

  test('returns every value by REST, with compound values built from their parts', async () => {
    const soql = 'SELECT Id, Site__c, Place__c, Body__c, Moment__c, Time__c, Metadata__c, Any__c, Json__c, Huge__c FROM Everything__c';
    const { records: shown } = await connected.connection.query(soql, { autoFetch: true, maxFetch: 10_000, scanAll: true });
    const byId = new Map(records.map((record) => [record.Id, record]));
    for (const row of shown) {
      const record = byId.get(row.Id as string) ?? {};
      const [latitude, longitude] = [record.Place__Latitude__s, record.Place__Longitude__s];
      expect(row.Place__c).toEqual(latitude === null && longitude === null ? null : { latitude, longitude });
      if (row.Site__c) {
        expect(row.Site__c).toMatchObject({
          city: record.Site__City__s,
          countryCode: record.Site__CountryCode__s,
          street: record.Site__Street__s,
        });
      }
      expect(row.Body__c).toBe(`/services/data/v66.0/sobjects/Everything__c/${row.Id}/Body__c`);
      expect(row.Moment__c).toBe(record.Moment__c === null ? null : String(record.Moment__c).replace('Z', '+0000'));
      expect([row.Time__c, row.Json__c, row.Huge__c, row.Metadata__c]).toEqual([record.Time__c, record.Json__c, record.Huge__c, null]);
      expect(String(row.Any__c)).toBe(String(record.Any__c));
    }
  });

  test('has values at the limits of its types', () => {
    const dates = values('Date__c');
    expect(dates).toEqual(expect.arrayContaining(['0001-01-01', '9999-12-31']));
    expect(dates.every((date) => /^\d{4}-\d\d-\d\d$/.test(String(date)))).toBe(true);
    const moments = values('Moment__c').map(String);
    expect(moments.every((moment) => moment >= '1700' && moment < '4000' && /^\d{4}-.*:\d\d\.000Z$/.test(moment))).toBe(true);
    expect(values('LongArea__c').some((text) => String(text).length === 131_072)).toBe(true);
    expect(values('Imported__c').some((text) => String(text).includes('\u0000'))).toBe(true);
    expect(values('Share__c').some((share) => /\.\d{8}$/.test(String(share)))).toBe(true);
    expect(values('Number__c').some((number) => /\.\d{7,}/.test(String(number)))).toBe(true);
    expect(values('Exposure__c').map((money) => BigInt(Number(money)).toString().length)).toContain(20);
    const huge = values('Huge__c').map((number) => Math.abs(Number(number)));
    expect(huge.some((number) => number > 1e100) && huge.some((number) => number < 1e-100 && number > 0)).toBe(true);
    expect(values('RichArea__c').some((text) => String(text).includes('<img src='))).toBe(true);
    expect(values('Time__c').every((time) => /^\d\d:\d\d:\d\d\.\d{3}Z$/.test(String(time)))).toBe(true);
  });

  test('has only well-formed strings within their described length', async () => {
    for (const object of ['Everything__c', 'Lead', 'Case', 'Task', 'User', 'AccountHistory']) {
      const { fields } = await connected.connection.describe(object);
      const lengths = new Map(fields.map((field) => [field.name, field.length ?? 0]));
      for (const record of connected.emulator.org.records(object)) {
        for (const [name, value] of Object.entries(record)) {
          if (typeof value !== 'string' || !lengths.get(name)) continue;
          expect([name, value.isWellFormed(), value.length <= (lengths.get(name) ?? 0)]).toEqual([name, true, true]);
        }
      }
    }
  });

  test('shows zeros of an int field with a decimal, and exponents from ten million up', async () => {
    const zero = records.find((record) => record.Zero__c === 0);
    expect(await bulkValue(zero?.Id, 'Zero__c')).toBe('0.0');
    const large = records.find((record) => record.Huge__c === 1e7);
    if (large) expect(await bulkValue(large.Id, 'Huge__c')).toBe('1.0E7');
    expect(await bulkValue(records.find((record) => Number(record.Exposure__c) > 1e7)?.Id, 'Exposure__c')).toMatch(/^\d\.\d+E\d+$/);
  });

  test.each([
    ['Site__c', 'API_ERROR', 'Selecting compound data not supported in Bulk Query'],
    ['Place__c', 'API_ERROR', 'Selecting compound data not supported in Bulk Query'],
    ['Body__c', 'FEATURENOTENABLED', "Cannot serialize value for 'Body__c' in CSV format"],
    ['Metadata__c', 'FEATURENOTENABLED', "Cannot serialize value for 'Metadata__c' in CSV format"],
  ])('has a field that Bulk refuses: %s', async (name, errorCode, message) => {
    await expect(bulkRows(connected, `SELECT ${name} FROM Everything__c`)).rejects.toMatchObject({ errorCode, message });
  });

  test('has a field that the connected user cannot see', async () => {
    expect(await fieldNamed('Secret__c')).toBeUndefined();
    expect(records[0]).not.toHaveProperty('Secret__c');
    await expect(connected.connection.query('SELECT Secret__c FROM Everything__c')).rejects.toMatchObject({ errorCode: 'INVALID_FIELD' });
  });
});

describe('an object', () => {
  test('with a polymorphic owner, a user or a queue, returns the fields of Name', async () => {
    const { records: leads } = await connected.connection.query('SELECT OwnerId, Owner.Name, Owner.Type, Owner.Email FROM Lead LIMIT 60');
    const types = new Set(leads.map((lead) => lead.Owner.Type));
    expect(types).toEqual(new Set(['Group', 'User']));
    for (const { OwnerId, Owner } of leads) {
      expect(Owner.attributes).toMatchObject({ type: 'Name', url: `/services/data/v66.0/sobjects/${Owner.Type}/${OwnerId}` });
      expect(Owner.Type).toBe(OwnerId.startsWith('00G') ? 'Group' : 'User');
    }
    await expect(connected.connection.query('SELECT Owner.Nothing FROM Lead')).rejects.toThrow("No such column 'Nothing' on entity 'Name'");
    const rows = await bulkRows(connected, 'SELECT Who.Type, What.Name FROM Task');
    expect(new Set(rows.map(([type]) => type))).toEqual(new Set(['Contact', 'Lead', '']));
  });

  test('of the org says that it is a sandbox', async () => {
    const { org } = connected.emulator;
    const { records: rows } = await connected.connection.query('SELECT Id, IsSandbox, InstanceName, TimeZoneSidKey FROM Organization');
    expect(rows).toMatchObject([{ Id: org.id, IsSandbox: true, TimeZoneSidKey: 'Europe/Berlin' }]);
  });

  test('of users cannot be deleted, and the first user is the connected one', async () => {
    const { org } = connected.emulator;
    expect(() => org.remove('User', org.users[0] ?? '')).toThrow('cannot be deleted');
    const { fields, deletable } = await connected.connection.describe('User');
    expect([deletable, fields.some((field) => field.name === 'IsDeleted')]).toEqual([false, false]);
    const { records: rows } = await connected.connection.query(`SELECT Username FROM User WHERE Id = '${org.users[0]}'`);
    expect(rows[0]?.Username).toBe('integration@sandbox.example.com');
  });

  test('of histories has only CreatedDate, and values of all types in one column', async () => {
    const { fields } = await connected.connection.describe('AccountHistory');
    const names = fields.map((field) => field.name);
    expect(names).toContain('CreatedDate');
    expect(names.some((name) => ['SystemModstamp', 'LastModifiedDate'].includes(name))).toBe(false);
    const { records: rows } = await connected.connection.query('SELECT NewValue FROM AccountHistory', { autoFetch: true, maxFetch: 5000 });
    expect(new Set(rows.map(({ NewValue }) => typeof NewValue))).toEqual(new Set(['string', 'number', 'boolean', 'object']));
  });
});
