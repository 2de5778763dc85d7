import { expect, test } from '@jest/globals';
import { translateJobError } from '../../app/bigquery/errors.ts';
import { describeError } from '../../app/log.ts';

test("a foreign error's text stands in no log line, whatever its lines look like", () => {
  const text = 'Error while reading data: Could not parse value:\n    at 12 Elm Street, Springfield (Jane Roe)\n';
  const error = translateJobError({ reason: 'invalid', message: text }, 'load a page');
  expect(JSON.stringify(describeError(error))).not.toContain('Jane Roe');
});

test('of a foreign error its name, its code and the places in the code are told', () => {
  const cause = Object.assign(new TypeError('quotes a value'), { code: 'EPIPE' });
  const described = JSON.stringify(describeError(cause));
  expect(described).toContain('TypeError');
  expect(described).toContain('EPIPE');
  expect(described).toContain('log.test.ts');
  expect(described).not.toContain('quotes');
});
