import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseKeepingNumbers } from '../../../app/salesforce/parse-keeping-numbers.ts';

/** What the result should be, by the parser of the language; undefined: the text is no JSON. */
function expected(json: string): { value: unknown } | undefined {
  const keepText = (_key: string, value: unknown, { source }: { source: string }): unknown => (typeof value === 'number' ? source : value);
  try {
    return { value: JSON.parse(json, keepText as (key: string, value: unknown) => unknown) };
  } catch {
    return undefined;
  }
}

function actual(json: string): { value: unknown } | undefined {
  try {
    return { value: parseKeepingNumbers(Buffer.from(json), 'read a page of rows') };
  } catch {
    return undefined;
  }
}

const NUMBERS = ['0', '-0', '-0.50', '1E400', '12345678901234567890.10', '1e-7', '100', '3.0E+2'];

/** JSON with numbers in any spelling, strings that look like numbers, and any escapes. */
const json = fc
  .jsonValue({ depthSize: 'small' })
  .chain((value) => fc.constantFrom(JSON.stringify(value), JSON.stringify(value, undefined, 1)))
  .chain((text) => fc.array(fc.constantFrom(...NUMBERS), { minLength: 1, maxLength: 3 }).map((numbers) => `[${text}, ${numbers.join()}]`));

test('numbers keep their text, and all else is as in the JSON', () => {
  expect(actual(`{"a": [${NUMBERS.join()}], "b\\\\": "1\\"2", "3": "4:5", "c": null}`)).toEqual({
    value: { a: NUMBERS, 'b\\': '1"2', '3': '4:5', c: null },
  });
  fc.assert(fc.property(json, (text) => expect(actual(text)).toEqual(expected(text))));
});

test('what is no JSON is rejected, wherever it is damaged', () => {
  const damaged = fc.tuple(json, fc.nat(), fc.nat(2), fc.constantFrom('', '1', '-', '.', 'e', '"', '\\', ':', ',', '01', '1:', '{1:2}'));
  fc.assert(
    fc.property(damaged, ([text, position, removed, inserted]) => {
      const at = position % text.length;
      const changed = text.slice(0, at) + inserted + text.slice(at + removed);
      expect(actual(changed)).toEqual(expected(changed));
    }),
    { numRuns: 2_000 },
  );
});
