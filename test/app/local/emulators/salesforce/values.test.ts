import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { csvLine } from '../../../../../app/local/emulators/salesforce/csv.ts';
import { javaDouble } from '../../../../../app/local/emulators/salesforce/java-double.ts';
import { recordId, recordNumber, withSuffix } from '../../../../../app/local/emulators/salesforce/org/record-id.ts';
import { parseCsv } from './connect.ts';

describe('a double', () => {
  test.each([
    [0, '0.0'],
    [-0, '-0.0'],
    [1500, '1500.0'],
    [0.1, '0.1'],
    [-2.5, '-2.5'],
    [0.001, '0.001'],
    [0.0009999, '9.999E-4'],
    [0.0001, '1.0E-4'],
    [9999999, '9999999.0'],
    [9999999.5, '9999999.5'],
    [1e7, '1.0E7'],
    [12345678, '1.2345678E7'],
    [-1.5e300, '-1.5E300'],
    [5e-324, '5.0E-324'],
    [Number.NaN, 'NaN'],
    [Number.NEGATIVE_INFINITY, '-Infinity'],
  ])('%d has the format of Java: %s', (value, text) => {
    expect(javaDouble(value)).toBe(text);
  });

  test('parses back to the same number', () => {
    fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => Object.is(Number(javaDouble(value)), value)));
  });
});

describe('a CSV line', () => {
  test('round-trips any values', () => {
    const text = fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', ' ', ';', '\t', 'é', '👨‍👩‍👧', 'a', '\\') });
    const delimiter = fc.constantFrom(',', ';', '\t');
    const lineEnding = fc.constantFrom('\n', '\r\n');
    fc.assert(
      fc.property(fc.array(fc.array(text, { minLength: 1 })), delimiter, lineEnding, (rows, separator, end) => {
        const written = rows.map((row) => csvLine(row, separator, end)).join('');
        expect(parseCsv(written, separator, end)).toEqual(rows);
      }),
    );
  });
});

describe('a record id', () => {
  test.each([
    ['001D000000IRFma', '001D000000IRFmaIAH'],
    ['7507Q000009f8jv', '7507Q000009f8jvQAA'],
    ['0057Q0000037T8Q', '0057Q0000037T8QQAU'],
    ['a01B0000009ZjAm', 'a01B0000009ZjAmIAK'],
  ])('%s has the 18-character form %s', (short, long) => {
    expect(withSuffix(short)).toBe(long);
  });

  test('contains its number, in 15 and 18 characters', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 62 ** 8 }), (number) => {
        const id = recordId('001', number);
        expect(id).toHaveLength(18);
        expect(recordNumber('001', id)).toBe(number);
        expect(recordNumber('001', id.slice(0, 15))).toBe(number);
        expect(recordNumber('003', id)).toBeUndefined();
      }),
    );
  });
});
