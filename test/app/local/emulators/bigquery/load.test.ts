import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type BigQueryEmulator, startBigQuery } from '../../../../../app/local/emulators/bigquery/rest/bigquery.ts';
import { clientOf } from '../../../../support/bigquery.ts';
import { addFault, type LoadOptions, loadText, rowsOf } from './client.ts';

let emulator: BigQueryEmulator;
let tables = 0;
beforeAll(async () => {
  emulator = await startBigQuery();
  await clientOf(emulator).createDataset('salesforce');
});
afterAll(() => emulator.close());

/** Loads into a new table. @returns the job, the rows and the table */
async function load(text: string | Buffer, options: Partial<LoadOptions> = {}, gzip = false) {
  const table = `load_${tables++}`;
  const job = await loadText(emulator, { table, columns: ['a', 'b'], ...options }, text, gzip);
  const rows = job.error || job.status.errorResult ? [] : await rowsOf(emulator, `SELECT * FROM salesforce.${table}`);
  return { job, rows, table };
}

describe('a load of CSV', () => {
  test.each([
    ['quoted and unquoted values', '"a",b\n', [['a', 'b']]],
    [
      'a quoted empty value as an empty string, an unquoted one as NULL',
      '"",\n,""\n',
      [
        ['', null],
        [null, ''],
      ],
    ],
    ['doubled quotes, commas and line breaks in quotes', '"say ""hi""","x,\r\ny\nz\rw"\n', [['say "hi"', 'x,\r\ny\nz\rw']]],
    [
      'LF, CR LF and CR as record separators',
      'a,b\r\nc,d\re,f',
      [
        ['a', 'b'],
        ['c', 'd'],
        ['e', 'f'],
      ],
    ],
    ['NUL and other control characters', '"a\0b","\x01\x1f"\n', [['a\0b', '\x01\x1f']]],
    ['spaces around values', '" a ", b \n', [[' a ', ' b ']]],
    ['text beyond ASCII', '"Grüße 日本 👩‍👩‍👧","\u2028"\n', [['Grüße 日本 👩‍👩‍👧', '\u2028']]],
    ['strings that look like NULL', 'NULL,\\N\n', [['NULL', '\\N']]],
  ])('reads %s', async (_, text, rows) => {
    expect((await load(text)).rows).toEqual(rows);
    expect((await load(text, {}, true)).rows).toEqual(rows);
  });

  test('skips leading rows, even with a quoted line break', async () => {
    const { rows, job } = await load('"h\n1",h2\n1,2\n', { load: { skipLeadingRows: 1 } });
    expect([rows, job.statistics.load.outputRows]).toEqual([[['1', '2']], '1']);
  });

  test("maps a file's columns to the table's by the names in the job's schema", async () => {
    const { table } = await load('1,2\n');
    await loadText(emulator, { table, columns: ['b', 'a'], load: { createDisposition: 'CREATE_NEVER' } }, '3,4\n');
    expect((await rowsOf(emulator, `SELECT a, b FROM salesforce.${table} ORDER BY a`)).sort()).toEqual([
      ['1', '2'],
      ['4', '3'],
    ]);
  });

  test('replaces bytes that are not UTF-8 with U+FFFD', async () => {
    expect((await load(Buffer.concat([Buffer.from('"x'), Buffer.from([0xff, 0xc3]), Buffer.from('",y\n')]))).rows).toEqual([
      ['x\ufffd\ufffd', 'y'],
    ]);
  });

  test('reads a value of several megabytes', async () => {
    const long = 'ä"\n'.repeat(1_200_000);
    const { rows } = await load(`"${long.replaceAll('"', '""')}",x\n`);
    expect((rows[0]![0] as string) === long).toBe(true);
  });

  test('accepts another delimiter and no quote character', async () => {
    expect((await load('"a"\tb\n', { load: { fieldDelimiter: '\\t', quote: '' } })).rows).toEqual([['"a"', 'b']]);
  });

  test.each([
    ['too few values', 'a,b\nc\n', {}, 'Too few columns in row'],
    ['too many values', 'a,b,c\n', {}, 'Too many values in row'],
    ['a quote that does not close', '"a,b\n', {}, 'Missing close quote character'],
    ['text after a closing quote', '"a"x,b\n', {}, 'Data between close quote character'],
    ['a quoted line break that is not allowed', '"a\n",b\n', { allowQuotedNewlines: false }, 'Missing close quote character'],
    ['a NUL that is not allowed', 'a\0,b\n', { preserveAsciiControlCharacters: false }, 'Bad character (ASCII 0)'],
  ])('fails for %s, says on which line, and creates no table', async (_, text, settings, message) => {
    const { job, table } = await load(text, { load: settings });
    expect(job.status.state).toBe('DONE');
    expect(job.status.errorResult).toMatchObject({ reason: 'invalid', message: expect.stringContaining('too many errors, giving up') });
    expect(job.status.errors.at(-1).message).toContain(message);
    expect(job.status.errors.at(-1).message).toContain('line_number: ');
    expect(job.statistics.load).toBeUndefined();
    expect(await clientOf(emulator).dataset('salesforce').table(table).exists()).toEqual([false]);
  });

  test('fails for truncated gzip', async () => {
    const { gzipSync } = await import('node:zlib');
    const { job } = await load(gzipSync('a,b\n'.repeat(10_000)).subarray(0, 60));
    expect(job.status.errorResult.message).toContain('gzip');
  });

  test('fails for gzip under the fault gzip-unknown', async () => {
    const { gzipSync } = await import('node:zlib');
    await addFault(emulator, { kind: 'gzip-unknown' });
    const { job } = await load(gzipSync('a,b\n'));
    expect(job.status.errorResult.reason).toBe('invalid');
    expect((await load(gzipSync('a,b\n'))).job.status.errorResult).toBeUndefined();
  });

  test('parses typed columns by the rules of CSV, not of SQL', async () => {
    const columns = ['BOOL', 'INT64', 'FLOAT', 'NUMERIC', 'DATE', 'TIMESTAMP', 'TIME'].map((type) => ({ name: type, type }));
    const { rows } = await load('yes,12,1e3,1.5,2024-02-03,2024-02-03T04:05:06Z,12:34:56\n"","","","","","",""\n', { columns });
    expect(rows).toEqual([
      ['true', '12', '1000.0', '1.5', '2024-02-03', '1706933106000000', '12:34:56'],
      [null, null, null, null, null, null, null],
    ]);
    const bad = await load('12.5\n', { columns: [{ name: 'n', type: 'INTEGER' }] });
    expect(bad.job.status.errors.at(-1).message).toContain('Could not parse as INT64 for field n (position 0): 12.5');
  });

  test('enforces REQUIRED', async () => {
    const { job } = await load(',x\n', {
      columns: [
        { name: 'a', type: 'STRING', mode: 'REQUIRED' },
        { name: 'b', type: 'STRING' },
      ],
    });
    expect(job.status.errors.at(-1).message).toContain('Required column value for column a is missing');
  });

  test('round-trips any values written as CSV', async () => {
    const letter = fc.constantFrom('"', ',', '\n', '\r', '\r\n', ' ', 'a', 'é', '👩', '\0', '\t', '\\', "'", '\ufeff');
    const cell = fc.oneof(
      fc.constant(null),
      fc.string({ unit: fc.oneof(letter, fc.string({ unit: 'grapheme', maxLength: 1 })), maxLength: 8 }),
    );
    const quote = (value: string | null) => (value === null ? '' : `"${value.replaceAll('"', '""')}"`);
    const rows = fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(rows, fc.boolean(), fc.constantFrom('\n', '\r\n'), async (written, gzip, end) => {
        const text = written.map((row) => row.map(quote).join(',')).join(end) + end;
        expect((await load(text, {}, gzip)).rows).toEqual(written);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the destination of a load', () => {
  test('must have a compatible schema; extra columns become NULL', async () => {
    const { table } = await load('1,2\n');
    const wrong = await loadText(emulator, { table, columns: ['a', 'c'] }, '1,2\n');
    expect(wrong.status.errorResult.message).toContain('Provided Schema does not match Table local:salesforce');
    await loadText(emulator, { table, columns: ['b'] }, '3\n');
    expect(await rowsOf(emulator, `SELECT * FROM salesforce.${table} ORDER BY b`)).toEqual([
      ['1', '2'],
      [null, '3'],
    ]);
  });

  test('must exist for CREATE_NEVER, be empty for WRITE_EMPTY, and is replaced by WRITE_TRUNCATE', async () => {
    const missing = await load('1,2\n', { load: { createDisposition: 'CREATE_NEVER' } });
    expect(missing.job.status.errorResult).toMatchObject({
      reason: 'notFound',
      message: expect.stringContaining('Not found: Table local:salesforce.load_'),
    });
    const { table } = await load('1,2\n');
    const full = await loadText(emulator, { table, columns: ['a', 'b'], load: { writeDisposition: 'WRITE_EMPTY' } }, '3,4\n');
    expect(full.status.errorResult.reason).toBe('duplicate');
    await loadText(emulator, { table, columns: ['b', 'a'], load: { writeDisposition: 'WRITE_TRUNCATE' } }, '5,6\n');
    await loadText(emulator, { table, columns: ['b', 'a'], load: { writeDisposition: 'WRITE_TRUNCATE_DATA' } }, '7,8\n');
    expect(await rowsOf(emulator, `SELECT b, a FROM salesforce.${table}`)).toEqual([['7', '8']]);
  });

  test('receives the rows of all concurrent loads', async () => {
    const table = 'together';
    const jobs = await Promise.all(Array.from({ length: 8 }, (_, index) => loadText(emulator, { table, columns: ['a'] }, `${index}\n`)));
    expect(jobs.map((job) => job.status.errorResult)).toEqual(Array(8).fill(undefined));
    expect(await rowsOf(emulator, `SELECT COUNT(DISTINCT a) FROM salesforce.${table}`)).toEqual([['8']]);
  });

  test('is refused with settings that the emulator does not support', async () => {
    for (const settings of [
      { autodetect: true },
      { maxBadRecords: 5 },
      { nullMarker: 'NULL' },
      { sourceFormat: 'PARQUET' },
      { allowJaggedRows: true },
    ]) {
      expect((await load('1,2\n', { load: settings })).job.error.errors[0].reason).toBe('invalid');
    }
  });
});
