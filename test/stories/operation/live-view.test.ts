import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startService, type TestService } from '../../support/service.ts';

/** The view of live rows, and what else may have its name. */
let service: TestService;

beforeEach(async () => {
  service = await startService();
  const user_id = await service.connect();
  await service.call('create_importing_job', { user_id, object_name: 'Account', start_date: '2023-03-01' });
});
afterEach(() => service[Symbol.asyncDispose]());

const TICK = '2023-03-20T00:10:00Z';

const receipt = async () => (await service.jobs())[0]!.run!.receipt;

const warnings = (): string[] => service.logged.filter((line) => line.includes('"event":"live_view_not_ours"'));

function addField(): void {
  service.salesforce.org.changeField('Account', { field: 'Floors__c', change: 'add', type: 'double' });
  // Half a day later the description that was remembered is old.
  service.context.describes.forget(1, 'Account');
}

test("leaves a user's own view alone and notes it on the receipt", async () => {
  await service.rows('CREATE VIEW salesforce.Account_live AS SELECT 1 AS mine');
  expect((await service.tickAt(TICK)).text).toMatch(/^OK/);
  expect(await service.rows('SELECT * FROM salesforce.Account_live')).toEqual([{ mine: 1 }]);
  expect(await receipt()).toMatchObject({ live_view: 'not ours: salesforce.Account_live is another view; it was left unchanged' });
  expect(warnings()).toHaveLength(1);
});

test("leaves a user's own table alone and notes it on the receipt", async () => {
  await service.rows('CREATE TABLE salesforce.Account_live AS SELECT 1 AS mine');
  expect((await service.tickAt(TICK)).text).toMatch(/^OK/);
  expect(await service.rows('SELECT * FROM salesforce.Account_live')).toEqual([{ mine: 1 }]);
  expect(await receipt()).toMatchObject({ live_view: 'not ours: salesforce.Account_live is another table; it was left unchanged' });
});

test("has the table's columns and their descriptions, also after columns are added", async () => {
  const described = async (table: string): Promise<[string, string][]> => {
    const [{ schema }] = await service.client.dataset('salesforce').table(table).getMetadata();
    return schema.fields.map(({ name, description }: { name: string; description: string }) => [name, description]);
  };
  await service.tickAt(TICK);
  expect(await described('Account_live')).toEqual(await described('Account'));
  expect((await described('Account_live')).every(([, description]) => description !== undefined)).toBe(true);
  addField();
  service.salesforce.org.insert('Account', { Name: 'New' });
  await service.tickAt('2023-03-21T00:10:00Z');
  expect(await described('Account_live')).toEqual(await described('Account'));
  expect((await described('Account')).map(([name]) => name)).toContain('Floors__c');
});

test('leaves a replaced view alone when columns are added', async () => {
  await service.tickAt(TICK);
  await service.rows('CREATE OR REPLACE VIEW salesforce.Account_live AS SELECT 1 AS mine');
  addField();
  await service.tickAt('2023-03-21T00:10:00Z');
  expect(await service.rows('SELECT * FROM salesforce.Account_live')).toEqual([{ mine: 1 }]);
  expect(warnings()).toHaveLength(1);
});
