import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startService, type TestService } from '../support/service.ts';

let service: TestService;
let id: string;

beforeEach(async () => {
  service = await startService();
  const userId = await service.connect();
  service.salesforce.clock.set(new Date('2023-03-05T10:00:00Z'));
  id = service.salesforce.org.insert('Account', { Name: 'Acme', Industry: 'Energy' });
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });
  await service.tickAt('2023-03-20T00:10:00Z');
});
afterEach(() => service[Symbol.asyncDispose]());

/** What an admin changes about a field between two windows; the record is edited, so that the second window has it. */
async function changeField(change: object, edit: Record<string, string | number>): Promise<void> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ object: 'Account', ...change }) };
  expect((await fetch(`${service.salesforce.instanceUrl}/sandbox/fields`, init)).status).toBeLessThan(300);
  service.salesforce.clock.set(new Date('2023-03-20T10:00:00Z'));
  service.salesforce.org.update('Account', id, edit);
  // Half a day later the description that was remembered is old.
  service.context.describes.forget(1, 'Account');
}

const values = (columns: string): Promise<Record<string, unknown>[]> =>
  service.rows(`SELECT ${columns} FROM salesforce.Account WHERE Id = '${id}'`);

test('a new field becomes a new column, in the table and in its view; rows that were not edited since have NULL there', async () => {
  await changeField({ field: 'Rating__c', change: 'add', type: 'string', value: 'hot' }, { Name: 'Acme 2' });
  expect(await service.tickAt('2023-03-21T00:10:00Z')).toMatchObject({ text: 'OK' });
  expect(await values('Name, Rating__c')).toEqual([{ Name: 'Acme 2', Rating__c: 'hot' }]);
  expect(await service.rows(`SELECT Rating__c FROM salesforce.Account_live WHERE Id = '${id}'`)).toEqual([{ Rating__c: 'hot' }]);
});

test('a field that the user may no longer see keeps its column, with what was in it', async () => {
  await changeField({ field: 'Industry', change: 'hide' }, { Name: 'Acme 2' });
  expect(await service.tickAt('2023-03-21T00:10:00Z')).toMatchObject({ text: 'OK' });
  expect(await values('Name, Industry')).toEqual([{ Name: 'Acme 2', Industry: 'Energy' }]);
});

test('a field that is gone while its describe is remembered fails one run, and the next one does without it', async () => {
  await changeField({ field: 'Industry', change: 'hide' }, { Name: 'Acme 2' });
  await service.context.describes.get(service.context.salesforce(1), 1, 'Account');
  const init = { method: 'POST', headers: { 'content-type': 'application/json' } };
  const hide = { object: 'Account', field: 'Phone', change: 'hide' };
  await fetch(`${service.salesforce.instanceUrl}/sandbox/fields`, { ...init, body: JSON.stringify(hide) });
  const refused = await service.tickAt('2023-03-21T00:10:00Z');
  expect(refused).toMatchObject({ status: 422, code: 'salesforce_refused' });
  expect(refused.text).toMatch(/INVALID_FIELD, column Phone/);
  expect(await service.tickAt('2023-03-21T00:20:00Z')).toMatchObject({ text: 'OK' });
  expect(await values('Name')).toEqual([{ Name: 'Acme 2' }]);
});

test('a field of another type stops the job before anything is written, and says which', async () => {
  await changeField({ field: 'NumberOfEmployees', change: 'retype', type: 'string' }, { Name: 'Acme 2' });
  const answer = await service.tickAt('2023-03-21T00:10:00Z');
  expect(answer).toMatchObject({ status: 422, code: 'bigquery_refused' });
  expect(answer.text).toMatch(/NumberOfEmployees is STRING now, and its column in salesforce\.Account is INT64/);
  expect(await values('Name')).toEqual([{ Name: 'Acme' }]);
});
