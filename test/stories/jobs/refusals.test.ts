import { afterEach, describe, expect, test } from '@jest/globals';
import type { Limits } from '../../../app/core/connections/limits.ts';
import { requestsDuring } from '../../support/requests.ts';
import { startService, type TestService } from '../../support/service.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** What one of Salesforce's APIs refuses is read by the other, and the receipt says why. */
let service: TestService;

afterEach(() => service[Symbol.asyncDispose]());

async function start(object: string, limits: Partial<Limits>, startDate = '2023-03-01', env: NodeJS.ProcessEnv = {}): Promise<void> {
  service = await startService({ limits, env });
  const userId = await service.connect();
  await service.call('create_importing_job', { user_id: userId, object_name: object, start_date: startDate });
}

const JSON_TYPE = { 'content-type': 'application/json' };

/** Everything is enough for Bulk. */
const BULK = { restRows: 0 };

/** Imports what is due on a day, after an edit on the day before. @returns how many Bulk jobs it requested */
async function importDay(day: number): Promise<number> {
  const { org, clock } = service.salesforce;
  clock.set(new Date(`2023-03-${day - 1}T10:00:00Z`));
  const edited = [...org.records('Account')].find((record) => !record.IsDeleted)!;
  org.update('Account', String(edited.Id), { Name: `edited before ${day}` });
  const requests = await requestsDuring(() => service.tickAt(`2023-03-${day}T00:10:00Z`));
  return requests.filter((request) => /^POST .*\/jobs\/query$/.test(request)).length;
}

const methods = async (): Promise<unknown> => (await service.jobs())[0]!.run!.receipt.methods;

describe('an object that Bulk refuses', () => {
  function refuse(errorCode: string, message: string): void {
    service.salesforce.faults.arm({
      kind: 'http',
      times: 1_000,
      status: 400,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ errorCode, message }]),
      match: { method: 'POST', path: '/jobs/query' },
    });
  }

  test('permanently is read by REST from then on', async () => {
    await start('Account', BULK);
    refuse('INVALIDENTITY', "Entity 'Account' is not supported by the Bulk API.");
    expect(await importDay(20)).toBe(1);
    await expectWholeTable(service);
    expect(await methods()).toEqual(['rest: Bulk refuses the object (INVALIDENTITY)']);
    expect(await importDay(21)).toBe(0);
    expect(await methods()).toEqual(['rest: Bulk refuses the object (INVALIDENTITY)']);
    await expectWholeTable(service, 'Account', '2023-03-21');
  });

  test('because of an admin setting is read by REST, and the next window tries Bulk again', async () => {
    await start('Account', BULK);
    refuse('FEATURENOTENABLED', 'Cannot serialize value in CSV format');
    expect(await importDay(20)).toBe(1);
    await expectWholeTable(service);
    expect(await methods()).toEqual(['rest: Bulk refuses the object (FEATURENOTENABLED)']);
    service.salesforce.faults.clear();
    expect(await importDay(21)).toBe(1);
    expect(await methods()).toEqual([expect.stringMatching(/^bulk: [\d,]+ rows, more than 0$/)]);
  });

  test('by its kind, such as a status list, is read by REST', async () => {
    await start('CaseStatus', BULK, 'all');
    await service.tickAt('2023-03-20T00:10:00Z');
    const statuses = [...service.salesforce.org.records('CaseStatus')].map(({ MasterLabel }) => MasterLabel);
    const rows = await service.rows('SELECT MasterLabel FROM salesforce.CaseStatus ORDER BY SortOrder');
    expect(rows.map(({ MasterLabel }) => MasterLabel)).toEqual(statuses);
    expect(await methods()).toEqual(['rest: Bulk refuses the object (INVALIDENTITY)']);
    expect((await service.jobs())[0]!.last_date).toBe('2023-03-20');
  });
});

async function addLongFields(): Promise<string> {
  const fields = Array.from({ length: 270 }, (_, index) => `A_name_as_long_as_admins_may_choose_${String(index).padStart(4, '0')}__c`);
  for (const field of fields) service.salesforce.org.changeField('Account', { field, change: 'add', type: 'string', value: `in ${field}` });
  return fields.at(-1)!;
}

async function expectLongFields(last: string): Promise<void> {
  await expectWholeTable(service);
  expect(await service.rows(`SELECT DISTINCT ${last} AS last FROM salesforce.Account`)).toEqual([{ last: `in ${last}` }]);
}

const TOO_LONG = 'bulk: the query is too long for a URI';

describe('a query too long for a URI', () => {
  test('is read by REST, in a composite call', async () => {
    await start('Account', {});
    const last = await addLongFields();
    const requests = await requestsDuring(() => service.tickAt('2023-03-20T00:10:00Z'));
    await expectLongFields(last);
    expect(await methods()).toEqual([expect.stringMatching(/^rest: [\d,]+ rows, at most 10,000$/)]);
    expect(requests.filter((request) => request.includes('/composite'))).toHaveLength(1);
    expect(requests.filter((request) => request.endsWith('/jobs/query'))).toEqual([]);
  });

  test('is read by Bulk even for few rows with SALESFORCE_COMPOSITE=off', async () => {
    await start('Account', {}, undefined, { SALESFORCE_COMPOSITE: 'off' });
    const last = await addLongFields();
    const requests = await requestsDuring(() => service.tickAt('2023-03-20T00:10:00Z'));
    await expectLongFields(last);
    expect(await methods()).toEqual([TOO_LONG]);
    expect(requests.filter((request) => request.includes('/composite'))).toEqual([]);
  });

  test('is read by Bulk if the org refuses composite calls, which are not tried again at once', async () => {
    await start('Account', {});
    const last = await addLongFields();
    const body = JSON.stringify([{ errorCode: 'NOT_FOUND', message: 'The requested resource does not exist' }]);
    service.salesforce.faults.arm({ kind: 'http', status: 404, body, headers: JSON_TYPE, times: 100, match: { path: '/composite' } });
    const requests = await requestsDuring(async () => {
      await importDay(20);
      await expectLongFields(last);
      expect(await methods()).toEqual([TOO_LONG]);
      await importDay(21);
      expect(await methods()).toEqual([TOO_LONG]);
    });
    await expectWholeTable(service, 'Account', '2023-03-21');
    expect(requests.filter((request) => request.includes('/composite'))).toHaveLength(1);
    expect(service.logged.filter((line) => line.includes('composite_failed'))).toHaveLength(1);
  });
});
