import { beforeEach, describe, expect, test } from '@jest/globals';
import { bigQueryWith } from '../../../../support/bigquery.ts';
import { call, post, refusal, rowsOf } from './client.ts';

const { emulator, client } = await bigQueryWith('salesforce');

const run = (query: string) => rowsOf(emulator, query);
const ids = async (table = 'salesforce.t') => (await run(`SELECT Id FROM ${table} ORDER BY Id`)).flat();
const url = `${emulator.url}/bigquery/v2/projects/local/datasets/salesforce/tables/t/rowAccessPolicies`;

const OURS = 'user:emulator@localhost';
const grant = (name: string, filter: string, grantee: string, words = 'CREATE') =>
  run(
    `${words} ROW ACCESS POLICY ${name} ON \`local.salesforce.t\` GRANT TO ('${grantee}', "group:x@example.com") FILTER USING (${filter})`,
  );

beforeEach(async () => {
  await run(
    `CREATE OR REPLACE TABLE salesforce.t AS SELECT 'a' AS Id, 'EU' AS region UNION ALL SELECT 'b', 'US' UNION ALL SELECT 'c', NULL`,
  );
});

describe('row access policies', () => {
  test('hide the rows that no policy granted to the caller selects', async () => {
    await run('CREATE OR REPLACE VIEW salesforce.v AS SELECT Id FROM salesforce.t');
    await grant('eu', "region = 'EU'", 'user:analyst@example.com');
    expect(await ids()).toEqual([]);
    await grant('us', "region = 'US'", OURS);
    expect(await ids()).toEqual(['b']);
    expect(await ids('salesforce.v')).toEqual(['b']);
    await grant('unknown', 'region IS NULL', 'allAuthenticatedUsers');
    expect(await run('SELECT COUNT(*) FROM salesforce.t AS x JOIN salesforce.t AS y ON x.Id = y.Id')).toEqual([['2']]);
    await grant('all_rows', 'TRUE', 'serviceAccount:emulator@localhost');
    expect(await ids()).toEqual(['a', 'b', 'c']);
  });

  test('refuse what is no query to a caller without the filter TRUE', async () => {
    await run(`CREATE OR REPLACE TABLE salesforce.s AS SELECT 'a' AS Id, 'DE' AS region`);
    await grant('ours', 'Id IS NOT NULL', OURS);
    await grant('all_for_others', 'TRUE', 'user:analyst@example.com');
    const replace = async (writeDisposition: string) => {
      const [job] = await client.createQueryJob({
        query: "SELECT 'z' AS Id, 'ZZ' AS region",
        destination: client.dataset('salesforce').table('t'),
        writeDisposition,
      });
      await job.getQueryResults();
    };
    const statements = [
      `UPDATE salesforce.t SET region = 'x' WHERE TRUE`,
      'DELETE FROM salesforce.t WHERE FALSE',
      `INSERT INTO salesforce.t VALUES ('d', 'x')`,
      'TRUNCATE TABLE salesforce.t',
      'MERGE salesforce.t USING salesforce.s ON t.Id = s.Id WHEN MATCHED THEN UPDATE SET region = s.region',
    ];
    for (const statement of statements)
      expect(await refusal(emulator, statement)).toMatchObject({
        code: 403,
        reason: 'accessDenied',
        message: expect.stringContaining('TRUE'),
      });
    const denied = { errors: [{ reason: 'accessDenied' }] };
    for (const disposition of ['WRITE_TRUNCATE', 'WRITE_TRUNCATE_DATA']) await expect(replace(disposition)).rejects.toMatchObject(denied);
    await expect(client.dataset('salesforce').table('t').getRows()).rejects.toMatchObject(denied);
    expect(await ids()).toEqual(['a', 'b', 'c']);

    await grant('all_rows', '(true)', OURS);
    for (const statement of statements.slice(0, -2)) await run(statement);
    await replace('WRITE_TRUNCATE_DATA');
    expect(await ids()).toEqual(['z']);
    expect((await call(url)).body.rowAccessPolicies).toHaveLength(3);
    await replace('WRITE_TRUNCATE');
    expect((await call(url)).body).toEqual({});
  });

  test('are created, replaced and dropped by statements', async () => {
    await grant('one', "region = 'EU'", OURS);
    expect((await refusal(emulator, `CREATE ROW ACCESS POLICY one ON salesforce.t FILTER USING (TRUE)`)).reason).toBe('duplicate');
    await run('CREATE ROW ACCESS POLICY IF NOT EXISTS one ON salesforce.t FILTER USING (TRUE)');
    expect(await ids()).toEqual(['a']);
    await grant('one', "region = 'US'", OURS, 'CREATE OR REPLACE');
    expect(await ids()).toEqual(['b']);
    expect((await refusal(emulator, 'DROP ROW ACCESS POLICY one ON salesforce.t')).message).toContain('DROP ALL ROW ACCESS POLICIES');
    expect((await refusal(emulator, 'DROP ROW ACCESS POLICY two ON salesforce.t')).reason).toBe('notFound');
    await run('DROP ROW ACCESS POLICY IF EXISTS two ON salesforce.t');
    await run('DROP ALL ROW ACCESS POLICIES ON salesforce.t');
    expect(await ids()).toEqual(['a', 'b', 'c']);
  });

  test.each([
    ['CREATE ROW ACCESS POLICY p ON salesforce.t FILTER USING (country = 1)', 'Unrecognized name: country'],
    ['CREATE ROW ACCESS POLICY p ON salesforce.t FILTER USING (region)', 'should return type BOOL'],
    ['CREATE ROW ACCESS POLICY p ON salesforce.t GRANT TO (x) FILTER USING (TRUE)', 'Expected string literal'],
    ['CREATE ROW ACCESS POLICY p ON salesforce.none FILTER USING (TRUE)', 'Not found'],
  ])('%s is refused', async (query, message) => {
    expect((await refusal(emulator, query)).message).toContain(message);
  });

  test('are listed with their conditions, and their grantees by their IAM policy', async () => {
    expect((await call(url)).body).toEqual({});
    await grant('eu', "region = 'EU'\n  AND Id <> ''", 'user:analyst@example.com');
    await grant('all_rows', 'TRUE', OURS);
    const { body } = await call(url);
    expect(body.rowAccessPolicies).toEqual([
      {
        etag: expect.any(String),
        rowAccessPolicyReference: { projectId: 'local', datasetId: 'salesforce', tableId: 't', policyId: 'eu' },
        filterPredicate: "region = 'EU'\n  AND Id <> ''",
        creationTime: expect.stringMatching(/^\d{4}-.*Z$/),
        lastModifiedTime: expect.stringMatching(/^\d{4}-.*Z$/),
      },
      expect.objectContaining({ filterPredicate: 'TRUE' }),
    ]);
    const first = (await call(`${url}?pageSize=1`)).body;
    expect(first.rowAccessPolicies).toHaveLength(1);
    expect((await call(`${url}?pageSize=1&pageToken=${first.nextPageToken}`)).body).toEqual({
      rowAccessPolicies: [body.rowAccessPolicies[1]],
    });
    expect((await call(`${url}/eu`)).body).toEqual(body.rowAccessPolicies[0]);
    expect((await call(`${url}/none`)).status).toBe(404);
    const permission = 'bigquery.rowAccessPolicies.getFilteredData';
    expect((await post(`${url}/eu:testIamPermissions`, { permissions: [permission] })).body).toEqual({});
    expect((await post(`${url}/all_rows:testIamPermissions`, { permissions: [permission] })).body).toEqual({ permissions: [permission] });
    expect((await post(`${url}/eu:getIamPolicy`, {})).body.bindings).toEqual([
      { role: 'roles/bigquery.filteredDataViewer', members: ['user:analyst@example.com', 'group:x@example.com'] },
    ]);
    expect((await call(url.replace('/t/', '/none/'))).status).toBe(404);
  });
});
