import { describe, expect, test } from '@jest/globals';
import { Clock } from '../../../../../app/local/emulators/salesforce/clock.ts';
import { Org, type OrgRecord } from '../../../../../app/local/emulators/salesforce/org/org.ts';
import { connect } from './connect.ts';

const OBJECTS = ['Account', 'Contact', 'Opportunity'];
const DEMO_END = '2023-03-25T00:10:00Z';

function orgAt(now: string, { seed = 1, size = 100 } = {}): Org {
  return new Org(seed, size, new Clock(new Date(now)));
}

function everything(org: Org): OrgRecord[][] {
  return OBJECTS.map((object) => [...org.records(object)]);
}

/** An instant on each day of a period. */
function* dayByDay(from: string, to: string): Generator<string> {
  for (let day = Date.parse(from); day <= Date.parse(to); day += 86_400_000) yield new Date(day).toISOString();
}

describe('the org', () => {
  test('is the same for the same seed, simulated at once or step by step', () => {
    const stepwise = orgAt('2023-01-01T00:00:00Z');
    for (const instant of dayByDay('2023-02-27T12:00:00Z', '2023-03-24T12:00:00Z')) {
      stepwise.clock.set(new Date(instant));
      stepwise.table('Account');
    }
    stepwise.clock.set(new Date(DEMO_END));
    expect(everything(stepwise)).toEqual(everything(orgAt(DEMO_END)));
  });

  test('differs for another seed', () => {
    const [one, two] = [orgAt(DEMO_END), orgAt(DEMO_END, { seed: 2 })];
    expect(one.id).not.toBe(two.id);
    expect(everything(one)).not.toEqual(everything(two));
  });

  test.each(OBJECTS)('created every %s before March 2023, with ordered timestamps to the second', (object) => {
    const records = [...orgAt('2023-03-01T00:00:00Z').records(object)].filter((record) => String(record.SystemModstamp) < '2023-03');
    expect(records.length).toBeGreaterThan(75);
    for (const { CreatedDate, LastModifiedDate, SystemModstamp } of records) {
      expect('2022' <= String(CreatedDate) && String(CreatedDate) <= String(LastModifiedDate)).toBe(true);
      expect(String(LastModifiedDate) <= String(SystemModstamp)).toBe(true);
      expect(SystemModstamp).toMatch(/:\d\d\.000Z$/);
    }
  });

  test('shows nothing later than its clock', () => {
    const now = '2023-03-10T12:34:56.000Z';
    for (const records of everything(orgAt(now))) for (const record of records) expect(String(record.SystemModstamp) <= now).toBe(true);
  });

  test.each(OBJECTS)('inserts, edits, deletes and undeletes %s records in March 2023, often within one second', (object) => {
    const org = orgAt('2023-03-01T00:00:00Z');
    const seen = new Map<unknown, OrgRecord>();
    const counts = { inserted: 0, edited: 0, deleted: 0, undeleted: 0, editedOften: 0 };
    const edits = new Map<unknown, number>();
    for (const instant of dayByDay('2023-03-01T00:00:00Z', '2023-03-25T00:00:00Z')) {
      org.clock.set(new Date(instant));
      for (const record of org.records(object)) {
        const before = seen.get(record.Id);
        seen.set(record.Id, record);
        if (!before) counts.inserted++;
        else if (!before.IsDeleted && record.IsDeleted) counts.deleted++;
        else if (before.IsDeleted && !record.IsDeleted) counts.undeleted++;
        else if (before.SystemModstamp !== record.SystemModstamp) edits.set(record.Id, (edits.get(record.Id) ?? 0) + 1);
      }
    }
    counts.edited = edits.size;
    counts.editedOften = [...edits.values()].filter((times) => times > 3).length;
    for (const times of Object.values(counts)) expect(times).toBeGreaterThan(0);
    const stamps = [...seen.values()].map((record) => record.SystemModstamp);
    expect(new Set(stamps).size).toBeLessThan(stamps.length);
  });

  test('updates one row per object just after every midnight from 20 March on', () => {
    const org = orgAt('2023-03-01T00:00:00Z');
    const restamped = OBJECTS.map(() => new Set<unknown>());
    for (const [index, object] of OBJECTS.entries()) restamped[index] = new Set([...org.records(object)].map((record) => record.Id));
    for (const instant of dayByDay('2023-03-20T00:10:00Z', '2023-03-30T00:10:00Z')) {
      org.clock.set(new Date(instant));
      const [from, to] = [instant.replace('T00:10', 'T00:01'), instant.replace('T00:10', 'T00:04')];
      for (const [index, object] of OBJECTS.entries()) {
        const now = [...org.records(object)].filter(({ SystemModstamp }) => from <= String(SystemModstamp) && String(SystemModstamp) < to);
        restamped[index] = restamped[index]?.intersection(new Set(now.map((record) => record.Id))) ?? new Set();
      }
    }
    expect(restamped.map((ids) => ids.size)).toEqual([1, 1, 1]);
  });

  test('keeps changing for years', () => {
    const records = [...orgAt('2026-11-24T00:00:00Z', { size: 10 }).records('Contact')];
    expect(records.some((record) => String(record.SystemModstamp) > '2026-11')).toBe(true);
  });

  test('has values that break careless parsers, and no empty strings', () => {
    const values = everything(orgAt(DEMO_END)).flatMap((records) => records.flatMap((record) => Object.values(record)));
    const texts = values.filter((value) => typeof value === 'string');
    for (const pattern of [/,/, /"/, /\n/, /\r\n/, /\p{Emoji_Presentation}/u, /^\s/, /\s$/, /;/, /\\/])
      expect(texts.some((text) => pattern.test(text))).toBe(true);
    expect(texts).not.toContain('');
    const numbers = values.filter((value) => typeof value === 'number');
    expect(numbers.some((number) => number >= 1e10) && numbers.some((number) => number < 0)).toBe(true);
    expect(numbers.some((number) => Math.abs(number) < 1e-3 && number !== 0)).toBe(true);
  });
});

describe('a test', () => {
  test("inserts, edits, deletes, undeletes and purges records at the clock's second", () => {
    const org = orgAt('2023-03-02T10:00:00.900Z');
    const find = (id: string) => [...org.records('Account')].find((record) => record.Id === id);
    const id = org.insert('Account', { Name: 'New', Site: '' });
    const inserted = '2023-03-02T10:00:00.000Z';
    expect(find(id)).toMatchObject({
      Name: 'New',
      Site: null,
      Industry: null,
      Active__c: false,
      CreatedDate: inserted,
      SystemModstamp: inserted,
    });
    org.clock.set(new Date('2023-03-02T11:00:00Z'));
    org.update('Account', id, { Name: 'Newer' });
    const edited = '2023-03-02T11:00:00.000Z';
    expect(find(id)).toMatchObject({
      Name: 'Newer',
      CreatedDate: inserted,
      LastModifiedDate: edited,
      SystemModstamp: edited,
      IsDeleted: false,
    });
    org.remove('Account', id);
    expect(find(id)).toMatchObject({ IsDeleted: true });
    expect(() => org.update('Account', id, { Name: 'Never' })).toThrow('is deleted');
    org.undelete('Account', id);
    expect(find(id)).toMatchObject({ IsDeleted: false });
    org.purge('Account', id);
    expect(find(id)).toBeUndefined();
  });

  test('gets an error for fields and records that do not exist', () => {
    const org = orgAt(DEMO_END);
    expect(() => org.insert('Account', { Nothing__c: 1 })).toThrow('Account.Nothing__c cannot be written.');
    expect(() => org.update('Account', '001000000000000AAA', {})).toThrow('There is no Account');
    expect(() => org.insert('CaseStatus', {})).toThrow('cannot be written');
  });

  test('does not change what the org does by itself', () => {
    const [touched, untouched] = [orgAt('2023-03-01T00:00:00Z'), orgAt('2023-03-01T00:00:00Z')];
    const id = touched.insert('Account', { Name: 'Outside' });
    for (const org of [touched, untouched]) org.clock.set(new Date(DEMO_END));
    expect([...touched.records('Account')].filter((record) => record.Id !== id)).toEqual([...untouched.records('Account')]);
  });
});

describe('the clock', () => {
  test('stops when it is set, only moves forward, and follows real time when it is released', () => {
    const clock = new Clock(new Date('2023-03-20T00:10:00Z'));
    expect(clock.now()).toEqual(clock.now());
    clock.set(new Date('2023-03-21T00:10:00Z'));
    expect(() => clock.set(new Date('2023-03-20T00:10:00Z'))).toThrow('only moves forward');
    clock.set(undefined);
    expect(clock.now().getTime()).toBeGreaterThan(Date.parse('2026-01-01'));
  });

  test('cannot be set before what the org has already reached', () => {
    const org = new Org(1, 10, new Clock());
    org.clock.set(new Date('2023-03-01T00:00:00Z'));
    org.clock.set(undefined);
    org.table('Account');
    expect(() => org.clock.set(new Date('2023-03-20T00:00:00Z'))).toThrow('already reached');
  });
});

describe('the admin routes', () => {
  test('show and set the clock, and show and change raw records', async () => {
    const { emulator } = await connect();
    const admin = async (method: string, path: string, body?: unknown) => {
      const reply = await fetch(`${emulator.instanceUrl}/emulator/${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: reply.status, text: await reply.text() };
    };
    expect(await admin('GET', 'clock')).toEqual({ status: 200, text: '{"now":"2023-03-20T00:10:00.000Z"}' });
    expect(await admin('PUT', 'clock', { now: '2023-03-21T00:10:00Z' })).toEqual({
      status: 200,
      text: '{"now":"2023-03-21T00:10:00.000Z"}',
    });
    expect(await admin('PUT', 'clock', { now: '2023-03-20T00:10:00Z' })).toEqual({
      status: 400,
      text: expect.stringContaining('only moves forward'),
    });
    const { id } = JSON.parse((await admin('POST', 'records?object=Account', { Name: 'By admin' })).text) as { id: string };
    expect((await admin('PATCH', `records?object=Account&id=${id}`, { Name: 'Again' })).status).toBe(204);
    expect((await admin('DELETE', `records?object=Account&id=${id}`)).status).toBe(204);
    const lines = (await admin('GET', 'records?object=Account')).text.trimEnd().split('\n');
    const records = lines.map((line) => JSON.parse(line) as OrgRecord);
    expect(records).toEqual([...emulator.org.records('Account')]);
    expect(records.find((record) => record.Id === id)).toMatchObject({
      Name: 'Again',
      IsDeleted: true,
      SystemModstamp: '2023-03-21T00:10:00.000Z',
    });
    expect(records[0]).not.toHaveProperty('BillingAddress');
    expect((await admin('GET', 'records?object=Nothing')).status).toBe(400);
    expect((await admin('GET', 'nothing')).status).toBe(404);
    await emulator.close();
  });
});
