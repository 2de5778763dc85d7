import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let id: string;
let exact: string;

beforeAll(async () => {
  service = await startService();
  const userId = await service.connect();
  service.salesforce.clock.set(new Date('2023-03-05T10:00:00Z'));
  // A year that Salesforce stores and BigQuery has no date for.
  id = service.salesforce.org.insert('Opportunity', { Name: 'far', StageName: 'Closed', CloseDate: '12023-05-05', Amount: 1.5 });
  exact = service.salesforce.org.insert('Opportunity', { Name: 'exact', StageName: 'Closed', Amount: 0.12345678901 });
  await service.call('create_importing_job', { user_id: userId, object_name: 'Opportunity', start_date: '2023-03-01' });
  await service.tickAt('2023-03-20T00:10:00Z');
});
afterAll(() => service[Symbol.asyncDispose]());

test('an invalid value becomes NULL and is counted on the receipt', async () => {
  const [row] = await service.rows(
    `SELECT Name, CloseDate, CAST(Amount AS STRING) AS Amount FROM salesforce.Opportunity WHERE Id = '${id}'`,
  );
  expect(row).toEqual({ Name: 'far', CloseDate: null, Amount: '1.5' });
  const [job] = await service.jobs();
  expect(job!.run!.receipt).toMatchObject({ invalid_values: { CloseDate: 1, Amount: 1 } });
});

test('a number with too many decimals is rounded and counted', async () => {
  const [row] = await service.rows(`SELECT CAST(Amount AS STRING) AS Amount FROM salesforce.Opportunity WHERE Id = '${exact}'`);
  expect(row).toEqual({ Amount: '0.123456789' });
  expect(await service.rows(`SELECT value FROM salesforce._invalid_values WHERE id = '${exact}'`)).toEqual([{ value: '0.12345678901' }]);
});

test('an invalid value is stored once, with Id and column', async () => {
  const sql = `SELECT \`object\`, \`id\`, \`column\`, \`value\`, \`run\` FROM salesforce._invalid_values WHERE \`id\` = '${id}'`;
  const [job] = await service.jobs();
  expect(await service.rows(sql)).toEqual([{ object: 'Opportunity', id, column: 'CloseDate', value: '12023-05-05', run: job!.run!.id }]);
});

test('no log line contains a record value', () => {
  expect(service.logged.join('')).not.toMatch(/12023-05-05|"far"/);
});

test("columns describe the field's label, help and type", async () => {
  const [metadata] = await service.client.dataset('salesforce').table('Opportunity').getMetadata();
  const { fields } = (metadata as { schema: { fields: { name: string; description?: string }[] } }).schema;
  const amount = fields.find((field) => field.name === 'Amount');
  expect(amount?.description).toMatch(/^Amount\..*Salesforce: currency\(18, 2\)\.$/);
});
