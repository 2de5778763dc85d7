import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { findPageSequenceError, type PageHeader } from '../../../../app/core/runs/page-sequence.ts';

/** Pages with these row counts, each with a locator for the next. */
const pagesOf = (rows: readonly number[]): PageHeader[] =>
  rows.map((count, index) => ({ rows: count, nextLocator: index === rows.length - 1 ? null : `locator${index}` }));

describe('a sequence of result pages', () => {
  test('is valid when its rows add up to the announced total', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1_000 })), (rows) => {
        const total = rows.reduce((sum, count) => sum + count, 0);
        expect(findPageSequenceError(pagesOf(rows), total)).toBeUndefined();
      }),
    );
  });

  test('never has more pages than announced rows, whatever the headers say', () => {
    const header = fc.record({ rows: fc.nat(3), nextLocator: fc.string() });
    fc.assert(
      fc.property(fc.array(header, { minLength: 21, maxLength: 30 }), (pages) => {
        expect(findPageSequenceError(pages, 20)).toBeDefined();
      }),
    );
  });

  test.each([
    ['more rows than announced', pagesOf([20, 20, 11]), 'Salesforce announced 50 rows, but its pages contain at least 51'],
    ['an empty page before the last', pagesOf([20, 0, 30]), 'Salesforce returned an empty page that is not the last one'],
    [
      'a repeated locator',
      [
        { rows: 1, nextLocator: 'a' },
        { rows: 1, nextLocator: 'b' },
        { rows: 1, nextLocator: 'a' },
      ],
      'Salesforce returned the same page locator twice',
    ],
  ])('is refused for %s', (_what, pages, fault) => {
    expect(findPageSequenceError(pages, 50)).toBe(fault);
  });

  test('may be a single empty page', () => {
    expect(findPageSequenceError(pagesOf([0]), 0)).toBeUndefined();
  });
});
