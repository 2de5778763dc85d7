import { expect, test } from '@jest/globals';
import { ERROR_GROUPS } from '../../app/errors.ts';
import { readManual } from '../support/manual.ts';

test('the manual lists every error code, what it means and what to do (npm run manual)', () => {
  const { text, current } = readManual();
  expect(text).toBe(current);
  const codes = Object.values(ERROR_GROUPS).flatMap((kinds) => Object.keys(kinds));
  expect(codes.length).toBeGreaterThan(30);
  expect(codes.filter((code) => !text.includes(`| \`${code}\` |`))).toEqual([]);
});

test('every explanation is a sentence', () => {
  const texts = Object.values(ERROR_GROUPS).flatMap((kinds) => Object.values(kinds).flatMap(({ meaning, remedy }) => [meaning, remedy]));
  expect(texts.filter((text) => !/^[A-Z][^|\n]*\.$/.test(text))).toEqual([]);
});
