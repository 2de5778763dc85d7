import { afterEach, describe, expect, test } from '@jest/globals';
import type { Limits } from '../../app/core/limits.ts';
import { requestsDuring } from '../support/requests.ts';
import { startService, type TestService } from '../support/service.ts';
import { expectWholeTable } from '../support/whole-table.ts';

/** What one of Salesforce's APIs refuses is read by the other, and the receipt says why. */
let service: TestService;

afterEach(() => service[Symbol.asyncDispose]());

async function start(object: string, limits: Partial<Limits>, startDate = '2023-03-01'): Promise<void> {
  service = await startService({ limits });
  const userId = await service.connect();
  await service.call('create_importing_job', { user_id: userId, object_name: object, start_date: startDate });
}

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
    expect(await methods()).toEqual([expect.stringMatching(/^bulk: \d+ rows, more than 0$/)]);
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

test('a query too long for a URI is read by Bulk even for few rows', async () => {
  await start('Account', {});
  const fields = Array.from({ length: 270 }, (_, index) => `A_name_as_long_as_admins_may_choose_${String(index).padStart(4, '0')}__c`);
  for (const field of fields) service.salesforce.org.changeField('Account', { field, change: 'add', type: 'string', value: `in ${field}` });
  await service.tickAt('2023-03-20T00:10:00Z');
  await expectWholeTable(service);
  expect(await methods()).toEqual(['bulk: the query is too long for a URI']);
  const last = fields.at(-1)!;
  expect(await service.rows(`SELECT DISTINCT ${last} AS last FROM salesforce.Account`)).toEqual([{ last: `in ${last}` }]);
});
