import fc from 'fast-check';

/** Random texts that are or resemble numbers, dates and times. The same seed generates the same texts. */
export function generatedInputs(count: number, seed: number): string[] {
  return [...new Set(fc.sample(fc.oneof(number, timestamp, time, day, anything), { numRuns: count, seed }))];
}

const oneOf = (...texts: string[]): fc.Arbitrary<string> => fc.constantFrom(...texts);
const joined = (...parts: fc.Arbitrary<string>[]): fc.Arbitrary<string> => fc.tuple(...parts).map((texts) => texts.join(''));
const maybe = (text: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.oneof(fc.constant(''), text);
const digits = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: oneOf(...'0123456789'), minLength, maxLength });
const between = (min: number, max: number, width: number): fc.Arbitrary<string> =>
  fc.integer({ min, max }).map((value) => String(value).padStart(width, '0'));

const blank = oneOf('', '', '', '', '', '', ' ', '\t', '\n', '\0', '\r\n');
const sign = oneOf('', '', '-', '+');
const number = joined(
  blank,
  sign,
  digits(0, 25),
  maybe(joined(oneOf('.'), digits(0, 25))),
  maybe(joined(oneOf('e', 'E'), sign, digits(1, 3))),
  blank,
);
const date = fc.oneof(
  joined(between(0, 10_000, 4), oneOf('-'), between(0, 13, 2), oneOf('-'), between(0, 32, 2)),
  joined(digits(1, 6), oneOf('-', '-', '-', '/', ' -'), digits(1, 2), oneOf('-'), digits(1, 2)),
);
const day = joined(blank, date, blank);
const clock = joined(
  fc.oneof(
    joined(between(0, 24, 2), oneOf(':'), between(0, 61, 2), oneOf(':'), between(0, 61, 2)),
    joined(digits(1, 2), oneOf(':'), digits(1, 2), oneOf(':'), digits(1, 2)),
  ),
  maybe(joined(oneOf('.'), digits(0, 10))),
);
const zone = joined(
  oneOf('', '', '', ' '),
  fc.oneof(
    oneOf('', 'Z', 'Z', 'z', 'UTC'),
    joined(oneOf('+', '-'), digits(1, 5)),
    joined(oneOf('+', '-'), digits(1, 3), oneOf(':'), digits(1, 2)),
  ),
);
const time = joined(blank, clock, zone, blank);
const timestamp = joined(blank, date, oneOf('T', 'T', 'T', 't', ' ', '  ', 'T '), clock, zone, blank);
const anything = fc.string({ maxLength: 6 });
