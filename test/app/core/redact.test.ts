import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MAX_MESSAGE_LENGTH, redactMessage } from '../../../app/core/redact.ts';

describe('a platform message', () => {
  test.each([
    [
      "\nSELECT Bacon__c FROM Account WHERE Name = 'Jane'\n       ^\nERROR at Row:1:Column:8\nNo such column 'Bacon__c' on entity 'Account'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name.",
      "ERROR at Row:1:Column:8: No such column 'Bacon__c' on entity 'Account'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name.",
    ],
    ["sObject type 'XYZZY' is not supported.", "sObject type 'XYZZY' is not supported."],
    ["Entity 'Task' is not supported by the Bulk API.", "Entity 'Task' is not supported by the Bulk API."],
    ['Max bulk v2 query jobs (10000) per 24 hrs has been reached', 'Max bulk v2 query jobs (10000) per 24 hrs has been reached'],
    [
      'Max bulk v2 query result size stored (1000000000) kb per 24 hrs has been exceeded',
      'Max bulk v2 query result size stored (1000000000) kb per 24 hrs has been exceeded',
    ],
    [
      'An unexpected error occurred. Please include this ErrorId if you contact support: 1953210384-20151 (1187837432)',
      'An unexpected error occurred. Please include this ErrorId if you contact support: 1953210384-20151 (1187837432)',
    ],
    ['\u001b]0;owned\u0007 bad \u202erequest\u0000', ']…;owned bad request'],
    ["user hasn't approved this consumer", "user hasn't approved this consumer"],
    [
      "Error while reading data, error message: Could not parse 'Jane' as INT64 for field Age__c (position 3) starting at location 45",
      'Error while reading data, error message: Could not parse … as INT64 for field Age__c (position 3) starting at location 45',
    ],
    [
      'Error while reading data; line_number: 2 byte_offset_to_start_of_line: 27 column_index: 0 column_name: "n" column_type: INT64 value: "Jane" File: x',
      'Error while reading data; line_number: 2 byte_offset_to_start_of_line: 27 column_index: 0 column_name: "n" column_type: INT64 value: …',
    ],
    [
      'CSV processing encountered too many errors, giving up. Rows: 1; errors: 1; max bad: 0; error percent: 0',
      'CSV processing encountered too many errors, giving up. Rows: 1; errors: 1; max bad: 0; error percent: 0',
    ],
    ['Data between close quote character (") and field separator.', 'Data between close quote character (") and field separator.'],
    ['Unrecognized name: Foo at [1:8]', 'Unrecognized name: Foo at [1:8]'],
    ['Not found: Table `acme.sf.Account` was not found in location EU', 'Not found: Table `acme.sf.Account` was not found in location EU'],
    [
      'Access Denied: Project acme: sync@acme.iam.gserviceaccount.com lacks bigquery.jobs.create',
      'Access Denied: Project acme: sync@acme.iam.gserviceaccount.com lacks bigquery.jobs.create',
    ],
    [
      'Query exceeded limit for bytes billed: 1000000. 10485760 or higher required.',
      'Query exceeded limit for bytes billed: 1000000. 10485760 or higher required.',
    ],
    ['Quota exceeded. For more information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas', 'Quota exceeded.'],
    ['int64 overflow: 9223372036854775807 + 1', 'int64 overflow: … + …'],
    ['Invalid date 1970-01-31T10:00:00Z of jane@roe.example, tel. (555) 123-4567', 'Invalid date … of …, tel. (…) …'],
    ['session 00D1U000000rQga!AQ4AQ.x_y is over', 'session … is over'],
    ['sid=00D1U000000rQga%21AQ4AQ.x_y is over', 'sid=… is over'],
    ['client GOCSPX-abc_def and code aPrxABC%3D%3D', 'client … and code …'],
    ['„Smith“ or «Smith» is bad', '… or … is bad'],
    ['No such column „Bacon__c“ on entity «Account»', 'No such column „Bacon__c“ on entity «Account»'],
    ['Could not convert `Smith`', 'Could not convert …'],
    ['Failed to parse `Smith` in table `acme.sf.Account`', 'Failed to parse …'],
    ['QUERY_TIMEOUT: Your query request was running for too long.', 'QUERY_TIMEOUT: Your query request was running for too long.'],
    ['InternalServerError : Retried more than fifteen times', 'InternalServerError : Retried more than fifteen times'],
  ])('%j is shown as %j', (text, shown) => {
    expect(redactMessage(text)).toBe(shown);
  });

  const quoting: ((value: string) => string)[] = [
    (value) => `Error while reading data, error message: Could not parse '${value}' as INT64 for field Age__c (position 3)`,
    (value) => `Could not cast literal "${value}" to type DATE at [3:14]`,
    (value) => `Invalid timestamp: '${value}'`,
    (value) => `Bad int64 value: ${value}`,
    (value) => `No such column 'X' on entity 'Account' near '${value}'.`,
    (value) => `column_index: 0 column_name: "n" column_type: INT64 value: "${value}" File: prod-scotty`,
    (value) => `Cannot convert ${value} to INT64`,
    (value) => `The picklist has no entry ('${value}') for the field 'X'`,
    (value) => `duplicate value found: ${value}`,
    (value) => `The picklist has no entry „${value}“`,
    (value) => `The picklist has no entry «${value}»`,
  ];

  test.each(quoting)('reads the same for any value: %s', (quote) => {
    const shown = redactMessage(quote('1'));
    fc.assert(
      fc.property(fc.oneof(fc.string({ minLength: 1 }), fc.string({ unit: 'binary', minLength: 1 }), trickyText), (value) => {
        expect(redactMessage(quote(value))).toBe(shown);
      }),
    );
  });

  test('shows no number except positions and limits, no address and no URL', () => {
    const secret = fc.oneof(
      fc.integer().map((number) => String(number)),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => String(number)),
      fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-01-01') }).map((date) => date.toISOString()),
      fc.emailAddress(),
      fc.webUrl(),
    );
    fc.assert(
      fc.property(secret, (value) => {
        expect(redactMessage(`The thing ${value} was refused`)).not.toContain(value);
      }),
    );
  });

  test('collapses consecutive blanks', () => {
    fc.assert(
      fc.property(fc.constantFrom(' ', '\n', '\t'), fc.integer({ min: 1, max: 3_000 }), (blank, length) => {
        const run = blank.repeat(length);
        expect(redactMessage(`Could not parse${run}x`)).toBe('Could not parse x');
        expect(redactMessage(`Could not parse${run}x${run}as INT64`)).toBe('Could not parse … as INT64');
      }),
      { examples: [[' ', 3_000]] },
    );
  });

  test('hides the start of a value that is truncated', () => {
    expect(redactMessage(`Could not parse Jane ${'Roe '.repeat(1_000)}as INT64`)).toBe('Could not parse …');
  });

  test('is one line within the maximum length', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 2_000 }), (text) => {
        const shown = redactMessage(text);
        expect(shown.length).toBeLessThanOrEqual(MAX_MESSAGE_LENGTH + 2);
        expect(shown).not.toMatch(/[\r\n]/);
      }),
    );
  });
});

/** Values that look like the text around them. */
const trickyText = fc
  .array(fc.constantFrom("'", '"', '`', ' as INT64', "' as INT64 ", 'Jane', ' ', '\n', "column 'X'", 'value: ', ' at [1:2]', '42'), {
    minLength: 1,
    maxLength: 8,
  })
  .map((parts) => parts.join(''));
