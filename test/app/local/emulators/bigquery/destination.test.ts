import { beforeEach, describe, expect, test } from '@jest/globals';
import { bigQueryWith } from '../../../../support/bigquery.ts';
import { addFault, finished, post, rowsOf } from './client.ts';

const { emulator, client } = await bigQueryWith('salesforce');

const run = (query: string) => rowsOf(emulator, query);
const tableOf = (name: string) => client.dataset('salesforce').table(name);
const metadata = async (name: string) => (await tableOf(name).getMetadata())[0];
const fieldsOf = async (name: string): Promise<string[]> =>
  (await metadata(name)).schema.fields.map((field: { name: string; mode: string }) => `${field.name} ${field.mode}`);

/** The result rows of a query job with a destination table. */
async function write(query: string, tableId: string, writeDisposition?: string, more: object = {}) {
  const [job] = await client.createQueryJob({
    query,
    destination: tableOf(tableId),
    ...(writeDisposition ? { writeDisposition } : {}),
    ...more,
  });
  return (await job.getQueryResults())[0];
}

const jobsUrl = () => `${emulator.url}/bigquery/v2/projects/local/jobs`;

describe('a destination table', () => {
  test('is created, must be empty by default, and takes appended rows', async () => {
    await write('SELECT 1 AS a', 'created');
    await write('SELECT 2 AS a', 'created', 'WRITE_APPEND');
    await expect(write('SELECT 3 AS a', 'created')).rejects.toMatchObject({ errors: [{ reason: 'duplicate' }] });
    await expect(write("SELECT 'x' AS a", 'created', 'WRITE_APPEND')).rejects.toThrow('Field a has changed type from INTEGER to STRING');
    expect(await run('SELECT a FROM salesforce.created ORDER BY a')).toEqual([['1'], ['2']]);
    await run('TRUNCATE TABLE salesforce.created');
    await write('SELECT 4 AS a', 'created', 'WRITE_EMPTY');
    expect((await metadata('created')).numRows).toBe('1');
  });

  test('is not created with CREATE_NEVER', async () => {
    const never = { createDisposition: 'CREATE_NEVER' };
    await expect(write('SELECT 1 AS a', 'never', 'WRITE_TRUNCATE_DATA', never)).rejects.toMatchObject({
      code: 404,
      errors: [{ reason: 'notFound', message: 'Not found: Table local:salesforce.never' }],
    });
    await expect(write('SELECT 1 AS a', 'never', 'WRITE_EMPTY', { createDisposition: 'CREATE_MAYBE' })).rejects.toThrow(
      'createDisposition',
    );
    await expect(write('SELECT 1 AS a', 'never', 'WRITE_OVER')).rejects.toThrow('writeDisposition');
    await write('SELECT 1 AS a', 'needed', 'WRITE_TRUNCATE_DATA', { createDisposition: 'CREATE_IF_NEEDED' });
    expect(await run('SELECT a FROM salesforce.needed')).toEqual([['1']]);
  });

  test('determines the location of its job, and is the result of its job', async () => {
    await client.createDataset('american', { location: 'US' });
    const [job] = await client.createQueryJob({ query: 'SELECT 1 AS a, 2 AS b', destination: client.dataset('american').table('t') });
    expect(job.metadata.jobReference.location).toBe('US');
    expect((await job.getQueryResults())[0]).toEqual([{ a: 1, b: 2 }]);
    await client.dataset('american').table('t').delete();
    await expect(job.getQueryResults()).rejects.toMatchObject({ code: 404 });
  });

  test('is written once by jobs with the same id, and never by a job that failed', async () => {
    await run('CREATE TABLE salesforce.once (a INT64)');
    const insert = (jobId: string, query = 'SELECT 1 AS a') =>
      post(jobsUrl(), {
        jobReference: { jobId, location: 'EU' },
        configuration: {
          query: {
            query,
            useLegacySql: false,
            destinationTable: { projectId: 'local', datasetId: 'salesforce', tableId: 'once' },
            writeDisposition: 'WRITE_APPEND',
            createDisposition: 'CREATE_NEVER',
          },
        },
      });
    const answers = await Promise.all([1, 2, 3].map(() => insert('swap')));
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 409, 409]);
    await finished(emulator, 'swap');
    await addFault(emulator, { kind: 'job-failed', match: 'broken', reason: 'jobBackendError' });
    await insert('broken');
    expect((await finished(emulator, 'broken')).status.errorResult.reason).toBe('jobBackendError');
    expect((await insert('broken')).status).toBe(409);
    expect(await run('SELECT COUNT(*) FROM salesforce.once')).toEqual([['1']]);
  });
});

describe('WRITE_TRUNCATE_DATA', () => {
  const schema = {
    fields: [
      { name: 'Id', type: 'STRING', description: 'Record id' },
      { name: 'n', type: 'INTEGER', policyTags: { names: ['projects/p/locations/eu/taxonomies/1/policyTags/2'] } },
      { name: 'd', type: 'DATE' },
    ],
  };
  beforeEach(async () => {
    await tableOf('t').delete({ ignoreNotFound: true } as never);
    await client.dataset('salesforce').createTable('t', {
      schema,
      labels: { job: 'j1' },
      description: 'text',
      timePartitioning: { type: 'MONTH', field: 'd', expirationMs: null },
      clustering: { fields: ['Id'] },
      tableConstraints: { primaryKey: { columns: ['Id'] } },
    } as never);
    await run(`INSERT INTO salesforce.t VALUES ('a', 1, '2024-01-01'), ('b', 2, '2024-02-01')`);
  });
  const rows = () => run('SELECT Id, n, d FROM salesforce.t ORDER BY Id');

  test('replaces the rows and keeps everything else', async () => {
    const before = await metadata('t');
    const written = await write(`SELECT 3 AS n, 'c' AS Id UNION ALL SELECT 4, 'd'`, 't', 'WRITE_TRUNCATE_DATA');
    expect(written).toHaveLength(2);
    expect(await rows()).toEqual([
      ['c', '3', null],
      ['d', '4', null],
    ]);
    const { etag, lastModifiedTime, numBytes, ...kept } = await metadata('t');
    expect(kept).toEqual(Object.fromEntries(Object.entries(before).filter(([name]) => name in kept)));
    expect(kept).toMatchObject({ numRows: '2', tableConstraints: { primaryKey: { columns: ['Id'] } } });
    expect(kept.schema.fields[1].policyTags.names).toHaveLength(1);
    expect(etag).not.toBe(before.etag);
    expect(Number(lastModifiedTime)).toBeGreaterThan(Number(before.lastModifiedTime));
  });

  test('may read the table that it replaces', async () => {
    await write('SELECT Id, n + 1 AS n, d FROM salesforce.t WHERE n > 1', 't', 'WRITE_TRUNCATE_DATA');
    expect(await rows()).toEqual([['b', '3', '2024-02-01']]);
  });

  test.each([
    [`SELECT 'c' AS Id, 1 AS extra`, 'Cannot add fields (field: extra)'],
    [`SELECT 'c' AS Id, '1' AS n`, 'Field n has changed type from INTEGER to STRING'],
    [`SELECT 'c' AS Id, DIV(1, 0) AS n`, ''],
  ])('refuses %s and changes nothing', async (query, message) => {
    const before = await metadata('t');
    await expect(write(query, 't', 'WRITE_TRUNCATE_DATA')).rejects.toThrow(message);
    expect(await metadata('t')).toEqual(before);
    expect(await rows()).toHaveLength(2);
  });

  test('shows queries the old rows or the new ones, never none', async () => {
    const counts: unknown[] = [];
    let isDone = false;
    const replaced = (async () => {
      for (let round = 0; round < 5; round += 1) await write(`SELECT 'x' AS Id UNION ALL SELECT 'y'`, 't', 'WRITE_TRUNCATE_DATA');
      isDone = true;
    })();
    while (!isDone) counts.push((await run('SELECT COUNT(*) FROM salesforce.t'))[0]![0]);
    await replaced;
    expect(new Set(counts)).toEqual(new Set(['2']));
  });

  test('does not fit a REQUIRED column, because every column of a result is NULLABLE, unless it may relax it', async () => {
    await run('CREATE TABLE salesforce.strict (Id STRING NOT NULL, n INT64 NOT NULL, PRIMARY KEY (Id) NOT ENFORCED)');
    expect((await metadata('strict')).tableConstraints).toEqual({ primaryKey: { columns: ['Id'] } });
    const all = `SELECT 'a' AS Id, 1 AS n`;
    for (const disposition of ['WRITE_TRUNCATE_DATA', 'WRITE_APPEND']) {
      await expect(write(all, 'strict', disposition)).rejects.toThrow('Field Id has changed mode from REQUIRED to NULLABLE');
      await expect(write('SELECT 1 AS n', 'strict', disposition)).rejects.toThrow('Field Id is missing in new schema');
    }
    const relax = { schemaUpdateOptions: ['ALLOW_FIELD_RELAXATION'] };
    await expect(write(all, 'strict', 'WRITE_TRUNCATE', relax)).rejects.toThrow('Schema update options');
    await write(`SELECT 'a' AS Id`, 'strict', 'WRITE_APPEND', relax);
    await write(`SELECT CAST(NULL AS STRING) AS Id`, 'strict', 'WRITE_TRUNCATE_DATA', relax);
    expect(await fieldsOf('strict')).toEqual(['Id NULLABLE', 'n NULLABLE']);
    expect(await run('SELECT * FROM salesforce.strict')).toEqual([[null, null]]);
  });
});

describe('WRITE_TRUNCATE', () => {
  test('replaces the schema too, and removes descriptions, policy tags and constraints', async () => {
    await client.dataset('salesforce').createTable('truncated', {
      schema: {
        fields: [
          { name: 'a', type: 'INTEGER', description: 'a number', mode: 'REQUIRED' },
          { name: 'd', type: 'DATE' },
        ],
      },
      labels: { job: 'j1' },
      timePartitioning: { type: 'MONTH', field: 'd' },
      tableConstraints: { primaryKey: { columns: ['a'] } },
    } as never);
    await expect(write('SELECT 3 AS a', 'truncated', 'WRITE_TRUNCATE')).rejects.toThrow('cannot be found in the schema');
    await write("SELECT DATE '2024-01-02' AS d, 'x' AS b, 1 AS a", 'truncated', 'WRITE_TRUNCATE');
    expect(await run('SELECT * FROM salesforce.truncated')).toEqual([['2024-01-02', 'x', '1']]);
    const after = await metadata('truncated');
    expect(after.schema.fields.at(-1)).toEqual({ name: 'a', type: 'INTEGER', mode: 'NULLABLE' });
    expect(after).toMatchObject({ labels: { job: 'j1' }, timePartitioning: { type: 'MONTH', field: 'd' } });
    expect(after.tableConstraints).toBeUndefined();
  });
});

test('a patch keeps policy tags that it repeats, and removes those that it leaves out', async () => {
  const tagged = { name: 'a', type: 'STRING', policyTags: { names: ['projects/p/locations/eu/taxonomies/1/policyTags/2'] } };
  await client.dataset('salesforce').createTable('tagged', { schema: { fields: [tagged] } });
  const patch = (fields: object[]) => tableOf('tagged').setMetadata({ schema: { fields } });
  await patch([tagged, { name: 'b', type: 'STRING' }]);
  await run('ALTER TABLE salesforce.tagged ADD COLUMN c STRING');
  expect((await metadata('tagged')).schema.fields[0].policyTags).toEqual(tagged.policyTags);
  await patch(['a', 'b', 'c'].map((name) => ({ name, type: 'STRING' })));
  expect((await metadata('tagged')).schema.fields[0].policyTags).toBeUndefined();
  await expect(tableOf('tagged').setMetadata({ tableConstraints: { primaryKey: { columns: ['z'] } } } as never)).rejects.toThrow(
    'Column z of the primary key',
  );
});
