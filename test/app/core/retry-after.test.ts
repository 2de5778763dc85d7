import { describe, expect, test } from '@jest/globals';
import { delayAtLeast, readRetryAfter } from '../../../app/core/retry-after.ts';

const NOW = new Date('2026-11-26T10:00:00Z');
const DATE = 'Thu, 26 Nov 2026 10:01:30 GMT';

describe('Retry-After', () => {
  test.each<[string, Record<string, string | string[]>, number | undefined]>([
    ['seconds', { 'retry-after': '120' }, 120_000],
    ['none to wait', { 'retry-after': '0' }, 0],
    ['a date, by our clock', { 'retry-after': DATE }, 90_000],
    ["a date, by the server's clock", { 'retry-after': DATE, date: 'Thu, 26 Nov 2026 10:01:00 GMT' }, 30_000],
    ['a date in the past', { 'retry-after': 'Thu, 26 Nov 2026 09:00:00 GMT' }, 0],
    ['more than an hour', { 'retry-after': '86400' }, 3_600_000],
    ['a date in years', { 'retry-after': 'Thu, 26 Nov 2099 09:00:00 GMT' }, 3_600_000],
    ['a negative number', { 'retry-after': '-5' }, undefined],
    ['no date', { 'retry-after': 'soon' }, undefined],
    ['several headers', { 'retry-after': ['1', '2'] }, undefined],
    ['no header', {}, undefined],
  ])('is read: %s', (_what, headers, expected) => {
    expect(readRetryAfter(headers, NOW)).toBe(expected);
  });

  test('only extends a delay, and spreads the runs that wait for it', () => {
    expect(delayAtLeast(undefined, 500, 0.5)).toBe(500);
    expect(delayAtLeast(100, 500, 0.5)).toBe(500);
    expect(delayAtLeast(1_000, 500, 0)).toBe(1_000);
    expect(delayAtLeast(1_000, 500, 0.5)).toBe(1_050);
  });
});
