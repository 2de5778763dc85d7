import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type BigQueryEmulator, startBigQuery } from '../../../../../app/local/emulators/bigquery/rest/bigquery.ts';
import { clientOf } from '../../../../support/bigquery.ts';
import { refusal, rowsOf } from './client.ts';

let emulator: BigQueryEmulator;
beforeAll(async () => {
  emulator = await startBigQuery();
  await clientOf(emulator).createDataset('salesforce');
  await rowsOf(
    emulator,
    'CREATE TABLE salesforce.Account (Id STRING, Name STRING, Amount NUMERIC, Score FLOAT64, Created TIMESTAMP, Day DATE)',
  );
  await rowsOf(
    emulator,
    `INSERT INTO salesforce.Account VALUES ('1', 'Ann', 10, 1.5, TIMESTAMP '2024-01-31 10:00:00+00', DATE '2024-01-31'),
      ('2', 'Bob', 5, CAST('nan' AS FLOAT64), TIMESTAMP '2024-02-01 11:00:00+00', NULL), ('3', NULL, NULL, NULL, NULL, NULL)`,
  );
  await rowsOf(
    emulator,
    `CREATE TABLE salesforce.Contact AS SELECT 'c1' AS Id, '1' AS AccountId UNION ALL SELECT 'c2', '1' UNION ALL SELECT 'c3', '9'`,
  );
});
afterAll(() => emulator.close());

const TIME = `TIMESTAMP '2024-02-29 13:14:15.678901+00'`;

describe('expressions', () => {
  test.each([
    [`'it\\'s \\n \\x41 \\u00e9 \\\\'`, "it's \n A é \\"],
    [`"double" || r'\\n' || '''tri'ple'''`, "double\\ntri'ple"],
    ['1 + 2 * 3 - -4', '11'],
    ['7 / 2', '3.5'],
    [`NUMERIC '10' / 3`, '3.333333333'],
    [`NUMERIC '-2' / 3`, '-0.666666667'],
    [`NUMERIC '1.5' * 2`, '3'],
    ['SAFE_DIVIDE(1, 0)', null],
    ['DIV(-7, 2)', '-3'],
    ['MOD(-7, 2)', '-1'],
    ['ROUND(2.5)', '3.0'],
    ['ROUND(-2.567, 2)', '-2.57'],
    [`TRUNC(NUMERIC '-2.7')`, '-2'],
    ['GREATEST(1, NULL)', null],
    ['NULL = NULL', null],
    [`CAST('nan' AS FLOAT64) = CAST('nan' AS FLOAT64)`, 'false'],
    [`'b' BETWEEN 'a' AND 'c'`, 'true'],
    [`'a_c' LIKE 'a\\\\_c'`, 'true'],
    ['1 IN (2, NULL)', null],
    ['1 IS DISTINCT FROM NULL', 'true'],
    [`CASE 2 WHEN 1 THEN 'one' ELSE 'other' END`, 'other'],
    [`COALESCE(NULL, 'x')`, 'x'],
    [`NULLIF('', '')`, null],
    [`CONCAT('a', NULL)`, null],
    [`LENGTH('é👩')`, '2'],
    [`BYTE_LENGTH('é')`, '2'],
    [`TRIM('\\t a\\n')`, 'a'],
    [`SUBSTR('hello', 0, 2)`, 'he'],
    [`SUBSTR('hello', -3)`, 'llo'],
    [`STRPOS('abc', 'c')`, '3'],
    [`REGEXP_EXTRACT('ab12', '[a-z]+([0-9]+)')`, '12'],
    [`REGEXP_EXTRACT('ab', '[0-9]')`, null],
    [`REGEXP_REPLACE('aXbX', 'X', '-')`, 'a-b-'],
    [`TO_HEX(MD5('a'))`, '0cc175b9c0f1b6a831c399e269772661'],
    [`DATE(${TIME})`, '2024-02-29'],
    [`TIMESTAMP_TRUNC(${TIME}, MONTH)`, '1706745600000000'],
    [`TIMESTAMP_TRUNC(${TIME}, WEEK)`, '1708819200000000'],
    [`TIMESTAMP_ADD(${TIME}, INTERVAL 1 DAY)`, '1709298855678901'],
    [`DATE_ADD(DATE '2024-01-31', INTERVAL 1 MONTH)`, '2024-02-29'],
    [`DATE_SUB(DATE '2024-03-01', INTERVAL 2 WEEK)`, '2024-02-16'],
    [`TIMESTAMP_DIFF(TIMESTAMP '2024-01-01 00:00:00+00', TIMESTAMP '2024-01-01 01:59:00+00', HOUR)`, '-1'],
    [`DATE_DIFF(DATE '2024-03-01', DATE '2024-02-28', DAY)`, '2'],
    [`DATE_DIFF(DATE '2024-01-07', DATE '2024-01-06', WEEK)`, '1'],
    [`EXTRACT(YEAR FROM ${TIME})`, '2024'],
    [`EXTRACT(DAYOFWEEK FROM DATE '2024-01-07')`, '1'],
    [`EXTRACT(MILLISECOND FROM ${TIME})`, '678'],
    [`EXTRACT(SECOND FROM ${TIME})`, '15'],
    [`UNIX_MILLIS(${TIME})`, '1709212455678'],
    ['TIMESTAMP_MILLIS(1500)', '1500000'],
    [`FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E3SZ', ${TIME})`, '2024-02-29T13:14:15.678Z'],
    [`PARSE_DATE('%Y%m%d', '20240229')`, '2024-02-29'],
    [`EXISTS (SELECT 1 FROM salesforce.Contact WHERE AccountId = '9')`, 'true'],
    [`(SELECT MAX(Id) FROM salesforce.Contact)`, 'c3'],
    ['ARRAY_LENGTH([1, 2])', '2'],
    ['0x10', '16'],
    ['-9223372036854775807', '-9223372036854775807'],
  ])('%s is %j', async (expression, expected) => {
    expect(await rowsOf(emulator, `SELECT ${expression}`)).toEqual([[expected]]);
  });

  test('fail the query on an error, or are NULL with SAFE.', async () => {
    expect((await refusal(emulator, 'SELECT 1 / 0')).message).toContain('division by zero');
    expect((await refusal(emulator, 'SELECT 9223372036854775807 + 1')).reason).toBe('invalidQuery');
    expect(await rowsOf(emulator, `SELECT SAFE.FROM_BASE64('?'), SAFE.PARSE_DATE('%F', 'x')`)).toEqual([[null, null]]);
    expect((await refusal(emulator, `SELECT SAFE.SUBSTR('a', 1, -1)`)).message).toContain('does not support SAFE.SUBSTR');
  });

  test('are returned in every format of a result', async () => {
    const query = `SELECT [1, 2] AS a, STRUCT('x' AS s, 1.5 AS f) AS st, b.d, CAST(NULL AS BYTES), DATETIME '2024-01-02 03:04:05', 1e30, TRUE
      FROM (SELECT DATE '1969-12-31' AS d) AS b`;
    expect(await rowsOf(emulator, query)).toEqual([
      [[{ v: '1' }, { v: '2' }], { f: [{ v: 'x' }, { v: '1.5' }] }, '1969-12-31', null, '2024-01-02T03:04:05', '1.0E30', 'true'],
    ]);
    expect(await rowsOf(emulator, `SELECT TIMESTAMP '2024-01-01 00:00:00+00'`, { formatOptions: {} })).toEqual([['1.7040672E9']]);
    const iso = { formatOptions: { timestampOutputFormat: 'ISO8601_STRING' } };
    expect(await rowsOf(emulator, `SELECT TIMESTAMP '2024-01-01 00:00:00+00'`, iso)).toEqual([['2024-01-01T00:00:00Z']]);
  });
});

describe('queries', () => {
  test.each([
    ['SELECT Id FROM salesforce.Account ORDER BY Name', [['3'], ['1'], ['2']]],
    ['SELECT Id FROM salesforce.Account ORDER BY Score, Id', [['3'], ['2'], ['1']]],
    ['SELECT Id FROM salesforce.Account ORDER BY Name DESC LIMIT 1 OFFSET 1', [['1']]],
    [
      'SELECT a.Name, COUNT(c.Id) AS n FROM salesforce.Account a LEFT JOIN salesforce.Contact AS c ON c.AccountId = a.Id GROUP BY 1 ORDER BY n DESC, 1',
      [
        ['Ann', '2'],
        [null, '0'],
        ['Bob', '0'],
      ],
    ],
    [
      'SELECT Id, AccountId FROM salesforce.Contact JOIN (SELECT Id AS AccountId FROM salesforce.Account) USING (AccountId) ORDER BY Id',
      [
        ['c1', '1'],
        ['c2', '1'],
      ],
    ],
    [
      'SELECT SUM(Amount), AVG(Amount), MIN(Name), COUNT(*), COUNT(Name), COUNTIF(Amount > 5), COUNT(DISTINCT Name) FROM salesforce.Account',
      [['15', '7.5', 'Ann', '3', '2', '1', '2']],
    ],
    [`SELECT STRING_AGG(Name, '-' ORDER BY Name DESC) FROM salesforce.Account`, [['Bob-Ann']]],
    [
      'SELECT Id, ROW_NUMBER() OVER (ORDER BY Amount DESC) AS r FROM salesforce.Account QUALIFY r <= 2 ORDER BY r',
      [
        ['1', '1'],
        ['2', '2'],
      ],
    ],
    [
      'SELECT Id, LAG(Id) OVER (ORDER BY Id) FROM salesforce.Account ORDER BY Id',
      [
        ['1', null],
        ['2', '1'],
        ['3', '2'],
      ],
    ],
    ['SELECT * EXCEPT (Name, Amount, Score, Created, Day) FROM salesforce.Account WHERE Day IS NOT NULL', [['1']]],
    ['SELECT * REPLACE (UPPER(AccountId) AS AccountId) FROM salesforce.Contact WHERE Id = "c3"', [['c3', '9']]],
    [
      'WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS x FROM a) SELECT x FROM a UNION ALL SELECT x FROM b ORDER BY x DESC',
      [['2'], ['1']],
    ],
    ['SELECT 1 AS x UNION DISTINCT SELECT 1', [['1']]],
    ['SELECT NULL AS x UNION ALL SELECT "a" ORDER BY 1', [[null], ['a']]],
    ['SELECT x FROM UNNEST([3, 1]) AS x WHERE x > 1', [['3']]],
    [
      'SELECT DATE_TRUNC(Day, MONTH) AS month, COUNT(*) FROM salesforce.Account WHERE Day IS NOT NULL GROUP BY month HAVING COUNT(*) = 1',
      [['2024-01-01', '1']],
    ],
    [
      'SELECT (SELECT COUNT(*) FROM salesforce.Contact c WHERE c.AccountId = a.Id) FROM salesforce.Account a ORDER BY a.Id',
      [['2'], ['0'], ['0']],
    ],
    [`SELECT Id FROM \`local.salesforce.Account\` WHERE Day = '2024-01-31'`, [['1']]],
    [`SELECT id FROM \`local\`.\`salesforce\`.\`Account\` WHERE NAME = 'Bob' -- a comment`, [['2']]],
  ])('%s', async (query, rows) => {
    expect(await rowsOf(emulator, query)).toEqual(rows);
  });

  test('name their columns as BigQuery does', async () => {
    const [, response] = await clientOf(emulator).createQueryJob({
      query: 'SELECT 1, Id, 2 AS x, 3 FROM salesforce.Account',
      dryRun: true,
    });
    const fields = (response as { statistics: { query: { schema: { fields: { name: string }[] } } } }).statistics.query.schema.fields;
    expect(fields.map((field) => field.name)).toEqual(['f0_', 'Id', 'x', 'f1_']);
  });
});

describe('a query that BigQuery refuses', () => {
  test.each([
    ['SELECT Nme FROM salesforce.Account', 'Unrecognized name: Nme at [1:8]'],
    ['SELECT a.Nme FROM salesforce.Account a', 'Name Nme not found inside a'],
    ['SELECT Account.Id FROM salesforce.Account a', 'Unrecognized name: Account.Id'],
    ['SELECT Id FROM salesforce.Account, salesforce.Contact', 'Column name Id is ambiguous'],
    ['SELECT Name FROM salesforce.Account AS name', 'a whole row as a value'],
    ['SELECT name.Nme FROM salesforce.Account AS name', 'Name Nme not found inside name'],
    [`SELECT Id FROM salesforce.Account WHERE Id = 1`, 'No matching signature for operator = for argument types: STRING, INT64'],
    [`SELECT Id FROM salesforce.Account WHERE Amount = '5'`, 'No matching signature for operator ='],
    ['SELECT Id FROM salesforce.Account WHERE Created = Day', 'No matching signature for operator ='],
    ['SELECT Id FROM salesforce.Account WHERE Name', 'WHERE clause should return type BOOL'],
    [`SELECT CONCAT('a', 1)`, 'No matching signature for function CONCAT'],
    [`SELECT LENGTH(1)`, 'No matching signature for function LENGTH for argument types: INT64'],
    ['SELECT list_sum([1])', 'Function not found: LIST_SUM'],
    [`SELECT IF(1, 2, 3)`, 'No matching signature for function IF'],
    [`SELECT COALESCE(1, 'a')`, 'No matching signature for function COALESCE'],
    [`SELECT CAST(DATE '2024-01-01' AS INT64)`, 'Invalid cast from DATE to INT64'],
    ['SELECT 1 UNION ALL SELECT "a"', 'incompatible types: INT64, STRING'],
    ['SELECT 1 UNION ALL SELECT 1, 2', 'mismatched column count'],
    ['SELECT 1 UNION SELECT 1', 'Syntax error: Expected keyword DISTINCT but got keyword SELECT'],
    ['SELECT Name, COUNT(*) FROM salesforce.Account', 'neither grouped nor aggregated'],
    ['SELECT Id, Id FROM salesforce.Account', 'Duplicate column names in the result are not supported'],
    ['SELECT * FROM salesforce.account', 'Not found: Table local:salesforce.account'],
    ['SELECT * FROM nowhere.Account', 'Not found: Dataset local:nowhere'],
    ['SELECT * FROM Account', 'must be qualified with a dataset'],
    ['SELECT * FROM `other.salesforce.Account`', 'Access Denied'],
    ['SELECT ROW_NUMBER() FROM salesforce.Account', 'cannot be called without an OVER clause'],
    ['SELECT Id FROM salesforce.Account QUALIFY Id', 'QUALIFY clause should return type BOOL'],
    [`SELECT 'a`, 'Syntax error: Unclosed string literal'],
    [`SELECT '\\q'`, 'Illegal escape sequence: \\q'],
    ['SELECT Id FROM salesforce.Account LIMIT Id', 'Unrecognized name: Id'],
    ['SELECT FROM salesforce.Account', 'Syntax error: Unexpected keyword FROM at [1:8]'],
    ['SELECT 1 = 1 = 1', 'Syntax error'],
    ['SELECT Id::STRING FROM salesforce.Account', 'Syntax error'],
    ['SELECT DATE "2024-02-30"', 'Invalid date'],
    ['PRAGMA version', 'does not support statements that start with PRAGMA'],
    ["COPY salesforce.Account TO '/tmp/x'", 'does not support statements that start with COPY'],
    [`SELECT * FROM read_csv('/etc/passwd')`, 'Syntax error'],
    ['SELECT ARRAY_AGG(Id LIMIT 1) FROM salesforce.Account', 'does not support LIMIT in arguments'],
  ])('%s', async (query, message) => {
    const { message: shown, code } = await refusal(emulator, query);
    expect(shown).toContain(message);
    expect([400, 403, 404]).toContain(code);
  });
});
