import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type BigQueryEmulator, startBigQuery } from '../../../../../app/local/emulators/bigquery/rest/bigquery.ts';
import { refusal, rowsOf } from './client.ts';

let emulator: BigQueryEmulator;
beforeAll(async () => {
  emulator = await startBigQuery();
});
afterAll(() => emulator.close());

const literal = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const micros = (iso: string) => String(BigInt(Date.parse(iso)) * 1000n);

const CASTS: Record<string, [input: string, expected: string | null][]> = {
  INT64: [
    ['12', '12'],
    ['-5', '-5'],
    ['+5', '5'],
    [' 7', '7'],
    ['0x1F', '31'],
    ['-0x1F', '-31'],
    ['0x8000000000000000', null],
    ['9223372036854775807', '9223372036854775807'],
    ['9223372036854775808', null],
    ['12.0', null],
    ['12.7', null],
    ['1e3', null],
    ['', null],
    [' ', null],
    ['1_000', null],
    ['1,000', null],
  ],
  BOOL: [
    ['true', 'true'],
    ['TRUE', 'true'],
    ['False', 'false'],
    ['1', null],
    ['0', null],
    ['t', null],
    ['yes', null],
    ['', null],
  ],
  FLOAT64: [
    ['1.5', '1.5'],
    ['1e3', '1000.0'],
    ['-0.25', '-0.25'],
    ['.5', '0.5'],
    ['5.', '5.0'],
    ['1e400', 'Infinity'],
    ['-1e400', '-Infinity'],
    ['nan', 'NaN'],
    ['inf', 'Infinity'],
    ['1e-400', '0.0'],
    ['0x1F', '31.0'],
    ['nan(1)', 'NaN'],
    ['x', null],
    ['', null],
    ['1_0', null],
  ],
  NUMERIC: [
    ['12.0', '12'],
    ['1e3', '1000'],
    ['1.5E-3', '0.0015'],
    ['1.0000000005', '1.000000001'],
    ['-1.0000000005', '-1.000000001'],
    ['0.0000000004', '0'],
    ['1e-60', '0'],
    ['1234567895E-10', '0.12345679'],
    ['0e99999999999', '0'],
    ['1e99999999999', null],
    ['99999999999999999999999999999', '99999999999999999999999999999'],
    ['100000000000000000000000000000', null],
    ['1.2.3', null],
    ['$1', null],
    ['', null],
  ],
  BIGNUMERIC: [
    ['1.000000000000000001', '1.000000000000000001'],
    ['1e3', '1000'],
    ['1.2345678E7', '12345678'],
    ['1e-60', '0'],
    ['', null],
  ],
  DATE: [
    ['2024-02-29', '2024-02-29'],
    ['2024-2-3', '2024-02-03'],
    ['0001-01-01', '0001-01-01'],
    ['9999-12-31', '9999-12-31'],
    ['0000-01-01', null],
    ['2023-02-29', null],
    ['2024-01-01T00:00:00Z', null],
    ['2024-01-01 00:00:00', null],
    ['20240101', null],
    ['', null],
  ],
  TIME: [
    ['12:34:56', '12:34:56'],
    ['12:34:56.789', '12:34:56.789000'],
    ['12:34:56.1234567', null],
    ['23:59:60', '00:00:00'],
    ['12:34:56.000Z', null],
    ['24:00:00', null],
    ['12:60:00', null],
    ['', null],
  ],
  TIMESTAMP: [
    ['2024-03-10T12:34:56.000Z', micros('2024-03-10T12:34:56Z')],
    ['2024-03-10T12:34:56.000+0000', micros('2024-03-10T12:34:56Z')],
    ['2024-03-10 12:34:56+05:30', micros('2024-03-10T07:04:56Z')],
    ['2024-03-10 12:34:56-05', micros('2024-03-10T17:34:56Z')],
    ['2024-03-10', micros('2024-03-10T00:00:00Z')],
    ['2024-03-10 12:34:56 UTC', micros('2024-03-10T12:34:56Z')],
    ['2024-03-10 +01', micros('2024-03-09T23:00:00Z')],
    ['2024-03-10Z', null],
    ['2024-03-10T12:34:56UTC', null],
    ['2016-12-31T23:59:60Z', micros('2017-01-01T00:00:00Z')],
    ['2024-03-10T12:34:56.1234567Z', null],
    ['2024-03-10T12:34:56-073', micros('2024-03-10T19:37:56Z')],
    ['2024-03-10T24:00:00Z', null],
    ['2024-03-10T12:34:56+25:00', null],
    ['x', null],
  ],
};

describe.each(Object.entries(CASTS))('SAFE_CAST of a string to %s', (type, cases) => {
  test.each(cases)(`%j is %j`, async (input, expected) => {
    expect(await rowsOf(emulator, `SELECT SAFE_CAST(x AS ${type}) FROM (SELECT ${literal(input)} AS x)`)).toEqual([[expected]]);
  });

  test('is NULL if CAST fails', async () => {
    const bad = cases.find(([, expected]) => expected === null)![0];
    expect(await refusal(emulator, `SELECT CAST(x AS ${type}) FROM (SELECT ${literal(bad)} AS x)`)).toMatchObject({
      reason: 'invalidQuery',
      code: 400,
    });
    expect(await rowsOf(emulator, `SELECT CAST(CAST(NULL AS STRING) AS ${type})`)).toEqual([[null]]);
  });
});

describe("Salesforce's text formats", () => {
  test.each([
    ['2024-03-10T12:34:56.789Z', '2024-03-10T12:34:56.789Z'],
    ['2024-03-10T12:34:56.000+0000', '2024-03-10T12:34:56Z'],
    ['2024-03-10T12:34:56+00:00', '2024-03-10T12:34:56Z'],
    ['2024-03-10T12:34:56.000-0730', '2024-03-10T20:04:56Z'],
    ['0001-01-01T00:00:00.000Z', '0001-01-01T00:00:00Z'],
    ['9999-12-31T23:59:59.000Z', '9999-12-31T23:59:59Z'],
    ['2024-03-10T12:34:56', null],
    ['2024-03-10', null],
    ['24-3-1T12:34:56Z', '0024-03-01T12:34:56Z'],
    ['2016-12-31T23:59:60.999Z', '2017-01-01T00:00:00Z'],
    ['2024-03-10T12:34:56.000z', null],
    ['2024-03-10T12:34:56+1401', null],
    ['2024-13-10T12:34:56Z', null],
    ['', null],
  ])('%j as datetime is %j', async (input, expected) => {
    const query = `SELECT SAFE.PARSE_TIMESTAMP('%Y-%m-%dT%H:%M:%E*S%Ez', x) FROM (SELECT ${literal(input)} AS x)`;
    expect(await rowsOf(emulator, query)).toEqual([[expected && micros(expected)]]);
  });

  test.each([
    ['12:34:56.000Z', '12:34:56'],
    ['23:59:59.999Z', '23:59:59.999000'],
    ['23:59:60.5Z', '00:00:00'],
    ['12:34:56', null],
    ['24:00:00.000Z', null],
    ['', null],
  ])('%j as time is %j', async (input, expected) => {
    expect(await rowsOf(emulator, `SELECT SAFE.PARSE_TIME('%H:%M:%E*SZ', x) FROM (SELECT ${literal(input)} AS x)`)).toEqual([[expected]]);
  });

  test.each([
    ['12.0', '12'],
    ['12', '12'],
    ['1e3', '1000'],
    ['12.5', null],
    ['x', null],
    ['99999999999999999999', null],
  ])('%j as integer is %j', async (input, expected) => {
    const numeric = 'SAFE_CAST(x AS NUMERIC)';
    const query = `SELECT IF(${numeric} = TRUNC(${numeric}), SAFE_CAST(${numeric} AS INT64), NULL) FROM (SELECT ${literal(input)} AS x)`;
    expect(await rowsOf(emulator, query)).toEqual([[expected]]);
  });

  test('invalid base64 is NULL', async () => {
    expect(await rowsOf(emulator, `SELECT SAFE.FROM_BASE64('aGk='), SAFE.FROM_BASE64('§')`)).toEqual([['aGk=', null]]);
  });

  test('PARSE_TIMESTAMP without SAFE fails', async () => {
    expect((await refusal(emulator, `SELECT PARSE_TIMESTAMP('%Y', 'x')`)).message).toContain('Failed to parse input string: x');
  });
});

describe('values cast to STRING', () => {
  test.each([
    [`CAST(NUMERIC '1.50' AS STRING)`, '1.5'],
    [`CAST(NUMERIC '100' AS STRING)`, '100'],
    [`CAST(1.0 AS STRING)`, '1'],
    [`CAST(3.141592653589793 AS STRING)`, '3.1415926535897931'],
    [`CAST(1e15 AS STRING)`, '1e+15'],
    [`CAST(-0.0 AS STRING)`, '0'],
    [`CAST(CAST('-inf' AS FLOAT64) AS STRING)`, '-inf'],
    [`CAST(TRUE AS STRING)`, 'true'],
    [`CAST(DATE '0031-02-03' AS STRING)`, '0031-02-03'],
    [`CAST(TIMESTAMP '2024-01-02 03:04:05+00' AS STRING)`, '2024-01-02 03:04:05+00'],
    [`CAST(TIMESTAMP '2024-01-02 03:04:05.5+00' AS STRING)`, '2024-01-02 03:04:05.500+00'],
    [`CAST(TIMESTAMP '2024-01-02 03:04:05.000001+00' AS STRING)`, '2024-01-02 03:04:05.000001+00'],
    [`CAST(TIME '12:34:56.7' AS STRING)`, '12:34:56.700'],
    [`CAST(CAST(2.5 AS INT64) AS STRING)`, '3'],
    [`CAST(CAST(NUMERIC '-2.5' AS INT64) AS STRING)`, '-3'],
  ])('%s is %j', async (expression, expected) => {
    expect(await rowsOf(emulator, `SELECT ${expression}`)).toEqual([[expected]]);
  });
});
