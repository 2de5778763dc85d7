import { beforeEach, describe, expect, test } from '@jest/globals';
import { bigQueryWith } from '../../../../support/bigquery.ts';
import { loadText, refusal, rowsOf } from './client.ts';

const { emulator, client } = await bigQueryWith('salesforce');

const run = (query: string) => rowsOf(emulator, query);
const table = async (name: string) => (await client.dataset('salesforce').table(name).getMetadata())[0];
const counts = async (query: string) => {
  const [job] = await client.createQueryJob({ query });
  await job.getQueryResults();
  const { numDmlAffectedRows, dmlStats } = (await job.getMetadata())[0].statistics.query;
  return [numDmlAffectedRows, dmlStats.insertedRowCount, dmlStats.updatedRowCount, dmlStats.deletedRowCount].map(Number);
};

describe('from staging to target', () => {
  const columns = ['Id', 'IsDeleted', 'N', 'Amount', 'CloseDate', 'SystemModstamp', 'T'];
  const staged = (slice: number) =>
    `SELECT ${slice} AS \`_slice\`, ${columns.map((name) => `NULLIF(\`${name}\`, '') AS \`${name}\``).join(', ')} FROM \`local.salesforce.stage_${slice}\``;
  const delta = `CREATE OR REPLACE TABLE \`local.salesforce.delta\`
OPTIONS (expiration_timestamp = TIMESTAMP '2096-12-02 00:00:00+00', labels = [('run', 'x')], description = 'it\\'s')
AS
WITH staged AS (${staged(0)} UNION ALL ${staged(1)}),
typed AS (
  SELECT \`_slice\`, \`Id\`, SAFE_CAST(\`IsDeleted\` AS BOOL) AS \`IsDeleted\`,
    IF(SAFE_CAST(\`N\` AS NUMERIC) = TRUNC(SAFE_CAST(\`N\` AS NUMERIC)), SAFE_CAST(SAFE_CAST(\`N\` AS NUMERIC) AS INT64), NULL) AS \`N\`,
    SAFE_CAST(\`Amount\` AS NUMERIC) AS \`Amount\`, SAFE_CAST(\`CloseDate\` AS DATE) AS \`CloseDate\`,
    SAFE.PARSE_TIMESTAMP('%Y-%m-%dT%H:%M:%E*S%Ez', \`SystemModstamp\`) AS \`SystemModstamp\`,
    SAFE.PARSE_TIME('%H:%M:%E*SZ', \`T\`) AS \`T\`,
    CONCAT(' ', IF(\`Amount\` IS NOT NULL AND SAFE_CAST(\`Amount\` AS NUMERIC) IS NULL, 'Amount ', '')) AS \`_invalid\`,
    CURRENT_TIMESTAMP() AS \`_synced_at\`, 'run-id' AS \`_run\`
  FROM staged
)
SELECT *, IF(\`IsDeleted\`, \`SystemModstamp\`, NULL) AS \`_deleted_at\` FROM typed
QUALIFY ROW_NUMBER() OVER (PARTITION BY \`Id\` ORDER BY \`SystemModstamp\` DESC, \`_slice\` DESC) = 1`;
  const merge = `MERGE \`local.salesforce.target\` AS target USING \`local.salesforce.delta\` AS source ON target.\`Id\` = source.\`Id\`
WHEN MATCHED AND (target.\`SystemModstamp\` IS NULL OR source.\`SystemModstamp\` >= target.\`SystemModstamp\`) THEN UPDATE SET \`Amount\` = source.\`Amount\`, \`SystemModstamp\` = source.\`SystemModstamp\`
WHEN NOT MATCHED THEN INSERT (\`Id\`, \`Amount\`, \`SystemModstamp\`) VALUES (source.\`Id\`, source.\`Amount\`, source.\`SystemModstamp\`)`;

  test('types the rows, keeps the newest of each Id, and merges them idempotently', async () => {
    await loadText(
      emulator,
      { table: 'stage_0', columns },
      '"a","false","12.0","1e3","2024-02-03","2024-01-01T00:00:00.000Z","12:34:56.000Z"\n"b","false","12.5","old","","2024-01-01T00:00:00.000Z",""\n',
    );
    await loadText(emulator, { table: 'stage_1', columns }, '"b","true","x","bad","nope","2024-01-02T00:00:00.000+0000","x"\n');
    await run(delta);
    expect(await run('SELECT * EXCEPT (_synced_at, _slice) FROM salesforce.delta ORDER BY Id')).toEqual([
      ['a', 'false', '12', '1000', '2024-02-03', '1704067200000000', '12:34:56', ' ', 'run-id', null],
      ['b', 'true', null, null, null, '1704153600000000', null, ' Amount ', 'run-id', '1704153600000000'],
    ]);
    expect(await table('delta')).toMatchObject({
      labels: { run: 'x' },
      description: "it's",
      expirationTime: String(Date.UTC(2096, 11, 2)),
      numRows: '2',
    });
    const check = `SELECT (SELECT COUNT(*) FROM salesforce.stage_0) AS staged_rows,
      (SELECT COUNT(DISTINCT Id) FROM (SELECT Id FROM salesforce.stage_0 UNION ALL SELECT Id FROM salesforce.stage_1)) AS staged_ids,
      COUNT(*) AS delta_rows, COUNTIF(STRPOS(\`_invalid\`, ' Amount ') > 0) AS uncast_0 FROM salesforce.delta`;
    expect(await run(check)).toEqual([['2', '2', '2', '1']]);
    await run(
      'CREATE TABLE IF NOT EXISTS `local.salesforce.target` (`Id` STRING NOT NULL, `Amount` NUMERIC, `SystemModstamp` TIMESTAMP) PARTITION BY TIMESTAMP_TRUNC(`SystemModstamp`, MONTH) CLUSTER BY `Id`',
    );
    expect(await counts(merge)).toEqual([2, 2, 0, 0]);
    expect(await counts(merge)).toEqual([2, 0, 2, 0]);
    await run(`UPDATE salesforce.target SET SystemModstamp = TIMESTAMP '2025-01-01 00:00:00+00' WHERE Id = 'b'`);
    expect(await counts(merge)).toEqual([1, 0, 1, 0]);
    expect(await table('target')).toMatchObject({
      timePartitioning: { type: 'MONTH', field: 'SystemModstamp' },
      clustering: { fields: ['Id'] },
    });
  });
});

describe('MERGE', () => {
  beforeEach(async () => {
    await run(`CREATE OR REPLACE TABLE salesforce.t AS SELECT 'a' AS Id, 1 AS n UNION ALL SELECT 'b', 2`);
  });
  const rows = () => run('SELECT Id, n FROM salesforce.t ORDER BY Id, n');
  const twice = `(SELECT 'a' AS Id, 5 AS n UNION ALL SELECT 'a', 6)`;

  test('fails and changes nothing when two source rows match one target row', async () => {
    const message = 'UPDATE/MERGE must match at most one source row for each target row';
    expect(
      await refusal(emulator, `MERGE salesforce.t t USING ${twice} s ON t.Id = s.Id WHEN MATCHED THEN UPDATE SET n = s.n`),
    ).toMatchObject({ message, reason: 'invalidQuery', code: 400 });
    expect(
      (await refusal(emulator, `MERGE salesforce.t t USING ${twice} s ON t.Id = s.Id WHEN MATCHED AND s.n > 1 THEN DELETE`)).message,
    ).toBe(message);
    expect(await rows()).toEqual([
      ['a', '1'],
      ['b', '2'],
    ]);
  });

  test('accepts two source rows if one qualifies, and inserts all that match nothing', async () => {
    expect(await counts(`MERGE salesforce.t t USING ${twice} s ON t.Id = s.Id WHEN MATCHED AND s.n = 6 THEN UPDATE SET n = s.n`)).toEqual([
      1, 0, 1, 0,
    ]);
    expect(
      await counts(
        `MERGE salesforce.t t USING (SELECT 'z' AS Id UNION ALL SELECT 'z') s ON t.Id = s.Id WHEN NOT MATCHED THEN INSERT (Id) VALUES (s.Id)`,
      ),
    ).toEqual([2, 2, 0, 0]);
    expect(await rows()).toEqual([
      ['a', '6'],
      ['b', '2'],
      ['z', null],
      ['z', null],
    ]);
  });

  test('applies the first branch that matches, also to rows without a source', async () => {
    const query = `MERGE salesforce.t USING (SELECT 'a' AS Id, 7 AS n UNION ALL SELECT 'c', 8) AS s ON t.Id = s.Id
      WHEN MATCHED AND s.n = 7 THEN UPDATE SET n = t.n + s.n WHEN MATCHED THEN DELETE
      WHEN NOT MATCHED BY TARGET AND s.n > 100 THEN INSERT (Id) VALUES ('never') WHEN NOT MATCHED THEN INSERT ROW
      WHEN NOT MATCHED BY SOURCE THEN DELETE`;
    expect(await counts(query)).toEqual([3, 1, 1, 1]);
    expect(await rows()).toEqual([
      ['a', '8'],
      ['c', '8'],
    ]);
  });

  test.each([
    [`USING ${twice} s ON t.Id = s.Id WHEN MATCHED THEN UPDATE SET m = 1`, 'Unrecognized name: m'],
    [
      `USING ${twice} s ON t.Id = s.Id WHEN MATCHED THEN UPDATE SET n = s.Id`,
      'Value of type STRING cannot be assigned to n, which has type INT64',
    ],
    [`USING ${twice} s ON t.Id = s.Id WHEN MATCHED THEN UPDATE SET n = 1, N = 2`, 'assigned more than once'],
    [`USING ${twice} s ON t.Id = s.Id WHEN NOT MATCHED THEN INSERT (Id) VALUES (t.Id)`, 'Unrecognized name: t.Id'],
    [`USING ${twice} s ON t.Id = s.Id WHEN NOT MATCHED THEN INSERT (Id, n) VALUES (s.Id)`, 'wrong column count'],
    [`USING ${twice} s ON t.Id WHEN MATCHED THEN DELETE`, 'should return type BOOL'],
    [`USING ${twice} s ON Id = s.Id WHEN MATCHED THEN DELETE`, 'ambiguous'],
    [`USING ${twice} s ON t.Id = s.Id WHEN MATCHED THEN UPDATE SET t = 1`, 'does not support updating the entire row'],
  ])('%s is refused', async (query, message) => {
    expect((await refusal(emulator, `MERGE salesforce.t t ${query}`)).message).toContain(message);
  });
});

describe('UPDATE … FROM', () => {
  beforeEach(async () => {
    await run(`CREATE OR REPLACE TABLE salesforce.u AS SELECT 'a' AS Id, 1 AS n, CAST(NULL AS STRING) AS f UNION ALL SELECT 'b', 2, 'old'`);
    await run(
      `CREATE OR REPLACE TABLE salesforce.s AS SELECT 'a' AS Id, 5 AS n, 'new' AS f UNION ALL SELECT 'b', 1, 'old' UNION ALL SELECT 'c', 9, 'x'`,
    );
  });
  const rows = () => run('SELECT Id, n, f FROM salesforce.u ORDER BY Id');

  test('sets values of a joined row where they differ, and reports how many', async () => {
    const update = `UPDATE \`local.salesforce.u\` AS target SET f = source.f, target.n = target.n + source.n
      FROM (SELECT * FROM salesforce.s QUALIFY ROW_NUMBER() OVER (PARTITION BY Id ORDER BY n DESC) = 1) AS source
      WHERE target.Id = source.Id AND source.n >= target.n AND target.f IS DISTINCT FROM source.f`;
    expect(await counts(update)).toEqual([1, 0, 1, 0]);
    expect(await rows()).toEqual([
      ['a', '6', 'new'],
      ['b', '2', 'old'],
    ]);
    expect(await counts(update)).toEqual([0, 0, 0, 0]);
    const joined =
      'UPDATE salesforce.u SET n = 0 FROM salesforce.s AS x JOIN salesforce.s AS y ON x.Id = y.Id WHERE u.Id = x.Id AND y.n = 1';
    expect(await counts(joined)).toEqual([1, 0, 1, 0]);
  });

  test('fails and changes nothing when two source rows match one target row', async () => {
    await run(`INSERT INTO salesforce.s VALUES ('a', 6, 'newer')`);
    const before = await rows();
    expect(await refusal(emulator, 'UPDATE salesforce.u t SET f = s.f FROM salesforce.s s WHERE t.Id = s.Id')).toMatchObject({
      message: 'UPDATE/MERGE must match at most one source row for each target row',
      reason: 'invalidQuery',
    });
    expect(await rows()).toEqual(before);
    expect(await counts('UPDATE salesforce.u t SET f = s.f FROM salesforce.s s WHERE t.Id = s.Id AND s.n <> 5')).toEqual([2, 0, 2, 0]);
  });

  test.each([
    ['SET f = s.f FROM salesforce.s AS s WHERE Id = s.Id', 'ambiguous'],
    ['SET f = s.n FROM salesforce.s AS s WHERE t.Id = s.Id', 'cannot be assigned to f'],
    ['SET s.f = 1 FROM salesforce.s AS s WHERE t.Id = s.Id', 'Unrecognized name: s'],
    ['SET f = t.f FROM salesforce.s AS t WHERE TRUE', 'Duplicate table alias t'],
    ['SET f = s.f FROM (SELECT t.f FROM salesforce.s) AS s WHERE TRUE', 'Unrecognized name: t.f'],
    ['SET f = s.f FROM salesforce.s AS s', 'Expected keyword WHERE'],
  ])('%s is refused', async (query, message) => {
    expect((await refusal(emulator, `UPDATE salesforce.u t ${query}`)).message).toContain(message);
  });

  test('DELETE, INSERT … SELECT and MERGE read other tables too', async () => {
    expect(await counts('DELETE FROM salesforce.u t WHERE NOT EXISTS (SELECT 1 FROM salesforce.s WHERE s.Id = t.Id AND s.n > 4)')).toEqual([
      1, 0, 0, 1,
    ]);
    expect(
      await counts(
        'INSERT INTO salesforce.u (Id, n) WITH fresh AS (SELECT Id, n FROM salesforce.s) SELECT Id, n FROM fresh WHERE Id NOT IN (SELECT Id FROM salesforce.u)',
      ),
    ).toEqual([2, 2, 0, 0]);
    const replace = `MERGE salesforce.u USING salesforce.s AS source ON FALSE
      WHEN NOT MATCHED BY SOURCE THEN DELETE WHEN NOT MATCHED THEN INSERT (Id, n, f) VALUES (Id, n, f)`;
    expect(await counts(replace)).toEqual([6, 3, 0, 3]);
    expect(await run('SELECT * FROM salesforce.u ORDER BY Id')).toEqual(await run('SELECT * FROM salesforce.s ORDER BY Id'));
    const mark = `MERGE salesforce.u AS target USING (SELECT Id FROM salesforce.s WHERE Id <> 'b') AS source ON target.Id = source.Id
      WHEN NOT MATCHED BY SOURCE AND target.f IS NOT NULL THEN UPDATE SET f = NULL`;
    expect(await counts(mark)).toEqual([1, 0, 1, 0]);
  });
});

describe('other statements', () => {
  test('INSERT, UPDATE, DELETE and TRUNCATE change rows and report how many', async () => {
    await run('CREATE TABLE salesforce.dml (a INT64 NOT NULL, d DATE)');
    expect(await counts(`INSERT INTO salesforce.dml (a, d) VALUES (1, '2024-01-01'), (2, DEFAULT)`)).toEqual([2, 2, 0, 0]);
    expect(await counts('INSERT salesforce.dml (a) SELECT a + 10 FROM salesforce.dml')).toEqual([2, 2, 0, 0]);
    expect(await counts('UPDATE salesforce.dml AS x SET x.d = NULL WHERE x.a = 1')).toEqual([1, 0, 1, 0]);
    expect(await counts('DELETE FROM salesforce.dml WHERE a > 10')).toEqual([2, 0, 0, 2]);
    expect(await run('SELECT * FROM salesforce.dml ORDER BY a')).toEqual([
      ['1', null],
      ['2', null],
    ]);
    await run('TRUNCATE TABLE salesforce.dml');
    expect(await run('SELECT * FROM salesforce.dml')).toEqual([]);
    expect((await refusal(emulator, 'INSERT INTO salesforce.dml (d) VALUES (NULL)')).message).toBe('Required field a cannot be null');
    expect((await refusal(emulator, 'DELETE FROM salesforce.dml')).message).toContain('Expected keyword WHERE');
    expect((await refusal(emulator, `INSERT INTO salesforce.dml (a) VALUES ('1')`)).message).toContain('cannot be assigned to a');
  });

  test('ALTER TABLE adds, widens and drops columns', async () => {
    await run(`CREATE TABLE salesforce.altered AS SELECT 1 AS a, 'x' AS b`);
    await run(
      'ALTER TABLE `local.salesforce.altered` ADD COLUMN IF NOT EXISTS `B` STRING, ADD COLUMN IF NOT EXISTS `c` NUMERIC OPTIONS (description = "sum")',
    );
    await run('ALTER TABLE salesforce.altered ALTER COLUMN a SET DATA TYPE NUMERIC, DROP COLUMN b, SET OPTIONS (description = "text")');
    expect(await table('altered')).toMatchObject({
      description: 'text',
      schema: {
        fields: [
          { name: 'a', type: 'NUMERIC' },
          { name: 'c', type: 'NUMERIC', description: 'sum' },
        ],
      },
    });
    expect(await run('SELECT * FROM salesforce.altered')).toEqual([['1', null]]);
    expect((await refusal(emulator, 'ALTER TABLE salesforce.altered ALTER COLUMN a SET DATA TYPE STRING')).message).toContain(
      'cannot change a from NUMERIC to STRING',
    );
    expect((await refusal(emulator, 'ALTER TABLE salesforce.altered ADD COLUMN r STRING NOT NULL')).message).toContain('required');
    expect((await refusal(emulator, 'ALTER TABLE salesforce.none ADD COLUMN r STRING')).reason).toBe('notFound');
  });

  test('ALTER TABLE describes and relaxes columns, but drops no partitioning or clustering column', async () => {
    await run('CREATE TABLE salesforce.arranged (Id STRING NOT NULL, d DATE, n INT64) PARTITION BY d CLUSTER BY Id');
    await run(`ALTER TABLE salesforce.arranged ALTER COLUMN Id SET OPTIONS (description = 'Record id'), ALTER COLUMN Id DROP NOT NULL`);
    expect((await table('arranged')).schema.fields[0]).toEqual({
      name: 'Id',
      type: 'STRING',
      mode: 'NULLABLE',
      description: 'Record id',
    });
    await run('INSERT INTO salesforce.arranged (n) VALUES (1)');
    await run('ALTER TABLE salesforce.arranged ALTER COLUMN Id SET OPTIONS (description = NULL)');
    expect((await table('arranged')).schema.fields[0].description).toBeUndefined();
    for (const column of ['Id', 'd'])
      expect((await refusal(emulator, `ALTER TABLE salesforce.arranged DROP COLUMN ${column}`)).message).toContain('cannot be dropped');
  });

  test('CREATE and DROP check what exists', async () => {
    await run('CREATE TABLE salesforce.c (a INT64)');
    expect(await refusal(emulator, 'CREATE TABLE salesforce.c (a INT64)')).toMatchObject({ code: 409, reason: 'duplicate' });
    await run('CREATE TABLE IF NOT EXISTS salesforce.c (other STRING)');
    await run('CREATE OR REPLACE VIEW salesforce.v AS\n  SELECT a AS b FROM salesforce.c;');
    expect(await table('v')).toMatchObject({ type: 'VIEW', view: { query: 'SELECT a AS b FROM salesforce.c' } });
    expect((await refusal(emulator, 'DROP TABLE salesforce.v')).code).toBe(400);
    await run('DROP VIEW salesforce.v');
    await run('DROP TABLE IF EXISTS salesforce.nothing');
    expect((await refusal(emulator, 'DROP TABLE salesforce.nothing')).reason).toBe('notFound');
    await run('DROP TABLE salesforce.c');
    expect((await refusal(emulator, 'SELECT * FROM salesforce.c')).reason).toBe('notFound');
    expect((await refusal(emulator, 'CREATE TABLE salesforce.d AS SELECT 1')).message).toContain('must be named');
    expect((await refusal(emulator, 'CREATE OR REPLACE TABLE salesforce.target (Id STRING) PARTITION BY Id')).code).toBe(400);
  });

  test('concurrent changes of one table all take effect', async () => {
    await run('CREATE TABLE salesforce.many (a INT64)');
    await Promise.all(Array.from({ length: 8 }, (_, index) => run(`INSERT INTO salesforce.many VALUES (${index})`)));
    await Promise.all(Array.from({ length: 4 }, () => run('UPDATE salesforce.many SET a = a + 1 WHERE TRUE')));
    expect(await run('SELECT COUNT(*), MIN(a), MAX(a) FROM salesforce.many')).toEqual([['8', '4', '11']]);
  });

  test('a query continues while its table is replaced', async () => {
    await run('CREATE TABLE salesforce.swapped AS SELECT 1 AS a');
    const replace = () => run('CREATE OR REPLACE TABLE salesforce.swapped AS SELECT 1 AS a');
    const read = () => run('SELECT a FROM salesforce.swapped');
    const results = await Promise.all(Array.from({ length: 24 }, (_, index) => (index % 2 ? read() : replace())));
    expect(results.filter((_, index) => index % 2)).toEqual(Array(12).fill([['1']]));
  });
});
