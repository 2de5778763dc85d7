import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isCastable } from '../../../app/core/castable.ts';
import type { ColumnType } from '../../../app/core/columns.ts';
import { isExactCast, recordedAnswers } from '../../conformance/answers.ts';

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
