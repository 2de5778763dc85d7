import type { BigQuery } from '@google-cloud/bigquery';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type BigQueryEmulator, startBigQuery } from '../../../../../app/local/emulators/bigquery/rest/bigquery.ts';
import { clientOf } from '../../../../support/bigquery.ts';
import { refusal, rowsOf } from './client.ts';

let emulator: BigQueryEmulator;
let client: BigQuery;
beforeAll(async () => {
  emulator = await startBigQuery();
  client = clientOf(emulator);
  await client.createDataset('salesforce');
  await client.createDataset('empty');
  await client.createDataset('american', { location: 'US' });
  await client.dataset('american').createTable('Lead', { schema: 'Id' });
  await client.query(`CREATE TABLE salesforce.Account (Id STRING NOT NULL OPTIONS (description = 'Record id'), Amount NUMERIC, d DATE)
    PARTITION BY d CLUSTER BY Id`);
  await client.query(`CREATE VIEW salesforce.Account_live AS SELECT Id, ['it', 'is'] AS words FROM salesforce.Account`);
});
afterAll(() => emulator.close());

const run = async (query: string) => (await client.query(query))[0];

describe('INFORMATION_SCHEMA', () => {
  test('TABLES lists the tables and views of a dataset', async () => {
    const query = (path: string) => run(`SELECT table_name, table_type, is_insertable_into FROM ${path} ORDER BY table_name`);
    const expected = [
      { table_name: 'Account', table_type: 'BASE TABLE', is_insertable_into: 'YES' },
      { table_name: 'Account_live', table_type: 'VIEW', is_insertable_into: 'NO' },
    ];
    expect(await query('salesforce.INFORMATION_SCHEMA.TABLES')).toEqual(expected);
    expect(await query('`local.salesforce.INFORMATION_SCHEMA.TABLES` AS t')).toEqual(expected);
    expect(await query('empty.INFORMATION_SCHEMA.TABLES')).toEqual([]);
    const [{ creation_time }] = await run('SELECT creation_time FROM salesforce.INFORMATION_SCHEMA.TABLES LIMIT 1');
    expect(Math.abs(Date.parse(creation_time.value) - Date.now())).toBeLessThan(60_000);
  });

  test('TABLES lists those of a whole region', async () => {
    expect(await run('SELECT table_schema, table_name FROM `region-us`.INFORMATION_SCHEMA.TABLES')).toEqual([
      { table_schema: 'american', table_name: 'Lead' },
    ]);
  });

  test('COLUMNS lists types, order, partitioning and clustering columns', async () => {
    const query = `SELECT table_name, column_name, ordinal_position AS n, is_nullable, data_type, is_partitioning_column AS partitions,
      clustering_ordinal_position AS clusters FROM salesforce.INFORMATION_SCHEMA.COLUMNS ORDER BY table_name, n`;
    expect((await run(query)).map((row) => Object.values(row))).toEqual([
      ['Account', 'Id', 1, 'NO', 'STRING', 'NO', 1],
      ['Account', 'Amount', 2, 'YES', 'NUMERIC', 'NO', null],
      ['Account', 'd', 3, 'YES', 'DATE', 'YES', null],
      ['Account_live', 'Id', 1, 'YES', 'STRING', 'NO', null],
      ['Account_live', 'words', 2, 'YES', 'ARRAY<STRING>', 'NO', null],
    ]);
  });

  test('COLUMN_FIELD_PATHS lists the descriptions', async () => {
    const query = `SELECT column_name, description FROM salesforce.INFORMATION_SCHEMA.COLUMN_FIELD_PATHS WHERE description IS NOT NULL`;
    expect(await run(query)).toEqual([{ column_name: 'Id', description: 'Record id' }]);
  });

  test('JOBS lists the statements with their bytes, labels and errors', async () => {
    await rowsOf(emulator, 'SELECT COUNT(Id) FROM salesforce.Account', { labels: { job: 'j1' } });
    await refusal(emulator, 'SELECT nope');
    const jobs = await run(`SELECT query, state, job_type, statement_type, total_bytes_billed, labels, error_result.reason AS reason
      FROM \`region-eu\`.INFORMATION_SCHEMA.JOBS WHERE query IN ('SELECT COUNT(Id) FROM salesforce.Account', 'SELECT nope') ORDER BY query`);
    expect(jobs).toEqual([
      expect.objectContaining({
        state: 'DONE',
        job_type: 'QUERY',
        statement_type: 'SELECT',
        labels: [{ key: 'job', value: 'j1' }],
        total_bytes_billed: 0,
        reason: null,
      }),
      expect.objectContaining({ query: 'SELECT nope', labels: [], reason: 'invalidQuery' }),
    ]);
  });

  test('is billed at the minimum of a query', async () => {
    const [job] = await client.createQueryJob({ query: 'SELECT * FROM salesforce.INFORMATION_SCHEMA.TABLES', dryRun: true });
    expect(job.metadata.statistics.totalBytesProcessed).toBe(String(10 * 2 ** 20));
  });

  test.each([
    ['SELECT * FROM salesforce.INFORMATION_SCHEMA.ROUTINES', 'does not support INFORMATION_SCHEMA.ROUTINES'],
    ['SELECT * FROM nowhere.INFORMATION_SCHEMA.TABLES', 'Not found: Dataset local:nowhere'],
    ['SELECT * FROM INFORMATION_SCHEMA.TABLES', 'must be qualified'],
    ['SELECT * FROM salesforce.INFORMATION_SCHEMA.JOBS', 'needs a region'],
    ['SELECT nope FROM salesforce.INFORMATION_SCHEMA.TABLES', 'Unrecognized name: nope'],
    ['DELETE FROM salesforce.INFORMATION_SCHEMA.TABLES WHERE TRUE', 'cannot be changed'],
  ])('%s is refused', async (query, message) => {
    expect((await refusal(emulator, query)).message).toContain(message);
  });
});
