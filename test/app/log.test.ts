import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { translateBigQueryError, translateJobError } from '../../app/bigquery/errors.ts';
import { AppError } from '../../app/errors.ts';
import { createLog, describeError } from '../../app/log.ts';
import { translateSalesforceError, webPageError } from '../../app/salesforce/errors.ts';
import { toHttpError } from '../../app/salesforce/http-error.ts';
import { UnusableResponseError } from '../../app/salesforce/transport.ts';

test("never logs a platform error's text, even if its lines look like a stack trace", () => {
  const text = 'Error while reading data: Could not parse value:\n    at 12 Elm Street, Springfield (Jane Roe)\n';
  const error = translateJobError({ errorResult: { reason: 'invalid', message: text } }, 'load a page');
  expect(JSON.stringify(describeError(error))).not.toContain('Jane Roe');
});

test("logs a foreign error's name, code and stack frames, but not its message", () => {
  const cause = Object.assign(new TypeError('quotes a value'), { code: 'EPIPE' });
  const described = JSON.stringify(describeError(cause));
  expect(described).toContain('TypeError');
  expect(described).toContain('EPIPE');
  expect(described).toContain('log.test.ts');
  expect(described).not.toContain('quotes');
});

test.each([
  ['text', `Jane Roe ${'x'.repeat(5_000)}`],
  ['a token', '00D1U000000rQga!AQ4AQ.x_y'],
  ['an overlong code', 'X'.repeat(82)],
])('neither shows nor logs %s that a platform returns as an error code', (_what, text) => {
  const errors = [
    translateSalesforceError(Object.assign(new Error('x'), { name: text, errorCode: text, status: 400 }), 'query Account'),
    translateSalesforceError(Object.assign(new Error('x'), { name: text, errorCode: text }), 'query Account'),
    translateBigQueryError(Object.assign(new Error('x'), { code: 400, errors: [{ reason: text, location: text, message: 'x' }] }), 'load'),
    translateJobError({ errorResult: { reason: text, location: text, message: 'x' } }, 'load'),
  ];
  const codes = errors.map((error) => /\(([^)]*)\)/.exec(error.message)?.[1]);
  expect(codes).toEqual(['ERROR_HTTP_400', 'unknown', 'HTTP 400', 'unknown']);
  expect(JSON.stringify(errors.map(describeError))).not.toContain(text);
});

test("an error's details contain the id that the platform gave the request, but no text that is not an id", () => {
  const headers = { 'x-sfdc-request-id': '0f1e2d3c4b', 'x-request-id': '5a6978' };
  const refused = translateSalesforceError(toHttpError(400, [{ errorCode: 'INVALID_FIELD', message: 'x' }], headers), 'query Account');
  expect(describeError(refused)).toMatchObject({
    error_details: { salesforce_code: 'INVALID_FIELD', salesforce_request_id: '0f1e2d3c4b' },
  });
  const page = new UnusableResponseError('web-page', 'acme.my.salesforce.com', 503, { headers: { 'x-request-id': '5a6978' } });
  expect(describeError(webPageError('query Account', 503, page))).toMatchObject({ error_details: { salesforce_request_id: '5a6978' } });
  const errors = [{ reason: 'backendError', message: 'x' }];
  const response = { headers: new Headers({ 'X-Goog-Request-Id': 'AbC-1', 'X-GUploader-UploadID': 'secret' }) };
  const failed = translateBigQueryError(Object.assign(new Error('x'), { code: 503, errors, response }), 'load a page');
  expect(describeError(failed)).toMatchObject({ error_details: { bigquery_reason: 'backendError', google_request_id: 'AbC-1' } });
  expect(JSON.stringify(describeError(failed))).not.toContain('secret');
  const odd = toHttpError(400, [{ errorCode: 'INVALID_FIELD', message: 'x' }], { 'x-request-id': 'Jane Roe' });
  expect(JSON.stringify(describeError(translateSalesforceError(odd, 'query Account')))).not.toContain('Jane Roe');
});

test("an error's details never overwrite the fields of the log line", () => {
  const lines: string[] = [];
  const log = createLog({ write: (line: string) => lines.push(line) });
  const fields = {
    event: 'run_failed',
    run: 'r',
    job: 'j',
    object: 'Task',
    window: {},
    attempt: 1,
    failures: 2,
    recovery: 'retry',
    slice: 3,
  };
  const details = Object.fromEntries([...Object.keys(fields), 'level', 'time', 'msg'].map((name) => [name, 'from the error']));
  const error = new AppError('bigquery_refused', 'BigQuery refused it.', { details, cause: new TypeError('x') });
  log.warn({ ...fields, ...describeError(error) }, 'the run failed');
  const { level, time, msg, ...line } = JSON.parse(lines[0]!) as Record<string, unknown>;
  expect(line).toMatchObject({ ...fields, error_code: 'bigquery_refused', error_details: details });
  expect([level, msg]).toEqual(['warn', 'the run failed']);
  expect(time).not.toBe('from the error');
});

test('logs errors through describeError only', () => {
  const files = readdirSync('app', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const spreading = files.filter((file) => /\.\.\.\(?error\b.*\.details\b|\.\.\.\w+\.details\b/.test(readFileSync(`app/${file}`, 'utf8')));
  expect(spreading.filter((file) => !file.startsWith('local/emulators/'))).toEqual([]);
});
