import { expect, test } from '@jest/globals';
import { trendOf } from './trend.ts';

const rise = (step: number) => Array.from({ length: 40 }, (_, index) => 100 + index * step);

test('a series that keeps rising is not flat', () => {
  expect(trendOf(rise(1), 10).isFlat).toBe(false);
});

test('a series that stays, falls, or rises within the margin is flat', () => {
  expect(trendOf(rise(0), 0).isFlat).toBe(true);
  expect(trendOf(rise(-1), 0).isFlat).toBe(true);
  expect(trendOf(rise(0.1), 10).isFlat).toBe(true);
});

test('neither the first quarter nor single peaks count', () => {
  const warming = rise(0).map((value, index) => (index < 10 ? index : index % 7 === 0 ? 10 * value : value));
  expect(trendOf(warming, 0)).toEqual({ early: 100, late: 100, isFlat: true });
});

test('too few samples are an error', () => {
  expect(() => trendOf([1, 2, 3], 0)).toThrow('at least 8');
});
