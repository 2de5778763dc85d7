import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { TableField } from '../../../app/bigquery/resources.ts';
import { publishOutbox } from '../../../app/sync/watch/publish-outbox.ts';
import { type GatewayService, refusal, startGatewayService } from '../../support/gateway.ts';
import { type Answer, repairEnded, type TestServiceOptions } from '../../support/service.ts';

/** Which fields a job reads, which of them it hashes, and what becomes of new ones. */
let service: GatewayService;
let userId: string;
/** every body that Salesforce returned */
let replies: string[];

const HASH_SALT = 'a salt of the test, long enough';
const SECRET = 'excluded-value-078-05-1120';
const CLEAR = 'hashed-value-219-09-9999';

afterEach(() => service[Symbol.asyncDispose]());

const hashOf = (text: string): string => createHash('sha256').update(`${HASH_SALT}${text}`).digest('hex');

async function start(options: TestServiceOptions = {}): Promise<void> {
  service = await startGatewayService({ ...options, env: { HASH_SALT, ...options.env } });
  replies = [];
  service.instance.handler = async (_call, pass) => {
    const reply = await pass();
    replies.push(reply.body);
    return reply;
  };
  service.salesforce.clock.set(new Date('2023-03-05T10:00:00Z'));
  userId = await service.connect();
}

const create = async (fields: Record<string, string>): Promise<Answer> =>
  await service.call('create_importing_job', { user_id: userId, start_date: 'all', ...fields });

/** A text field that every record of an object has, with this value. */
function addField(object: string, name: string, value: string): void {
  service.salesforce.org.changeField(object, { field: name, change: 'add', type: 'string', facts: { length: 80 }, value });
}

const columns = async (table: string): Promise<string[]> =>
  (await service.rows(`SELECT column_name FROM salesforce.INFORMATION_SCHEMA.COLUMNS WHERE table_name = '${table}'`)).map(
    ({ column_name }) => String(column_name),
  );

/** All rows of all tables of both datasets, as text. */
async function allTables(): Promise<string> {
  const texts: string[] = [];
  for (const dataset of ['salesforce', 'salesforce_staging']) {
    const [tables] = await service.client.dataset(dataset).getTables();
    for (const { id } of tables) texts.push(JSON.stringify(await service.rows(`SELECT * FROM ${dataset}.${id}`)));
  }
  return texts.join('\n');
}

async function patch(
  path: string,
  fields: Record<string, string>,
): Promise<{ status: number; message: string; body: Record<string, unknown> }> {
  const response = await fetch(`${service.url}/v1/${path}`, { method: 'PATCH', body: new URLSearchParams(fields) });
  const body = (await response.json()) as Record<string, unknown> & { message?: string; error?: { message: string } };
  return { status: response.status, message: body.error?.message ?? body.message ?? '', body };
}

const changeJob = async (fields: Record<string, string>): ReturnType<typeof patch> =>
  await patch(`jobs/${(await service.jobs())[0]!.id}`, fields);

const reason = ({ text }: Answer): string => (JSON.parse(text) as { error: { message: string } }).error.message;

const apis = [
  { api: 'REST', options: {} },
  { api: 'Bulk', options: { limits: { restRows: 0 } } },
];

describe.each(apis)('by $api', ({ options }) => {
  test('an excluded value never leaves Salesforce: not in windows, sweeps, comparisons or backfills', async () => {
    await start(options);
    addField('Account', 'SSN__c', SECRET);
    expect(await create({ object_name: 'Account', exclude_fields: '*.SSN__c' })).toMatchObject({ text: 'OK' });
    await service.tickAt('2023-03-20T00:10:00Z');
    const id = service.salesforce.org.insert('Account', { Name: 'Changed', SSN__c: SECRET });
    addField('Account', 'Rank__c', 'first');
    for (const day of ['21', '22']) await service.tickAt(`2023-03-${day}T00:10:00Z`);
    await repairEnded(service);
    for (const action of ['sweep', 'rebuild']) expect(await service.repair(action)).toMatchObject({ state: 'succeeded' });
    expect(await service.repair('reimport', { compare: 'true' })).toMatchObject({ state: 'succeeded', receipt: { different: 0 } });
    expect(await service.repair('reimport', { ids: id })).toMatchObject({ state: 'succeeded' });

    expect(await columns('Account')).toContain('Rank__c');
    expect(await columns('Account')).not.toContain('SSN__c');
    expect(service.instance.calls.filter(({ soql, body }) => `${soql} ${body}`.includes('SSN__c'))).toEqual([]);
    expect(replies.join('\n')).toContain('Changed');
    expect(replies.filter((body) => body.includes(SECRET))).toEqual([]);
  });

  test('the clear text of a hashed value is nowhere once the runs have ended, and equal values have equal hashes in all tables', async () => {
    await start(options);
    for (const object of ['Account', 'Contact']) {
      addField(object, 'SSN__c', CLEAR);
      expect(await create({ object_name: object, hash_fields: 'SSN__c', history: String(object === 'Contact') })).toMatchObject({
        text: 'OK',
      });
    }
    await service.tickAt('2023-03-20T00:10:00Z');
    // A small window of a filled table, which is merged without a delta table.
    const id = service.salesforce.org.insert('Account', { Name: 'Changed', SSN__c: CLEAR });
    service.salesforce.org.insert('Account', { Name: 'Without', SSN__c: null });
    await service.tickAt('2023-03-21T00:10:00Z');
    for (const action of ['sweep', 'rebuild']) expect(await service.repair(action)).toMatchObject({ state: 'succeeded' });
    expect(await service.repair('reimport', { compare: 'true' })).toMatchObject({ state: 'succeeded', receipt: { different: 0 } });

    for (const table of ['Account', 'Contact', 'Contact_versions']) {
      expect(await service.rows(`SELECT DISTINCT SSN__c FROM salesforce.${table} WHERE IFNULL(Name, '') != 'Without'`)).toEqual([
        { SSN__c: hashOf(CLEAR) },
      ]);
    }
    expect(await service.rows(`SELECT SSN__c FROM salesforce.Account WHERE Name = 'Without'`)).toEqual([{ SSN__c: null }]);
    expect(await service.rows(`SELECT SSN__c FROM salesforce.Account WHERE Id = '${id}'`)).toEqual([{ SSN__c: hashOf(CLEAR) }]);
    const merges = service.bigquery.jobs().flatMap(({ configuration }) => configuration.query?.query ?? []);
    expect(merges.some((sql) => sql.startsWith('MERGE') && sql.includes('@salt'))).toBe(options.limits === undefined);
    expect(replies.some((body) => body.includes(CLEAR))).toBe(true);
    const [staged] = await service.client.dataset('salesforce_staging').getTables();
    expect(staged).toEqual([]);
    expect(await allTables()).not.toContain(CLEAR);
    expect(service.logged.join('')).not.toContain(CLEAR);
    expect(JSON.stringify(service.bigquery.jobs())).not.toContain(CLEAR);
    expect((await service.call('jobs')).text).not.toContain(CLEAR);
  });
});

test('REST and Bulk give the same hash for every type of field, and a number has the same one in every type', async () => {
  const hashed: Record<string, unknown>[][] = [];
  for (const { options } of apis) {
    if (hashed.length > 0) await service[Symbol.asyncDispose]();
    await start(options);
    for (const [name, type] of [
      ['Whole__c', 'int'],
      ['Rate__c', 'percent'],
      ['Price__c', 'currency'],
    ] as const) {
      const facts = type === 'currency' ? { precision: 18, scale: 2 } : {};
      service.salesforce.org.changeField('Everything__c', { field: name, change: 'add', type, facts, value: 1200 });
    }
    await create({ object_name: 'Everything__c', hash_fields: '*__c,Place*' });
    await service.tickAt('2023-03-20T00:10:00Z');
    hashed.push(await service.rows('SELECT * EXCEPT (_synced_at, _run, _deleted_at) FROM salesforce.Everything__c ORDER BY Id'));
  }
  const [byRest, byBulk] = hashed;
  expect(byRest!.length).toBeGreaterThan(20);
  expect(byBulk).toEqual(byRest);
  const hash = hashOf('1200');
  for (const row of byRest!) expect(row).toMatchObject({ Whole__c: hash, Rate__c: hash, Price__c: hash });
  expect(new Set(byRest!.map(({ Moment__c }) => Moment__c)).size).toBeGreaterThan(5);
});

test('the values of an excluded or hashed picklist are not described either', async () => {
  await start();
  await create({ object_name: 'Account', exclude_fields: 'Rating', hash_fields: 'Industry' });
  await service.tickAt('2023-03-20T00:10:00Z');
  await publishOutbox(service.context, new AbortController().signal);
  const fields = await service.rows("SELECT * FROM salesforce._fields WHERE field IN ('Rating', 'Industry', 'Type')");
  expect(fields.length).toBe(3);
  expect(fields.filter(({ picklist_values }) => picklist_values !== null)).toEqual([expect.objectContaining({ field: 'Type' })]);
  const [{ schema }] = await service.client.dataset('salesforce').table('Account').getMetadata();
  expect(JSON.stringify(schema)).not.toContain('Agriculture');
});

test('the values of a picklist that a job excludes from now on are not described any longer, without a window', async () => {
  await start({ limits: { outboxMs: 1 } });
  await create({ object_name: 'Account', history: 'true' });
  await service.tickAt('2023-03-20T00:10:00Z');
  await publishOutbox(service.context, new AbortController().signal);
  const descriptions = async (column: string): Promise<(string | undefined)[]> => {
    const [tables] = await service.client.dataset('salesforce').getTables();
    const schemas = await Promise.all(tables.map(async (table) => (await table.getMetadata())[0].schema.fields as TableField[]));
    return schemas.flatMap((fields) => fields.filter(({ name }) => name === column).map(({ description }) => description));
  };
  const values = async (): Promise<unknown> =>
    await service.rows("SELECT field, picklist_values FROM salesforce._fields WHERE field IN ('Industry', 'Rating') ORDER BY field");
  const rating = 'Account Rating. Values: Hot; Warm; Cold. Salesforce: picklist(255).';
  expect(await descriptions('Rating')).toEqual([rating, rating, rating, rating]);
  const industries = await descriptions('Industry');
  const industry = { field: 'Industry', picklist_values: expect.stringContaining('Agriculture') };
  expect(await values()).toEqual([industry, { field: 'Rating', picklist_values: 'Hot; Warm; Cold' }]);

  await changeJob({ exclude_fields: 'Rating' });
  expect(await repairEnded(service)).toMatchObject({ state: 'succeeded' });
  const without = 'Account Rating. Salesforce: picklist(255).';
  expect(await descriptions('Rating')).toEqual([without, without, without, without]);
  expect(await descriptions('Industry')).toEqual(industries);
  await publishOutbox(service.context, new AbortController().signal);
  expect(await values()).toEqual([industry, { field: 'Rating', picklist_values: null }]);
});

test('a value that its column could not store is hashed, and not copied into the invalid values', async () => {
  await start();
  addField('Account', 'Code__c', CLEAR);
  service.instance.handler = async ({ url }, pass) => {
    const reply = await pass();
    if (!url.endsWith('/Account/describe')) return reply;
    const description = JSON.parse(reply.body) as { fields: { name: string; type: string }[] };
    const fields = description.fields.map((field) => (field.name === 'Code__c' ? { ...field, type: 'double' } : field));
    return { ...reply, body: JSON.stringify({ ...description, fields }) };
  };
  await create({ object_name: 'Account', hash_fields: 'Code__c' });
  await service.tickAt('2023-03-20T00:10:00Z');
  expect((await service.jobs())[0]!.run!.receipt).toMatchObject({ invalid_values: {} });
  const [{ schema }] = await service.client.dataset('salesforce').table('Account').getMetadata();
  expect(schema.fields).toContainEqual(
    expect.objectContaining({
      name: 'Code__c',
      type: 'STRING',
      description: expect.stringMatching(/double\S+ Hashed by SHA-256 with a salt\.$/),
    }),
  );
  expect(await service.rows('SELECT DISTINCT Code__c FROM salesforce.Account')).toEqual([{ Code__c: hashOf(CLEAR) }]);
  expect(await allTables()).not.toContain(CLEAR);
});

describe('a request is refused', () => {
  test('that hashes fields without a salt, or lists what every job needs or what does not exist', async () => {
    await start({ env: { HASH_SALT: '' } });
    const refused = async (fields: Record<string, string>): Promise<string> => reason(await create({ object_name: 'Account', ...fields }));
    expect(await refused({ hash_fields: 'Phone' })).toMatch(/^hash_fields needs HASH_SALT, which is not set\. Set it/);
    expect(await refused({ exclude_fields: 'SystemModstamp' })).toMatch(/neither excluded nor hashed/);
    expect(await refused({ exclude_fields: 'Missing__c' })).toMatch(/sees no such field of Account/);
    expect(await refused({ new_fields: 'ask' })).toBe('new_fields must be add or review.');
    expect(await service.jobs()).toEqual([]);
  });

  test('that differs from the existing job', async () => {
    await start();
    await create({ object_name: 'Account', exclude_fields: 'Phone,*.SSN__c' });
    expect(await create({ object_name: 'Account', exclude_fields: 'phone' })).toMatchObject({ text: 'OK' });
    expect(reason(await create({ object_name: 'Account', exclude_fields: 'Fax' }))).toMatch(
      /already exists with exclude_fields=Phone,\*\.SSN__c\./,
    );
    expect(reason(await create({ object_name: 'Account', hash_fields: 'Fax' }))).toContain(
      'already exists without hash_fields. To change it',
    );
  });
});

test('a run waits while the salt is missing, and after a change of the salt all rows are hashed again', async () => {
  await start();
  addField('Account', 'SSN__c', CLEAR);
  await create({ object_name: 'Account', hash_fields: 'SSN__c' });
  service.context.config.hashSalt = undefined;
  await service.tickAt('2023-03-20T00:10:00Z');
  expect((await service.jobs())[0]!.run).toMatchObject({ state: 'queued', error: { code: 'hash_salt_missing' } });
  service.context.config.hashSalt = HASH_SALT;
  await fetch(`${service.url}/v1/runs/${(await service.jobs())[0]!.run!.id}/retry`, { method: 'POST' });
  await service.tickAt('2023-03-21T00:10:00Z');
  expect(await service.rows('SELECT DISTINCT SSN__c FROM salesforce.Account')).toEqual([{ SSN__c: hashOf(CLEAR) }]);

  service.context.config.hashSalt = `another ${HASH_SALT}`;
  service.salesforce.org.insert('Account', { Name: 'Changed', SSN__c: CLEAR });
  for (const day of ['22', '23']) await service.tickAt(`2023-03-${day}T00:10:00Z`);
  expect(await repairEnded(service)).toMatchObject({ kind: 'sweep', state: 'succeeded', receipt: { backfilled: ['SSN__c'] } });
  const again = createHash('sha256').update(`another ${HASH_SALT}${CLEAR}`).digest('hex');
  expect(await service.rows('SELECT DISTINCT SSN__c FROM salesforce.Account')).toEqual([{ SSN__c: again }]);
});

describe('with new_fields=review', () => {
  const changes = async (): Promise<Record<string, unknown>[]> => {
    await publishOutbox(service.context, new AbortController().signal);
    return await service.rows(`SELECT change, field FROM salesforce._schema_changes WHERE change LIKE 'field%' ORDER BY field`);
  };

  test('a field that appears is listed, read once it is approved, and then filled on all rows', async () => {
    await start();
    await create({ object_name: 'Account', new_fields: 'review', exclude_fields: '*_Secret__c' });
    await service.tickAt('2023-03-20T00:10:00Z');
    addField('Account', 'Rank__c', SECRET);
    addField('Account', 'A_Secret__c', SECRET);
    service.salesforce.org.insert('Account', { Name: 'Changed' });
    await service.tickAt('2023-03-21T00:10:00Z');
    expect((await service.jobs())[0]!.run!.receipt).toMatchObject({ fields_pending: ['Rank__c'], columns_added: [] });
    expect(replies.filter((body) => body.includes(SECRET))).toEqual([]);

    expect(await changeJob({ approve_fields: 'Rang__c' })).toMatchObject({
      status: 400,
      message: expect.stringMatching(/matches no field of Account/),
    });
    const approved = await changeJob({ approve_fields: 'rank__c' });
    expect(approved).toMatchObject({
      status: 200,
      message: expect.stringMatching(/^The next window with changes adds the approved fields/),
    });
    expect(await changeJob({ approve_fields: 'Rank__c' })).toMatchObject({
      message: 'Nothing has changed: the job has these values already.',
    });
    service.salesforce.org.insert('Account', { Name: 'Changed again' });
    for (const day of ['22', '23']) await service.tickAt(`2023-03-${day}T00:10:00Z`);
    expect(await repairEnded(service)).toMatchObject({ kind: 'sweep', state: 'succeeded', receipt: { backfilled: ['Rank__c'] } });
    expect(await service.rows('SELECT COUNTIF(Rank__c IS NULL) AS missing FROM salesforce.Account')).toEqual([{ missing: 0 }]);
    expect(await changes()).toEqual([{ change: 'field_pending', field: 'Rank__c' }]);
  });

  test('a job can switch to review, which approves the fields of that day, and back', async () => {
    await start();
    await create({ object_name: 'Account' });
    expect(await changeJob({ approve_fields: 'Phone' })).toMatchObject({
      status: 400,
      message: expect.stringMatching(/new_fields=review/),
    });
    addField('Account', 'Before__c', 'x');
    expect(await changeJob({ new_fields: 'review' })).toMatchObject({ body: { new_fields: 'review' } });
    addField('Account', 'After__c', 'x');
    await service.tickAt('2023-03-20T00:10:00Z');
    expect((await service.jobs())[0]!.run!.receipt).toMatchObject({ fields_pending: ['After__c'] });
    expect(await columns('Account')).toContain('Before__c');
    await changeJob({ new_fields: 'add' });
    service.salesforce.org.insert('Account', { Name: 'Changed' });
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await columns('Account')).toContain('After__c');
  });
});

test('a field that a job excludes or hashes from now on is erased, and the hashed one filled again', async () => {
  await start();
  addField('Account', 'SSN__c', CLEAR);
  addField('Account', 'Old_SSN__c', SECRET);
  await create({ object_name: 'Account' });
  await service.tickAt('2023-03-20T00:10:00Z');
  expect(await changeJob({ exclude_fields: 'Old_SSN__c', hash_fields: 'SSN__c' })).toMatchObject({
    message: expect.stringMatching(
      /^A repair is queued that erases the values of .*SSN__c, .*SSN__c that were imported so far\. A sweep then fills SSN__c on all rows\.$/,
    ),
    body: { exclude_fields: ['Old_SSN__c'], hash_fields: ['SSN__c'] },
  });
  for (let repair = await repairEnded(service); repair.kind !== 'sweep'; repair = await repairEnded(service))
    await service.tickAt('2023-03-20T00:20:00Z');
  expect(await service.rows('SELECT DISTINCT SSN__c, Old_SSN__c FROM salesforce.Account')).toEqual([
    { SSN__c: hashOf(CLEAR), Old_SSN__c: null },
  ]);
  const tables = await allTables();
  for (const value of [CLEAR, SECRET]) expect(tables).not.toContain(value);

  replies.length = 0;
  service.salesforce.org.insert('Account', { Name: 'Changed', SSN__c: CLEAR, Old_SSN__c: SECRET });
  await service.tickAt('2023-03-21T00:10:00Z');
  expect(await service.rows(`SELECT SSN__c, Old_SSN__c FROM salesforce.Account WHERE Name = 'Changed'`)).toEqual([
    { SSN__c: hashOf(CLEAR), Old_SSN__c: null },
  ]);
  expect(replies.filter((body) => body.includes(SECRET))).toEqual([]);
  expect(service.logged.join('')).not.toContain(CLEAR);
});

test('new jobs get the defaults of their connection, existing ones do not', async () => {
  await start();
  await create({ object_name: 'Contact' });
  const defaults = { exclude_fields: '*.Phone,Contact.Email', hash_fields: '*_SSN__c', new_fields: 'review' };
  expect(await patch('connections/1', defaults)).toMatchObject({
    status: 200,
    body: { exclude_fields: ['*.Phone', 'Contact.Email'], new_fields: 'review' },
  });
  await create({ object_name: 'Account', exclude_fields: 'Fax' });
  expect(await service.jobs()).toMatchObject([
    { object_name: 'Contact', exclude_fields: [], hash_fields: [], new_fields: 'add' },
    { object_name: 'Account', exclude_fields: ['*.Phone', 'Fax'], hash_fields: ['*_SSN__c'], new_fields: 'review' },
  ]);
  expect(await patch('connections/1', { exclude_fields: '*.Is*' })).toMatchObject({
    status: 400,
    message: expect.stringMatching(/matches IsDeleted/),
  });
  expect(await patch('connections/1', { exclude_fields: '', hash_fields: '', new_fields: '' })).toMatchObject({
    body: { exclude_fields: [], hash_fields: [], new_fields: null },
  });
});

describe('a suggestion by the classification of fields', () => {
  const suggest = async (): Promise<Record<string, unknown>> =>
    JSON.parse((await service.call('v1/connections/1/suggest-field-policy?object_name=contact')).text) as Record<string, unknown>;

  test('lists the sensitive ones that the user sees, with lists to create a job with', async () => {
    await start();
    const classify = (field: string, security: string | null, compliance: string[] = []): void =>
      service.salesforce.org.changeField('Contact', { field, change: 'classify', classification: { security, compliance } });
    classify('Birthdate', 'Restricted', ['PII', 'HIPAA']);
    classify('Phone', null, ['PII']);
    classify('Email', 'Confidential');
    classify('Title', 'Public');
    classify('SystemModstamp', 'Restricted');
    classify('Fax', 'MissionCritical');
    service.salesforce.org.changeField('Contact', { field: 'Fax', change: 'hide' });
    const suggested = await suggest();
    expect(suggested).toMatchObject({
      object_name: 'Contact',
      readable: true,
      exclude_fields: ['Birthdate'],
      hash_fields: ['Phone', 'Email'],
    });
    expect(suggested.fields).toContainEqual({
      name: 'Birthdate',
      label: 'Birthdate',
      security_classification: 'Restricted',
      compliance_groups: ['PII', 'HIPAA'],
      suggestion: 'exclude',
    });
    expect(
      await create({
        object_name: 'Contact',
        exclude_fields: String(suggested.exclude_fields),
        hash_fields: String(suggested.hash_fields),
      }),
    ).toMatchObject({ text: 'OK' });
  });

  test('says so if the user may not read it', async () => {
    await start();
    service.instance.handler = ({ soql }, pass) =>
      soql.includes('FieldDefinition') ? refusal('INVALID_TYPE', "sObject type 'FieldDefinition' is not supported.") : pass();
    expect(await suggest()).toMatchObject({
      readable: false,
      message: expect.stringMatching(/may not read how fields are classified/),
      fields: [],
    });
  });
});
