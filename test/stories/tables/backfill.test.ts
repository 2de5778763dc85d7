import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { FieldChange } from '../../../app/local/emulators/salesforce/org/field-change.ts';
import { type GatewayService, startGatewayService } from '../../support/gateway.ts';
import { noteRequests } from '../../support/requests.ts';
import { NEARBY, repairEnded, type TestServiceOptions } from '../../support/service.ts';
import { dueRecords, expectTableEqualsOrg } from '../../support/whole-table.ts';

/** Values that change without a stamp: of fields that appear, return, or are calculated. */
let service: GatewayService;
let id: string;

afterEach(() => service[Symbol.asyncDispose]());

/** Imports the first window of Account, with a record of the energy industry. */
async function importFirst(options: TestServiceOptions & { deletes?: string; before?: () => void } = {}): Promise<void> {
  const { deletes = 'keep', before, ...rest } = options;
  service = await startGatewayService(rest);
  service.salesforce.clock.set(new Date('2023-03-05T10:00:00Z'));
  id = service.salesforce.org.insert('Account', { Name: 'One', Industry: 'Energy' });
  before?.();
  const fields = { user_id: await service.connect(), object_name: 'Account', start_date: '2023-03-01', deletes };
  await service.call('create_importing_job', fields);
  await service.tickAt('2023-03-20T00:10:00Z');
  service.salesforce.clock.set(new Date('2023-03-20T10:00:00Z'));
}

/** What an admin changes. Salesforce need not report a change of field-level security at once. */
function change(...changes: FieldChange[]): void {
  for (const each of changes) service.salesforce.org.changeField('Account', each);
  service.context.describes.forget(1, 'Account');
}

const value = async (column: string, of = id): Promise<unknown> =>
  (await service.rows(`SELECT ${column} FROM salesforce.Account WHERE Id = '${of}'`))[0]?.[column];

/** Whether a query is a sweep's: of an added or hidden field, but not of names. */
const isOfSweep = (soql: string): boolean => /^SELECT Id,(?!.*\bName\b).*\b(Region__c|Industry|Age__c)\b/s.test(soql);

/** Each row's value of a column, and the records' values of a field. */
async function both(field: string, lastDate: string, column = field): Promise<[unknown, unknown]> {
  const rows = await service.rows(`SELECT Id, ${column} AS value FROM salesforce.Account`);
  const records = dueRecords(service, 'Account', lastDate);
  return [new Map(rows.map((row) => [row.Id, row.value])), new Map(records.map((record) => [record.Id, record[field]]))];
}

/** Compares a column of the whole table with the org. */
async function expectFilled(field: string, lastDate: string, column = field): Promise<void> {
  const [rows, records] = await both(field, lastDate, column);
  expect(rows).toEqual(records);
}

/** Compares all values of the whole table with the org. */
async function expectEqual(lastDate: string): Promise<void> {
  const due = new Set(dueRecords(service, 'Account', lastDate).map((record) => record.Id));
  await expectTableEqualsOrg(service, 'Account', { isDue: (record) => due.has(record.Id) });
}

const sweeps = async (): Promise<string[]> =>
  (await service.database.pool.query<{ state: string }>(`SELECT state FROM runs WHERE kind = 'sweep' ORDER BY created_at`)).rows.map(
    ({ state }) => state,
  );

describe('a new field', () => {
  test('is filled on all rows: CurrencyIsoCode, when multi-currency is switched on', async () => {
    await importFirst();
    const before = new Map(
      (await service.rows('SELECT Id, UNIX_MILLIS(SystemModstamp) AS stamp FROM salesforce.Account')).map((row) => [row.Id, row.stamp]),
    );
    change({ field: 'CurrencyIsoCode', change: 'add', type: 'picklist', value: 'EUR' });
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await repairEnded(service)).toMatchObject({ kind: 'sweep', state: 'succeeded' });
    await expectEqual('2023-03-21');
    const { rows } = await service.database.pool.query<{ id: string }>(`SELECT id FROM runs WHERE kind = 'sweep'`);
    const filled = await service.rows(
      `SELECT Id, UNIX_MILLIS(SystemModstamp) AS stamp FROM salesforce.Account WHERE _run = '${rows[0]!.id}'`,
    );
    expect(filled.length).toBeGreaterThan(20);
    for (const row of filled) expect(row.stamp).toBe(before.get(row.Id));
    await service.tickAt('2023-03-22T00:10:00Z');
    expect(await sweeps()).toEqual(['succeeded']);
  });

  test('and the fields of the first import need no sweep', async () => {
    await importFirst();
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await sweeps()).toEqual([]);
  });

  test('is filled after an open repair, which starts over with it', async () => {
    await importFirst({ limits: { restRows: 0 } });
    const released = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    service.instance.handler = async ({ soql }, pass) => {
      if (soql.startsWith('SELECT Id,')) {
        service.instance.handler = (_call, forward) => forward();
        held.resolve();
        await released.promise;
      }
      return await pass();
    };
    const repaired = service.repair('reimport');
    await held.promise;
    change({ field: 'Region__c', change: 'add', type: 'string', value: 'North' });
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await sweeps()).toEqual([]);
    released.resolve();
    await repaired;
    expect(await repairEnded(service)).toMatchObject({ kind: 'sweep', state: 'succeeded' });
    await expectFilled('Region__c', '2023-03-21');
  });

  test('is filled from many slices, while records change between them', async () => {
    await importFirst();
    service.limit({ restRows: 0, sliceRows: 20, runSlices: 2 });
    change({ field: 'Region__c', change: 'add', type: 'string', value: 'North' });
    const { org } = service.salesforce;
    const [edited, deleted, purged] = ['Edited', 'Deleted', 'Purged'].map((Name) => org.insert('Account', { Name }));
    let slices = 0;
    service.instance.handler = async ({ method, url, soql }, pass) => {
      if (method === 'POST' && url.endsWith('/jobs/query') && isOfSweep(soql)) {
        slices++;
        org.update('Account', edited!, { Name: `Edited ${slices}` });
        org.insert('Account', { Name: `Inserted ${slices}` });
        if (slices === 2) org.remove('Account', deleted!);
        if (slices === 3) org.purge('Account', purged!);
      }
      return await pass();
    };
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await repairEnded(service)).toMatchObject({ kind: 'sweep', state: 'succeeded', receipt: { backfilled: ['Region__c'] } });
    expect(slices).toBeGreaterThan(4);
    service.limit(NEARBY);
    await service.tickAt('2023-03-22T00:10:00Z');
    expect(await service.rows(`SELECT Id FROM salesforce.Account WHERE Region__c IS NULL AND Id <> '${purged}'`)).toEqual([]);
    await service.repair('sweep');
    await expectEqual('2023-03-22');
  });

  test('does not return to rows whose values were erased', async () => {
    await importFirst({ deletes: 'blank' });
    change({ field: 'Region__c', change: 'add', type: 'string', value: 'North' });
    service.salesforce.org.remove('Account', id);
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await repairEnded(service)).toMatchObject({ kind: 'sweep', state: 'succeeded' });
    const [live, deleted] = [true, false].map((isLive) =>
      service.rows(`SELECT DISTINCT Region__c FROM salesforce.Account WHERE _deleted_at IS ${isLive ? '' : 'NOT '}NULL`),
    );
    expect([await live, await deleted]).toEqual([[{ Region__c: 'North' }], [{ Region__c: null }]]);
  });
});

describe('a hidden field', () => {
  test('is NULL on rows that a reimport replaces, and returns with the values it had meanwhile', async () => {
    await importFirst();
    const other = service.salesforce.org.insert('Account', {
      Name: 'Two',
      Industry: 'Banking',
      SystemModstamp: '2023-03-19T10:00:00.000Z',
    });
    change({ field: 'Industry', change: 'hide' });
    await service.repair('reimport');
    expect([await value('Industry'), await value('Industry', other)]).toEqual([null, null]);
    change({ field: 'Industry', change: 'show' });
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await repairEnded(service)).toMatchObject({ kind: 'sweep', state: 'succeeded' });
    expect(await value('Industry')).toBe('Energy');
    await expectFilled('Industry', '2023-03-21');
  });

  test('that is hidden again during its sweep stays NULL, and is filled when it returns', async () => {
    await importFirst();
    change({ field: 'Industry', change: 'hide' });
    service.salesforce.org.update('Account', id, { Industry: 'Banking' });
    await service.tickAt('2023-03-21T00:10:00Z');
    change({ field: 'Industry', change: 'show' });
    service.instance.handler = async ({ soql }, pass) => {
      if (isOfSweep(soql)) {
        service.instance.handler = (_call, forward) => forward();
        change({ field: 'Industry', change: 'hide' });
      }
      return await pass();
    };
    await service.tickAt('2023-03-22T00:10:00Z');
    expect(await repairEnded(service)).toMatchObject({ kind: 'sweep', state: 'succeeded' });
    expect(await value('Industry')).toBeNull();
    change({ field: 'Industry', change: 'show' });
    await service.tickAt('2023-03-23T00:10:00Z');
    expect(await repairEnded(service)).toMatchObject({ kind: 'sweep', state: 'succeeded' });
    expect(await value('Industry')).toBe('Banking');
    await expectFilled('Industry', '2023-03-23');
  });
});

describe('a rebuild', () => {
  test('empties a hidden field, and fills new ones, so that no sweep must', async () => {
    await importFirst();
    await service.rows('ALTER TABLE salesforce.Account ADD COLUMN mine STRING');
    await service.rows(`UPDATE salesforce.Account SET mine = 'mine' WHERE TRUE`);
    change({ field: 'Industry', change: 'hide' }, { field: 'Region__c', change: 'add', type: 'string', value: 'North' });
    expect(await service.repair('rebuild')).toMatchObject({ kind: 'rebuild', state: 'succeeded' });
    expect(await service.rows('SELECT DISTINCT Industry, Region__c, mine FROM salesforce.Account')).toEqual([
      { Industry: null, Region__c: 'North', mine: 'mine' },
    ]);
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await sweeps()).toEqual([]);
    change({ field: 'Industry', change: 'show' });
    await service.tickAt('2023-03-22T00:10:00Z');
    expect(await repairEnded(service)).toMatchObject({ kind: 'sweep', state: 'succeeded' });
    await expectFilled('Industry', '2023-03-22');
  });
});

describe('a retyped field', () => {
  test('gets a new column, filled on all rows, and its old one stays', async () => {
    await importFirst({
      before: () => service.salesforce.org.changeField('Account', { field: 'Code__c', change: 'add', type: 'double', value: 7 }),
    });
    await service.rows('ALTER TABLE salesforce.Account ADD COLUMN mine STRING');
    await service.rows(`UPDATE salesforce.Account SET mine = 'mine' WHERE TRUE`);
    change({ field: 'Code__c', change: 'retype', type: 'string' });
    service.salesforce.org.update('Account', id, { Name: 'Two' });
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await repairEnded(service)).toMatchObject({ kind: 'sweep', state: 'succeeded' });
    await expectFilled('Code__c', '2023-03-21', 'Code__c_string');
    expect([await value('Code__c'), await value('mine')]).toEqual([7, 'mine']);
    change({ field: 'Code__c', change: 'hide' });
    service.salesforce.clock.set(new Date('2023-03-21T10:00:00Z'));
    service.salesforce.org.update('Account', id, { Name: 'Three' });
    await service.tickAt('2023-03-22T00:10:00Z');
    expect([await value('Code__c'), await value('Code__c_string'), await value('mine')]).toEqual([7, null, 'mine']);
  });
});

describe('calculated fields', () => {
  /** Two formulas, one of which depends on the parent account. */
  function addFormulas(): void {
    service.salesforce.org.changeField('Account', {
      field: 'Age__c',
      change: 'add',
      type: 'double',
      formula: { of: 'today', since: '2023-03-01' },
    });
    service.salesforce.org.changeField('Account', {
      field: 'ParentName__c',
      change: 'add',
      type: 'string',
      formula: { of: 'parent', reference: 'ParentId', field: 'Name' },
    });
  }

  async function sweep(): Promise<void> {
    expect(await service.repair('sweep')).toMatchObject({ kind: 'sweep', state: 'succeeded' });
  }

  test('equal the org after a sweep, whether time or a parent changed them', async () => {
    let child = '';
    await importFirst({
      before: () => {
        addFormulas();
        child = service.salesforce.org.insert('Account', { Name: 'Child', ParentId: id });
      },
    });
    await service.tickAt('2023-03-21T00:10:00Z');
    service.salesforce.org.update('Account', id, { Name: 'Renamed' });
    expect([await value('Age__c', child), await value('ParentName__c', child)]).toEqual([19, 'One']);
    await service.tickAt('2023-03-22T00:10:00Z');
    await sweep();
    expect([await value('Age__c', child), await value('ParentName__c', child)]).toEqual([21, 'Renamed']);
    await expectEqual('2023-03-22');
  });

  test('of rows that a window imports while the sweep runs keep the newer values', async () => {
    await importFirst({ before: addFormulas });
    await service.tickAt('2023-03-21T00:10:00Z');
    service.instance.handler = async ({ soql }, pass) => {
      const reply = await pass();
      if (isOfSweep(soql)) {
        service.instance.handler = (_call, forward) => forward();
        service.salesforce.clock.set(new Date('2023-03-21T10:00:00Z'));
        service.salesforce.org.update('Account', id, { Name: 'Edited' });
        await service.tickAt('2023-03-23T00:10:00Z');
      }
      return reply;
    };
    await sweep();
    expect(await value('Age__c')).toBe(22);
    const sweptAt = 20;
    const ages = await service.rows('SELECT DISTINCT Age__c FROM salesforce.Account ORDER BY Age__c');
    expect(ages.map((row) => row.Age__c)).toEqual([sweptAt, 22]);
  });
});

describe('a sweep that is interrupted while it refreshes', () => {
  const refreshJobs = async (): Promise<string[]> => {
    const [jobs] = await service.client.getJobs({ allUsers: true });
    return jobs.map((job) => job.id!).filter((name) => name.includes('_refresh_'));
  };

  /** The rows that the sweep's receipt counts are those that it wrote. */
  async function expectCounted(): Promise<void> {
    const repair = await repairEnded(service);
    expect(repair).toMatchObject({ kind: 'sweep', state: 'succeeded' });
    const rows = await service.rows(`SELECT Id FROM salesforce.Account WHERE _run = '${repair.id}'`);
    expect(rows.length).toBeGreaterThan(20);
    expect(repair.receipt).toMatchObject({ refreshed: rows.length, backfilled: ['Region__c'] });
    await expectFilled('Region__c', '2023-03-21');
  }

  beforeEach(async () => {
    await importFirst();
    change({ field: 'Region__c', change: 'add', type: 'string', value: 'North' });
  });

  test('because its worker lost it, adopts its statement', async () => {
    let thefts = 0;
    // The next attempt fences the worker at once, however long it takes until another one claims the run.
    const steal = async (): Promise<void> => {
      await service.database.pool.query(
        `UPDATE runs SET attempt = attempt + 1, lease_until = now() - interval '1 second' WHERE kind = 'sweep' AND state = 'running'`,
      );
      await service.database.pool.query(`SELECT pg_notify('runs', '')`);
    };
    await noteRequests(
      ({ url }) => {
        if (url!.includes('_refresh_') && thefts++ === 0) void steal();
      },
      async () => {
        await service.tickAt('2023-03-21T00:10:00Z');
        await expectCounted();
      },
    );
    const { rows } = await service.database.pool.query(`SELECT attempt FROM runs WHERE kind = 'sweep'`);
    expect([rows, await refreshJobs()]).toEqual([[{ attempt: 3 }], [expect.stringMatching(/_1$/)]]);
  });

  test('because its statement failed, runs it again under another id', async () => {
    const fault = { kind: 'job-failed', match: '_refresh_' };
    const init = { method: 'POST', body: JSON.stringify(fault), headers: { 'content-type': 'application/json' } };
    await fetch(`${service.bigquery.url}/emulator/faults`, init);
    await service.tickAt('2023-03-21T00:10:00Z');
    await expectCounted();
    expect((await refreshJobs()).map((name) => name.slice(-2)).sort()).toEqual(['_1', '_2']);
  });
});
