import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import type { TableField } from '../../../app/bigquery/resources.ts';
import { picklist } from '../../../app/local/emulators/salesforce/org/field.ts';
import type { FieldChange } from '../../../app/local/emulators/salesforce/org/field-change.ts';
import { publishOutbox } from '../../../app/sync/watch/publish-outbox.ts';
import { type Gateway, startGateway } from '../../support/gateway.ts';
import { startService, type TestService } from '../../support/service.ts';

/** What an analyst can read about the columns: in BigQuery's descriptions, and in `_fields`. */
let service: TestService;
let bigquery: Gateway;
let userId: string;
let id: string;

beforeEach(async () => {
  service = await startService({
    salesforce: { size: 5 },
    limits: { outboxMs: 1 },
    beforeBigQuery: async (url) => {
      bigquery = await startGateway(() => url);
      return bigquery.url;
    },
  });
  userId = await service.connect();
  service.salesforce.clock.set(new Date('2023-03-05T10:00:00Z'));
  id = service.salesforce.org.insert('Account', { Name: 'Acme' });
  await create('Account');
  await service.tickAt('2023-03-20T00:10:00Z');
});
afterEach(async () => {
  await service[Symbol.asyncDispose]();
  await bigquery.close();
});

const create = (object_name: string) => service.call('create_importing_job', { user_id: userId, object_name, start_date: '2023-03-01' });

/** What an admin changes. */
const change = (...changes: FieldChange[]): void => {
  for (const each of changes) service.salesforce.org.changeField('Account', each);
  // A change of field-level security is noticed within a day.
  service.context.describes.forget(1, 'Account');
};

/** Edits the record on a day, and imports it. */
async function importDay(day: number): Promise<void> {
  service.salesforce.clock.set(new Date(`2023-03-${day}T10:00:00Z`));
  service.salesforce.org.update('Account', id, { Name: `Acme ${day}` });
  expect((await service.tickAt(`2023-03-${day + 1}T00:10:00Z`)).text).toMatch(/^OK/);
}

async function metadataOf(table: string): Promise<{ description: string; schema: { fields: TableField[] } }> {
  return (await service.client.dataset('salesforce').table(table).getMetadata())[0];
}

const fieldsOf = async (table: string): Promise<TableField[]> => (await metadataOf(table)).schema.fields;

const descriptionOf = async (column: string, table = 'Account'): Promise<string> =>
  (await fieldsOf(table)).find(({ name }) => name === column)!.description!;

async function dictionary(columns: string, condition: string): Promise<Record<string, unknown>[]> {
  await publishOutbox(service.context, new AbortController().signal);
  return await service.rows(`SELECT ${columns} FROM salesforce._fields WHERE ${condition} ORDER BY object, field`);
}

test('_fields lists every field with its column, label, help, formula, values and references', async () => {
  change(
    {
      field: 'Age__c',
      change: 'add',
      type: 'double',
      formula: { of: 'today', since: '2023-03-01' },
      facts: { inlineHelpText: 'In days.' },
    },
    { field: 'AnnualRevenue', change: 'retype', type: 'string', facts: { label: 'Revenue' } },
  );
  await importDay(20);
  const columns = 'object, table_name, field, column_name, column_type, label, type, help, formula, picklist_values, refers_to';
  const none = { object: 'Account', table_name: 'Account', help: null, formula: null, picklist_values: null, refers_to: null };
  expect(await dictionary(columns, "field IN ('Age__c', 'AnnualRevenue', 'BillingAddress', 'ParentId', 'Rating')")).toEqual([
    {
      ...none,
      field: 'Age__c',
      column_name: 'Age__c',
      column_type: 'FLOAT64',
      label: 'Age',
      type: 'double(18, 2)',
      help: 'In days.',
      formula: 'TODAY() - DATE(2023, 3, 1)',
    },
    { ...none, field: 'AnnualRevenue', column_name: 'AnnualRevenue_string', column_type: 'STRING', label: 'Revenue', type: 'string(255)' },
    { ...none, field: 'BillingAddress', column_name: null, column_type: null, label: 'Billing Address', type: 'address' },
    {
      ...none,
      field: 'ParentId',
      column_name: 'ParentId',
      column_type: 'STRING',
      label: 'Parent Account ID',
      type: 'reference(18)',
      refers_to: 'Account',
    },
    {
      ...none,
      field: 'Rating',
      column_name: 'Rating',
      column_type: 'STRING',
      label: 'Account Rating',
      type: 'picklist(255)',
      picklist_values: 'Hot; Warm; Cold',
    },
  ]);
  const described = await dictionary('field', "object = 'Account' AND until IS NULL AND since > TIMESTAMP '2026-01-01 00:00:00+00'");
  expect(described).toHaveLength(service.context.describes.cached(1, 'Account')!.fields.length);
});

test('a field that disappears has an end, until it returns', async () => {
  const ended = () => dictionary('field, until IS NOT NULL AS ended', "field = 'Phone'");
  change({ field: 'Phone', change: 'hide' });
  await importDay(20);
  expect(await ended()).toEqual([{ field: 'Phone', ended: true }]);
  expect(await descriptionOf('Phone')).toMatch(/^Hidden or deleted in Salesforce since \d{4}-\d\d-\d\d\. Account Phone\. /);
  change({ field: 'Phone', change: 'show' });
  await importDay(21);
  expect(await ended()).toEqual([{ field: 'Phone', ended: false }]);
  expect(await descriptionOf('Phone')).toBe('Account Phone. Salesforce: phone(40).');
});

describe('the descriptions', () => {
  const relabelled: FieldChange = {
    field: 'Site',
    change: 'retype',
    type: 'picklist',
    facts: { label: 'Location', inlineHelpText: 'Where most people work?', ...picklist(['North', 'South']), length: 80 },
  };
  const site = 'Location. Where most people work? Values: North; South. Salesforce: picklist(80).';

  test('say what each table and column is, own ones too', async () => {
    const { org } = service.salesforce;
    const table = `Records of the Salesforce object Account of the org ${org.id}, kept current by salesforce-bigquery-sync: one row per Id. New, edited and deleted records are imported once a day. The table _fields describes its fields.`;
    expect((await metadataOf('Account')).description).toBe(table);
    expect((await metadataOf('Account_live')).description).toBe(`The rows of Account that are not deleted in Salesforce. ${table}`);
    expect(await descriptionOf('ParentId')).toBe('Parent Account ID. References: Account. Salesforce: reference(18).');
    expect(await descriptionOf('Rating')).toBe('Account Rating. Values: Hot; Warm; Cold. Salesforce: picklist(255).');
    expect(await descriptionOf('_synced_at')).toBe('When the service last wrote the row.');
    for (const field of await fieldsOf('Account')) expect([field.name, field.description]).toEqual([field.name, expect.any(String)]);
  });

  test('follow the org, keep policy tags and what a user wrote about the table, and are only written when they change', async () => {
    const policyTags = { names: ['projects/p/locations/eu/taxonomies/1/policyTags/2'] };
    const tagged = (await fieldsOf('Account')).map((field) => (field.name === 'Site' ? { ...field, policyTags } : field));
    const table = service.client.dataset('salesforce').table('Account');
    await table.setMetadata({ schema: { fields: tagged }, description: 'Ours' });
    change(relabelled);
    await importDay(20);
    expect((await fieldsOf('Account')).find(({ name }) => name === 'Site')).toMatchObject({ policyTags, description: site });
    expect(await descriptionOf('Site', 'Account_live')).toBe(site);
    expect((await metadataOf('Account')).description).toBe('Ours');

    const { length } = bigquery.calls;
    await importDay(21);
    expect(bigquery.calls.slice(length).filter(({ method }) => method === 'PATCH')).toEqual([]);
  });

  test('of the view are repaired if its table was described by a run that died', async () => {
    change(relabelled);
    bigquery.handler = async ({ method, url }, pass) => {
      if (method !== 'PATCH' || !url.includes('/tables/Account_live')) return await pass();
      bigquery.handler = (_call, forward) => forward();
      return {
        status: 400,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ error: { code: 400, errors: [{ reason: 'invalid' }] } }),
      };
    };
    service.salesforce.clock.set(new Date('2023-03-20T10:00:00Z'));
    service.salesforce.org.update('Account', id, { Name: 'Acme 20' });
    expect((await service.tickAt('2023-03-21T00:10:00Z')).text).toMatch(/^Not complete/);
    expect(await descriptionOf('Site', 'Account_live')).not.toBe(site);
    await importDay(21);
    expect(await descriptionOf('Site', 'Account_live')).toBe(site);
  });

  test('follow the org with a sweep if no record is edited, and a changed interval with the next window', async () => {
    change(relabelled);
    await service.repair('sweep');
    expect(await descriptionOf('Site')).toBe(site);
    const [job] = await service.jobs();
    await fetch(`${service.url}/v1/jobs/${job!.id}`, { method: 'PATCH', body: new URLSearchParams({ every: '15m' }) });
    await service.tickAt('2023-03-21T00:10:00Z');
    for (const table of ['Account', 'Account_live']) expect((await metadataOf(table)).description).toContain('imported every 15 minutes.');
  });
});

describe('the sources.yml for dbt', () => {
  type Source = { name: string; database: string; schema: string; tables: Table[] };
  type Table = { name: string; description: string; config: { loaded_at_query: string; freshness: object }; columns: { name: string }[] };

  const sources = async (query = ''): Promise<Source[]> =>
    (parse((await service.call(`v1/dbt-sources${query}`)).text) as { sources: Source[] }).sources;

  test('lists the tables that exist, with what their columns mean, tests, and how current they are', async () => {
    const help = 'Not {{ env_var("SECRET") }}: a "quoted"\nhelp text.';
    change({ field: 'Site', change: 'retype', type: 'string', facts: { label: 'Site', length: 80, inlineHelpText: help } });
    change({ field: 'Phone', change: 'hide' });
    await create('Contact');
    await importDay(20);
    await create('Task');
    const [source, ...others] = await sources();
    expect(others).toEqual([]);
    expect(source).toMatchObject({ name: 'salesforce', database: service.bigquery.project, schema: 'salesforce' });
    expect(source!.tables.map(({ name }) => name)).toEqual(['Account', 'Contact']);

    const [account, contact] = source!.tables;
    expect(account!.description).toBe((await metadataOf('Account')).description);
    const column = (table: Table, name: string) => table.columns.find((each) => each.name === name);
    expect(column(account!, 'Id')).toEqual({
      name: 'Id',
      description: 'Account ID. Salesforce: id(18).',
      data_type: 'STRING',
      data_tests: ['unique', 'not_null'],
    });
    const toAccount = {
      relationships: { arguments: { to: "source('salesforce', 'Account')", field: 'Id' }, config: { severity: 'warn' } },
    };
    expect(column(account!, 'ParentId')).toMatchObject({ data_tests: [toAccount] });
    expect(column(contact!, 'AccountId')).toMatchObject({ data_tests: [toAccount] });
    // Its object is not synced.
    expect(column(contact!, 'OwnerId')).not.toHaveProperty('data_tests');
    expect(column(account!, 'Site')).toMatchObject({
      description: 'Site. Not { { env_var("SECRET") }}: a "quoted"\nhelp text. Salesforce: string(80).',
    });
    expect(column(account!, '_deleted_at')).toMatchObject({ data_type: 'TIMESTAMP' });
    for (const missing of ['Phone', 'BillingAddress']) expect(column(account!, missing)).toBeUndefined();
    expect(account!.columns.map(({ name }) => name).sort()).toEqual(
      (await fieldsOf('Account')).flatMap(({ name }) => (name === 'Phone' ? [] : [name!])).sort(),
    );

    await dictionary('field', "field = 'Id'");
    const { loaded_at_query, freshness } = account!.config;
    expect(await service.rows(`SELECT FORMAT_TIMESTAMP('%F', last_date) AS last_date FROM (${loaded_at_query})`)).toEqual([
      { last_date: '2023-03-21' },
    ]);
    expect(freshness).toEqual({ warn_after: { count: 1500, period: 'minute' }, error_after: { count: 3000, period: 'minute' } });
  });

  test('is the same unless something changes, and only of known datasets', async () => {
    const { text } = await service.call('v1/dbt-sources');
    await importDay(20);
    expect((await service.call('v1/dbt-sources?dataset=salesforce')).text).toBe(text);
    expect(await service.call('v1/dbt-sources?dataset=other')).toMatchObject({
      status: 400,
      text: expect.stringContaining('dataset must be one of salesforce.'),
    });
    await fetch(`${service.url}/v1/jobs/${(await service.jobs())[0]!.id}?table=keep`, { method: 'DELETE' });
    expect(await sources()).toEqual([]);
  });
});
