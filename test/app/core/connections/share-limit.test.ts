import { describe, expect, test } from '@jest/globals';
import { exceedsShare } from '../../../../app/core/connections/share-limit.ts';

describe('so many missing rows need an operator', () => {
  test.each([
    ['none of an empty table', 0, 0, false],
    ['half of a small table', 5, 10, false],
    ['more than half of a small table', 6, 10, true],
    ['the only row', 1, 1, true],
    ['100 rows, more than 5%', 100, 1000, false],
    ['101 rows, more than 5%', 101, 1000, true],
    ['5% of a large table', 50_000, 1_000_000, false],
    ['more than 5% of a large table', 50_001, 1_000_000, true],
  ])('%s', (_, missing, live, exceeds) => expect(exceedsShare(missing, live)).toBe(exceeds));
});
