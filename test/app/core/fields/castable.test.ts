import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isCastable } from '../../../../app/core/fields/castable.ts';
import type { ColumnType } from '../../../../app/core/fields/columns.ts';
import { isExactCast, recordedAnswers } from '../../../conformance/answers.ts';

const TYPES: ColumnType[] = ['STRING', 'BOOL', 'INT64', 'FLOAT64', 'NUMERIC', 'BIGNUMERIC', 'DATE', 'TIMESTAMP', 'TIME'];

const { values } = await recordedAnswers();
const inputs = Object.keys(values);

describe.each(TYPES)('a text that is certainly castable to %s', (type) => {
  test('is cast by GoogleSQL, in each of the recorded answers', () => {
    const castable = inputs.filter((input) => input !== '' && isCastable(type, input));
    expect(castable.length).toBeGreaterThan(1);
    expect(castable.filter((input) => !isExactCast(type, values[input]!))).toEqual([]);
  });
});

describe('what Salesforce writes is castable:', () => {
  const integer = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map(String);
  const decimal = fc
    .tuple(fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }), fc.nat({ max: 10 ** 9 - 1 }))
    .map(([whole, part]) => `${whole}.${part}`);
  const double = fc
    .double({ noNaN: true, noDefaultInfinity: true, min: -1e29, max: 1e29 })
    .map((number) => String(number).replace('e', 'E'));
  const date = fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true });
  const iso = date.map((at) => at.toISOString());

  test.each<[ColumnType, fc.Arbitrary<string>]>([
    ['BOOL', fc.boolean().map(String)],
    ['INT64', integer],
    ['FLOAT64', integer],
    ['FLOAT64', decimal],
    ['FLOAT64', double],
    ['NUMERIC', decimal],
    ['BIGNUMERIC', decimal],
    ['DATE', iso.map((text) => text.slice(0, 10))],
    ['TIMESTAMP', iso],
    ['TIMESTAMP', iso.map((text) => text.replace('Z', '+0000'))],
    ['TIME', iso.map((text) => text.slice(11))],
  ])('%s', (type, text) => {
    fc.assert(fc.property(text, (value) => isCastable(type, value)));
  });
});

describe('what is not wholly in the format of its type is left to BigQuery:', () => {
  test.each<[ColumnType, string]>([
    ['TIMESTAMP', '2023-03-01T junk T10:00:00.000Z'],
    ['TIMESTAMP', '2023-03-01T10:00:00.000ZT10:00:00.000Z'],
    ['TIMESTAMP', '0000-03-01T10:00:00.000Z'],
    ['TIMESTAMP', '10000-03-01T10:00:00.000Z'],
    ['TIMESTAMP', '2023-02-29T10:00:00.000Z'],
    ['TIMESTAMP', '2023-03-01T24:00:00.000Z'],
    ['TIMESTAMP', '2023-03-01T10:00:60.000Z'],
    ['DATE', '0000-01-01'],
    ['DATE', '2023-03-01\n'],
    ['DATE', '2023-03-01T00:00:00Z'],
    ['TIME', '10:00:00.000Z\n'],
    ['INT64', '9223372036854775807'],
    ['INT64', '1 '],
    ['INT64', '1\0'],
    ['INT64', '\u0661'],
    ['FLOAT64', 'NaN'],
    ['FLOAT64', '1e400'],
    ['FLOAT64', '1e308'],
    ['NUMERIC', '1e-10'],
    ['NUMERIC', '1e29'],
    ['BIGNUMERIC', '1e38'],
    ['BOOL', 'TRUE '],
  ])('%s %j', (type, text) => {
    expect(isCastable(type, text)).toBe(false);
  });

  test.each(TYPES.filter((type) => type !== 'STRING'))('%s with anything before or after it', (type) => {
    const valid = { BOOL: 'true', DATE: '2023-03-01', TIMESTAMP: '2023-03-01T10:00:00.000Z', TIME: '10:00:00.000Z' }[type as string] ?? '7';
    const junk = fc.string({ minLength: 1, unit: 'binary' }).filter((text) => !/^[\d.eE+-]+$/.test(text));
    fc.assert(fc.property(junk, (text) => !isCastable(type, text + valid) && !isCastable(type, valid + text)));
    fc.assert(fc.property(junk, (text) => !isCastable(type, valid + text + valid)));
  });
});
