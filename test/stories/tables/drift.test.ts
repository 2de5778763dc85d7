import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { RetypedField } from '../../../app/core/fields/drift.ts';
import type { FieldChange } from '../../../app/local/emulators/salesforce/org/field-change.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let userId: string;
let id: string;

beforeEach(async () => {
  service = await startService();
  userId = await service.connect();
  service.salesforce.clock.set(new Date('2023-03-05T10:00:00Z'));
  id = service.salesforce.org.insert('Account', { Name: 'Acme', Industry: 'Energy' });
});
afterEach(() => service[Symbol.asyncDispose]());

const createJob = (): Promise<unknown> =>
  service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });

/** The first window, with the fields as they are. */
async function importFirst(): Promise<void> {
  await createJob();
  await service.tickAt('2023-03-20T00:10:00Z');
}

/** What an admin changes. */
function change(...changes: FieldChange[]): void {
  for (const each of changes) service.salesforce.org.changeField('Account', each);
}

/** Edits the record on a day, so that the window of that day has it, and imports it. */
async function importDay(day: number, edit: Record<string, string | number> = { Name: 'Acme 2' }): Promise<Receipt> {
  service.salesforce.clock.set(new Date(`2023-03-${day}T10:00:00Z`));
  service.salesforce.org.update('Account', id, edit);
  expect(await service.tickAt(`2023-03-${day + 1}T00:10:00Z`)).toMatchObject({ text: expect.stringMatching(/^OK: /) });
  return await receipt();
}

type Receipt = Record<'columns_added' | 'columns_orphaned' | 'fields_skipped', string[]> & { fields_retyped: RetypedField[] };

async function receipt(): Promise<Receipt> {
  return (await service.jobs())[0]!.run!.receipt as unknown as Receipt;
}

const values = (columns: string): Promise<Record<string, unknown>[]> =>
  service.rows(`SELECT ${columns} FROM salesforce.Account WHERE Id = '${id}'`);

async function fieldsOf(table: string): Promise<{ name: string; type: string; description?: string }[]> {
  const [metadata] = await service.client.dataset('salesforce').table(table).getMetadata();
  return (metadata as { schema: { fields: { name: string; type: string }[] } }).schema.fields;
}

const namesOf = async (table: string): Promise<string[]> => (await fieldsOf(table)).map(({ name }) => name);

const bigqueryFault = (fault: object): Promise<Response> =>
  fetch(`${service.bigquery.url}/emulator/faults`, {
    method: 'POST',
    body: JSON.stringify(fault),
    headers: { 'content-type': 'application/json' },
  });

test('a field of an unknown type gets no column and is on the receipt', async () => {
  await importFirst();
  change({ field: 'Ghost__c', change: 'add', type: 'string' });
  Object.assign(service.salesforce.org.table('Account')!.field('Ghost__c')!.facts, { type: 'hologram' });
  expect(await importDay(20)).toMatchObject({ columns_added: [], fields_skipped: ['Ghost__c (hologram)'] });
  expect(await namesOf('Account')).not.toContain('Ghost__c');
});

describe('a new field', () => {
  beforeEach(async () => {
    await importFirst();
    change({ field: 'Rating__c', change: 'add', type: 'string', value: 'hot' });
  });

  test('becomes a column of the table and its view, NULL in rows not edited since', async () => {
    expect(await importDay(20)).toMatchObject({ columns_added: ['Rating__c'], columns_orphaned: [], fields_retyped: [] });
    expect(await values('Name, Rating__c')).toEqual([{ Name: 'Acme 2', Rating__c: 'hot' }]);
    expect(await namesOf('Account_live')).toEqual(expect.arrayContaining(['Rating__c']));
    expect(await importDay(21)).toMatchObject({ columns_added: [] });
  });

  test('reaches the view even if the first update of the view failed', async () => {
    await bigqueryFault({
      kind: 'http',
      status: 400,
      reason: 'jobBackendError',
      // As often as a call is tried.
      times: 4,
      match: 'PATCH /bigquery/v2/projects/local/datasets/salesforce/tables/Account_live',
    });
    expect(await importDay(20)).toMatchObject({ columns_added: ['Rating__c'] });
    expect(service.logged.join('')).toContain('"error_code":"bigquery_unavailable"');
    expect(await namesOf('Account_live')).toEqual(expect.arrayContaining(['Rating__c']));
  });
});

describe('a field that was hidden from the user', () => {
  beforeEach(importFirst);

  test('keeps its column, NULL on rows that are updated, and its values on all others', async () => {
    const industries = new Map((await service.rows('SELECT Id, Industry FROM salesforce.Account')).map((row) => [row.Id, row.Industry]));
    const { id: run } = (await service.jobs())[0]!.run!;
    change({ field: 'Industry', change: 'hide' });
    expect(await importDay(20)).toMatchObject({ columns_added: [], columns_orphaned: ['Industry'] });
    expect(await values('Name, Industry')).toEqual([{ Name: 'Acme 2', Industry: null }]);
    const others = await service.rows(`SELECT Id, Industry FROM salesforce.Account WHERE _run = '${run}' AND Industry IS NOT NULL`);
    expect(others.length).toBeGreaterThan(0);
    for (const other of others) expect(other.Industry).toBe(industries.get(other.Id));
    change({ field: 'Industry', change: 'show' });
    // As if a day had passed: Salesforce need not say that field-level security changed.
    service.context.describes.forget(1, 'Account');
    expect(await importDay(21)).toMatchObject({ columns_added: [], columns_orphaned: [] });
  });
});

test('a retyped field keeps, widens or replaces its column, and returns to it with its old type', async () => {
  change(
    { field: 'Whole__c', change: 'add', type: 'int' },
    { field: 'Price__c', change: 'add', type: 'currency' },
    { field: 'Ratio__c', change: 'add', type: 'double' },
    { field: 'Note__c', change: 'add', type: 'string' },
    { field: 'Day__c', change: 'add', type: 'date' },
    { field: 'Flag__c', change: 'add', type: 'boolean' },
  );
  const old = { Whole__c: 12, Price__c: 3, Ratio__c: 0.5, Note__c: '2023-03-01', Day__c: '2023-03-02' };
  service.salesforce.org.update('Account', id, old);
  await importFirst();
  const sql = `CAST(Whole__c AS STRING) AS whole, CAST(Price__c AS STRING) AS price, Ratio__c AS ratio, Note__c AS note, CAST(Day__c AS STRING) AS day, Flag__c AS flag`;
  expect(await values(sql)).toEqual([{ whole: '12', price: '3', ratio: 0.5, note: '2023-03-01', day: '2023-03-02', flag: false }]);

  const toOthers: FieldChange[] = [
    { field: 'Whole__c', change: 'retype', type: 'currency' },
    { field: 'Price__c', change: 'retype', type: 'int' },
    { field: 'Ratio__c', change: 'retype', type: 'currency' },
    { field: 'Note__c', change: 'retype', type: 'date' },
    { field: 'Day__c', change: 'retype', type: 'string' },
    { field: 'Flag__c', change: 'retype', type: 'double' },
  ];
  const others = { Whole__c: 12.5, Price__c: 4, Ratio__c: 7.25, Note__c: '2024-04-04', Day__c: 'some day', Flag__c: 1.5 };
  change(...toOthers);
  expect(await importDay(20, others)).toMatchObject({
    columns_added: ['Day__c_string', 'Flag__c_float64'],
    columns_orphaned: ['Day__c', 'Flag__c'],
    fields_retyped: [
      { field: 'Whole__c', type: 'NUMERIC', column: 'Whole__c', column_type: 'NUMERIC', how: 'widened' },
      { field: 'Price__c', type: 'INT64', column: 'Price__c', column_type: 'NUMERIC', how: 'kept' },
      { field: 'Ratio__c', type: 'NUMERIC', column: 'Ratio__c', column_type: 'FLOAT64', how: 'kept' },
      { field: 'Note__c', type: 'DATE', column: 'Note__c', column_type: 'STRING', how: 'kept' },
      { field: 'Day__c', type: 'STRING', column: 'Day__c_string', column_type: 'STRING', how: 'new_column' },
      { field: 'Flag__c', type: 'FLOAT64', column: 'Flag__c_float64', column_type: 'FLOAT64', how: 'new_column' },
    ],
  });
  const both = `${sql}, Day__c_string AS later_day, Flag__c_float64 AS later_flag`;
  expect(await values(both)).toEqual([
    { whole: '12.5', price: '4', ratio: 7.25, note: '2024-04-04', day: '2023-03-02', flag: false, later_day: 'some day', later_flag: 1.5 },
  ]);
  expect((await fieldsOf('Account_live')).find(({ name }) => name === 'Whole__c')).toMatchObject({ type: 'NUMERIC' });

  expect(await importDay(21, { Day__c: 'another day' })).toMatchObject({ columns_added: [], columns_orphaned: ['Day__c', 'Flag__c'] });
  expect(await values('Day__c_string')).toEqual([{ Day__c_string: 'another day' }]);

  const types = {
    Whole__c: 'int',
    Price__c: 'currency',
    Ratio__c: 'double',
    Note__c: 'string',
    Day__c: 'date',
    Flag__c: 'boolean',
  } as const;
  change(...Object.entries(types).map(([field, type]): FieldChange => ({ field, change: 'retype', type })));
  expect(await importDay(22, { ...old, Day__c: '2023-05-05' })).toMatchObject({
    columns_added: [],
    columns_orphaned: ['Day__c_string', 'Flag__c_float64'],
    fields_retyped: [{ field: 'Whole__c', type: 'INT64', column: 'Whole__c', column_type: 'NUMERIC', how: 'kept' }],
  });
  expect(await values(both)).toEqual([
    {
      whole: '12',
      price: '3',
      ratio: 0.5,
      note: '2023-03-01',
      day: '2023-05-05',
      flag: false,
      later_day: 'another day',
      later_flag: 1.5,
    },
  ]);
});

test('a retyped field that rows are matched by stops the job before anything is read', async () => {
  await importFirst();
  change({ field: 'IsDeleted', change: 'retype', type: 'string' });
  const answer = await service.tickAt('2023-03-21T00:10:00Z');
  expect(answer).toMatchObject({ status: 200, text: expect.stringMatching(/^Not complete: .* bigquery_refused: /s) });
  expect(answer.text).toMatch(/IsDeleted is now STRING, but its column is BOOL/);
});

test('invalid values of a retyped field are counted by column', async () => {
  change({ field: 'Day__c', change: 'add', type: 'int' });
  await importFirst();
  change({ field: 'Day__c', change: 'retype', type: 'date' });
  const receipt = await importDay(20, { Day__c: '12023-05-05' });
  expect(receipt).toMatchObject({ invalid_values: { Day__c_date: 1 } });
  const bad = await service.rows(`SELECT \`column\`, \`value\` FROM salesforce._invalid_values WHERE \`id\` = '${id}'`);
  expect(bad).toEqual([{ column: 'Day__c_date', value: '12023-05-05' }]);
});

test('a longer text field changes only its description', async () => {
  await importFirst();
  change({ field: 'Site', change: 'retype', type: 'string', facts: { length: 1300 } });
  const receipt = await importDay(20, { Site: 'x'.repeat(1300) });
  expect(receipt).toMatchObject({ columns_added: [], columns_orphaned: [], fields_retyped: [] });
  expect(await values('LENGTH(Site) AS length')).toEqual([{ length: 1300 }]);
  expect((await fieldsOf('Account')).find(({ name }) => name === 'Site')!.description).toMatch(/string\(1300\)\.$/);
});

test('a field renamed only in case keeps its column', async () => {
  change({ field: 'Wing__c', change: 'add', type: 'string', value: 'North' });
  await importFirst();
  service.salesforce.org.changeField('Account', { field: 'Wing__c', change: 'rename', name: 'WING__c' });
  await importDay(20, { WING__c: 'South' });
  expect(await values('Wing__c')).toEqual([{ Wing__c: 'South' }]);
  const receipt = await importDay(21, { WING__c: 'East' });
  expect(receipt).toMatchObject({ columns_added: [], columns_orphaned: [], fields_retyped: [] });
  expect(await values('Wing__c')).toEqual([{ Wing__c: 'East' }]);
});

test('fields named like GoogleSQL keywords become columns', async () => {
  const words = [
    'Order',
    'Default',
    'Partition',
    'Merge',
    'Table',
    'Hash',
    'Interval',
    'Rows',
    'Range',
    'Exists',
    'Window',
    'Qualify',
    'Join',
  ];
  change(...words.map((word): FieldChange => ({ field: word, change: 'add', type: 'string', value: `a ${word}` })));
  await importFirst();
  const quoted = words.map((word) => `\`${word}\``).join(', ');
  const expected = [Object.fromEntries(words.map((word) => [word, `a ${word}`]))];
  expect(await values(quoted)).toEqual(expected);
  await importDay(20);
  expect(await values(quoted)).toEqual(expected);
});

const LONG_MS = 120_000;

// Most of them text: the local BigQuery takes minutes to plan hundreds of numbers.
test(
  'an object of 800 fields is imported, also after its custom fields are retyped',
  async () => {
    const before = service.salesforce.org.table('Account')!.fields.length;
    const fields = Array.from({ length: 800 - before }, (_, index) => `A_rather_long_name_of_a_field_${index}__c`);
    const last = fields.at(-1)!;
    const days = fields.slice(-20);
    change(...fields.map((field): FieldChange => ({ field, change: 'add', type: days.includes(field) ? 'date' : 'string' })));
    service.salesforce.org.update('Account', id, { [fields[0]!]: 'first', [last]: '2023-03-03' });
    await importFirst();
    expect(await values(`${fields[0]}, CAST(${last} AS STRING) AS last`)).toEqual([{ [fields[0]!]: 'first', last: '2023-03-03' }]);
    change(...fields.map((field): FieldChange => ({ field, change: 'retype', type: days.includes(field) ? 'string' : 'picklist' })));
    expect(await importDay(20, { [last]: 'last' })).toMatchObject({ columns_added: days.map((field) => `${field}_string`) });
    expect(await values(`CAST(${last} AS STRING) AS before, ${last}_string AS after`)).toEqual([{ before: '2023-03-03', after: 'last' }]);
  },
  LONG_MS,
);
