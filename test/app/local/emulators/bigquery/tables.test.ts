import { describe, expect, test } from '@jest/globals';
import { bigQueryWith } from '../../../../support/bigquery.ts';
import { call, post, rowsOf } from './client.ts';

const { emulator, client } = await bigQueryWith('salesforce');

const columns = [
  { name: 'Id', type: 'STRING', mode: 'REQUIRED', description: 'Record id' },
  { name: 'Amount', type: 'NUMERIC' },
];

describe('datasets', () => {
  test('are created, read, listed, changed and deleted', async () => {
    await client.createDataset('created', { location: 'US', labels: { app: 'sync' }, description: 'text' });
    const dataset = client.dataset('created');
    expect((await dataset.getMetadata())[0]).toMatchObject({
      id: 'local:created',
      location: 'US',
      labels: { app: 'sync' },
      description: 'text',
    });
    await dataset.setMetadata({ labels: { app: null, other: 'x' }, defaultTableExpirationMs: '3600000' } as never);
    expect((await dataset.getMetadata())[0]).toMatchObject({ labels: { other: 'x' }, description: 'text' });
    const [table] = await dataset.createTable('short', { schema: 'a' });
    expect(Number(table.metadata.expirationTime)).toBe(Number(table.metadata.creationTime) + 3_600_000);
    expect((await client.getDatasets())[0].map((each) => each.id)).toEqual(['salesforce', 'created']);
    await expect(dataset.delete()).rejects.toMatchObject({ code: 400, errors: [{ reason: 'resourceInUse' }] });
    await dataset.delete({ force: true });
    expect(await dataset.exists()).toEqual([false]);
  });

  test('have case-sensitive, unique names', async () => {
    await expect(client.createDataset('salesforce')).rejects.toMatchObject({
      code: 409,
      message: 'Already Exists: Dataset local:salesforce',
      errors: [{ reason: 'duplicate', domain: 'global', message: 'Already Exists: Dataset local:salesforce' }],
    });
    await client.createDataset('Salesforce');
    await client.dataset('Salesforce').delete();
  });

  test("return 404 in Google's format if the dataset or project does not exist", async () => {
    const { status, body } = await call(`${emulator.url}/bigquery/v2/projects/local/datasets/none`);
    const message = 'Not found: Dataset local:none';
    expect([status, body]).toEqual([
      404,
      { error: { code: 404, message, errors: [{ message, domain: 'global', reason: 'notFound' }], status: 'NOT_FOUND' } },
    ]);
    expect((await call(`${emulator.url}/bigquery/v2/projects/other/datasets`)).status).toBe(404);
    expect((await call(`${emulator.url}/bigquery/v2/nothing`)).status).toBe(404);
    expect((await call(`${emulator.url}/bigquery/v2/projects/local/datasets`, { method: 'PUT', body: '{}' })).status).toBe(405);
    const dataset = `${emulator.url}/bigquery/v2/projects/local/datasets/salesforce`;
    for (const url of [dataset, `${dataset}/tables/t`]) expect((await call(url, { method: 'PUT', body: '{}' })).status).toBe(405);
  });

  test('are refused with an invalid name or a body that is not JSON', async () => {
    await expect(client.createDataset('a-b')).rejects.toMatchObject({ code: 400, errors: [{ reason: 'invalid' }] });
    const url = `${emulator.url}/bigquery/v2/projects/local/datasets`;
    expect((await call(url, { method: 'POST', body: '{' })).body.error.errors[0].reason).toBe('badRequest');
  });
});

describe('tables', () => {
  test('keep the options they were created with', async () => {
    const expirationTime = String(Date.now() + 3_600_000);
    const options = {
      schema: { fields: [...columns, { name: 'Created', type: 'TIMESTAMP' }] },
      description: 'text',
      labels: { run: 'r1' },
      expirationTime,
      clustering: { fields: ['Id'] },
      timePartitioning: { type: 'MONTH', field: 'Created' },
    };
    await client.dataset('salesforce').createTable('created', options);
    const [metadata] = await client.dataset('salesforce').table('created').getMetadata();
    expect(metadata).toMatchObject({
      ...options,
      type: 'TABLE',
      numRows: '0',
      numBytes: '0',
      location: 'EU',
      id: 'local:salesforce.created',
    });
    expect(metadata.schema.fields[1]).toEqual({ name: 'Amount', type: 'NUMERIC', mode: 'NULLABLE' });
    expect(Number(metadata.creationTime)).toBeGreaterThan(0);
    await expect(client.dataset('salesforce').createTable('created', options)).rejects.toMatchObject({
      code: 409,
      message: 'Already Exists: Table local:salesforce.created',
    });
  });

  test('have case-sensitive names, are listed in pages, and can be deleted', async () => {
    await client.createDataset('listed');
    for (const name of ['Account', 'account', 'ACCOUNT']) await client.dataset('listed').createTable(name, { schema: 'a' });
    await rowsOf(emulator, `INSERT INTO listed.Account VALUES ('x')`);
    expect(await rowsOf(emulator, 'SELECT * FROM listed.account')).toEqual([]);
    const [first, next] = await client.dataset('listed').getTables({ maxResults: 2, autoPaginate: false });
    const [second] = await client.dataset('listed').getTables(next!);
    expect([...first, ...second].map((table) => table.id)).toEqual(['Account', 'account', 'ACCOUNT']);
    await client.dataset('listed').table('account').delete();
    expect(await client.dataset('listed').table('account').exists()).toEqual([false]);
    await expect(client.dataset('listed').table('account').delete()).rejects.toMatchObject({
      code: 404,
      message: 'Not found: Table local:listed.account',
    });
  });

  test('accept new columns, descriptions and relaxed modes by patch, but no other schema change', async () => {
    const [table] = await client.dataset('salesforce').createTable('patched', { schema: { fields: columns } });
    await rowsOf(emulator, `INSERT INTO salesforce.patched (Id, Amount) VALUES ('1', 2)`);
    const relaxed = [{ name: 'Id', type: 'STRING', description: 'new' }, columns[1]!, { name: 'More', type: 'TIMESTAMP' }];
    await table.setMetadata({ schema: { fields: relaxed }, description: 'text' });
    const [metadata] = await table.getMetadata();
    expect(metadata).toMatchObject({
      description: 'text',
      schema: { fields: [{ name: 'Id', mode: 'NULLABLE', description: 'new' }, {}, { name: 'More' }] },
    });
    expect(await rowsOf(emulator, 'SELECT * FROM salesforce.patched')).toEqual([['1', '2', null]]);
    const refused = async (fields: object[]) =>
      table.setMetadata({ schema: { fields } } as never).then(
        () => 'accepted',
        (error: Error) => error.message,
      );
    expect(await refused([columns[1]!])).toContain('Field Id is missing in new schema');
    expect(await refused([...relaxed.slice(0, 2), { name: 'More', type: 'DATE' }])).toContain(
      'Field More has changed type from TIMESTAMP to DATE',
    );
    expect(await refused([...relaxed, { name: 'r', type: 'STRING', mode: 'REQUIRED' }])).toContain('Cannot add required field');
    expect(await refused([...relaxed, { name: '_TABLE_x', type: 'STRING' }])).toContain('reserved prefix');
    expect((await table.getMetadata())[0].schema.fields).toHaveLength(3);
  });

  test('keep labels and descriptions through other patches, until null removes them', async () => {
    const [table] = await client.dataset('salesforce').createTable('labeled', {
      schema: { fields: columns },
      description: 'text',
      labels: { run: 'r1', job: 'j1' },
    });
    await table.setMetadata({ friendlyName: 'name' } as never);
    await table.setMetadata({ labels: { run: 'r2', more: 'm' } } as never);
    await rowsOf(emulator, 'ALTER TABLE salesforce.labeled ADD COLUMN Added STRING');
    const [kept] = await table.getMetadata();
    expect(kept).toMatchObject({ description: 'text', friendlyName: 'name', labels: { run: 'r2', job: 'j1', more: 'm' } });
    expect(kept.schema.fields[0].description).toBe('Record id');
    await table.setMetadata({
      schema: { fields: [...columns.map(({ description: _, ...field }) => field), { name: 'Added', type: 'STRING' }] },
    });
    expect((await table.getMetadata())[0].schema.fields[0].description).toBeUndefined();
    await table.setMetadata({ labels: { run: null, more: null }, description: null } as never);
    const [less] = await table.getMetadata();
    expect([less.labels, less.description]).toEqual([{ job: 'j1' }, undefined]);
    await expect(table.setMetadata({ labels: { Upper: 'x' } } as never)).rejects.toMatchObject({ errors: [{ reason: 'invalid' }] });
  });

  test.each([
    [{ timePartitioning: { type: 'DAY', field: 'Id' } }, 'can only be of type TIMESTAMP, DATE or DATETIME'],
    [{ timePartitioning: { type: 'DAY', field: 'None' } }, 'cannot be found in the schema'],
    [{ timePartitioning: { type: 'DAY' } }, 'by ingestion time'],
    [{ clustering: { fields: ['None'] } }, 'cannot be found in the schema'],
    [{ clustering: { fields: ['Score'] } }, 'of type FLOAT is not supported'],
    [{ clustering: { fields: ['Id', 'Amount', 'Id', 'Amount', 'Id'] } }, 'At most 4 fields'],
    [{ requirePartitionFilter: true }, 'does not support requirePartitionFilter'],
    [{ rangePartitioning: { field: 'Amount' } }, 'does not support rangePartitioning'],
    [{ schema: { fields: [{ name: 'a', type: 'STRING', maxLength: '5' }] } }, 'does not support maxLength'],
  ])('are refused with %j', async (more, message) => {
    const fields = [...columns, { name: 'Score', type: 'FLOAT' }];
    await expect(client.dataset('salesforce').createTable('refused', { schema: { fields }, ...more } as never)).rejects.toMatchObject({
      code: 400,
      message: expect.stringContaining(message),
    });
  });

  test('reject a patch with a stale etag', async () => {
    const [table] = await client.dataset('salesforce').createTable('etag', { schema: 'a' });
    const url = `${emulator.url}/bigquery/v2/projects/local/datasets/salesforce/tables/etag`;
    const patch = () => call(url, { method: 'PATCH', headers: { 'if-match': table.metadata.etag }, body: '{"description":"x"}' });
    expect((await patch()).status).toBe(200);
    expect((await patch()).status).toBe(412);
  });

  test('expire at their expiration time, which frees their name', async () => {
    const [table] = await client.dataset('salesforce').createTable('expired', { schema: 'a' });
    await rowsOf(emulator, `INSERT INTO salesforce.expired VALUES ('old')`);
    await table.setMetadata({ expirationTime: String(Date.now() - 1) } as never);
    expect(await table.exists()).toEqual([false]);
    await expect(rowsOf(emulator, 'SELECT * FROM salesforce.expired')).rejects.toThrow('Not found: Table local:salesforce.expired');
    await client.dataset('salesforce').createTable('expired', { schema: 'a' });
    expect(await rowsOf(emulator, 'SELECT * FROM salesforce.expired')).toEqual([]);
  });

  test('return their rows in pages', async () => {
    const [table] = await client.dataset('salesforce').createTable('rows', { schema: 'n:INTEGER, t:TIMESTAMP' });
    await rowsOf(emulator, `INSERT INTO salesforce.rows VALUES (1, TIMESTAMP '2024-01-01 00:00:00+00'), (2, NULL), (3, NULL)`);
    const [first, next] = await table.getRows({ maxResults: 2, autoPaginate: false });
    const [second] = await table.getRows(next!);
    expect([...first, ...second].map((row) => [row.n, row.t?.value ?? null])).toEqual([
      [1, '2024-01-01T00:00:00.000Z'],
      [2, null],
      [3, null],
    ]);
  });

  test('count rows and logical bytes', async () => {
    const [table] = await client.dataset('salesforce').createTable('sized', { schema: 's:STRING, n:INTEGER, d:NUMERIC, b:BOOLEAN' });
    await rowsOf(emulator, `INSERT INTO salesforce.sized VALUES ('äb', 1, 2, TRUE), (NULL, NULL, NULL, NULL)`);
    expect((await table.getMetadata())[0]).toMatchObject({ numRows: '2', numBytes: String(2 + 3 + 8 + 16 + 1) });
  });
});

describe('views', () => {
  test('have the columns of their query, and show the current rows of its tables', async () => {
    await client.dataset('salesforce').createTable('base', { schema: 'Id:STRING, deleted:BOOLEAN' });
    const query = 'SELECT * FROM `local.salesforce.base` WHERE deleted IS NOT TRUE';
    await client.dataset('salesforce').createTable('base_live', { view: { query, useLegacySql: false } });
    await rowsOf(emulator, `INSERT INTO salesforce.base VALUES ('1', NULL), ('2', TRUE)`);
    expect(await rowsOf(emulator, 'SELECT Id FROM salesforce.base_live')).toEqual([['1']]);
    const [metadata] = await client.dataset('salesforce').table('base_live').getMetadata();
    expect(metadata).toMatchObject({ type: 'VIEW', view: { query }, schema: { fields: [{ name: 'Id' }, { name: 'deleted' }] } });
  });

  test('of an invalid query are refused', async () => {
    const view = { query: 'SELECT nope FROM salesforce.base', useLegacySql: false };
    await expect(client.dataset('salesforce').createTable('bad', { view })).rejects.toMatchObject({
      code: 400,
      message: expect.stringContaining('Unrecognized name: nope'),
    });
    await expect(rowsOf(emulator, 'DELETE FROM salesforce.base_live WHERE TRUE')).rejects.toThrow('this is a view');
  });

  test('take descriptions of their columns, but no other change of their schema', async () => {
    const view = client.dataset('salesforce').table('base_live');
    const fields = [
      { name: 'Id', type: 'STRING', description: 'Record id' },
      { name: 'deleted', type: 'BOOLEAN' },
    ];
    await view.setMetadata({ schema: { fields } } as never);
    expect((await view.getMetadata())[0].schema.fields).toMatchObject(fields);
    for (const other of [fields.slice(1), [...fields, { name: 'more', type: 'STRING' }], [fields[0], { name: 'deleted', type: 'DATE' }]]) {
      await expect(view.setMetadata({ schema: { fields: other } } as never)).rejects.toThrow('Provided Schema does not match');
    }
  });
});

test('faults are listed and can be cleared', async () => {
  const url = `${emulator.url}/emulator/faults`;
  expect((await post(url, { kind: 'nothing' })).status).toBe(400);
  await post(url, { kind: 'http', match: 'datasets', status: 403, reason: 'rateLimitExceeded', message: 'Exceeded rate limits' });
  expect((await call(url)).body.pending).toHaveLength(1);
  await expect(client.dataset('salesforce').getMetadata()).rejects.toMatchObject({ code: 403, errors: [{ reason: 'rateLimitExceeded' }] });
  await post(url, { kind: 'http' });
  await call(url, { method: 'DELETE' });
  expect((await client.dataset('salesforce').getMetadata())[0].id).toBe('local:salesforce');
});
