import { describe, expect, test } from '@jest/globals';
import type { AppError } from '../../../app/errors.ts';
import { translateSalesforceError } from '../../../app/salesforce/errors.ts';
import { findRefusedField, parseFieldRefusal, toFieldRefusal } from '../../../app/salesforce/field-refusal.ts';

const FIELDS = ['Id', 'Name', 'Industry', 'CleanStatus'];

const thrown = (errorCode: string, message: string): AppError =>
  translateSalesforceError(Object.assign(new Error(message), { name: errorCode, errorCode }), 'query rows');

describe('a query refused because of its fields', () => {
  test.each([
    ['INVALID_FIELD', "No such column 'Industry'", 'INVALID_FIELD'],
    ['QUERY_TOO_COMPLICATED', '', 'QUERY_TOO_COMPLICATED'],
    ['API_ERROR', 'QUERY_TOO_COMPLICATED: Query is either selecting too many fields', 'QUERY_TOO_COMPLICATED'],
  ])('is recognized by the code %s and the message %j', (errorCode, message, code) => {
    expect(toFieldRefusal(thrown(errorCode, message))).toMatchObject({ code });
  });

  test.each([
    ['INVALID_TYPE', "sObject type 'X' is not supported."],
    ['SERVER_UNAVAILABLE', ''],
    ['REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.'],
  ])('is not confused with %s', (errorCode, message) => {
    expect(toFieldRefusal(thrown(errorCode, message))).toBeUndefined();
  });

  test('is recognized by the error of a failed Bulk job', () => {
    expect(parseFieldRefusal("Unexpected exception: \nNo such column 'Industry' on entity 'Account'.")).toMatchObject({
      code: 'INVALID_FIELD',
    });
    expect(parseFieldRefusal('QUERY_TIMEOUT: Your query request was running for too long.')).toBeUndefined();
  });
});

describe('the refused field', () => {
  const excerpt = '\nId, Name, Industry, CleanStatus FROM Account\n ^\nERROR at Row:1:Column:8\n';

  test.each<[string, string | undefined]>([
    [`${excerpt}No such column 'CleanStatus' on entity 'Account'.`, 'CleanStatus'],
    [`${excerpt}No such column 'cleanstatus' on entity 'Name'.`, 'CleanStatus'],
    [`${excerpt}No such column 'Other__c' on entity 'Name'.`, undefined],
    [`${excerpt}Aucune colonne « Industry » sur l'entité « Account ».`, 'Industry'],
    [`${excerpt}Keine Spalte „Industry“ in „Account“.`, 'Industry'],
    [`${excerpt}something is wrong`, undefined],
  ])('in %j is %s', (message, field) => {
    expect(findRefusedField({ code: 'INVALID_FIELD', message }, FIELDS, 'Account')).toBe(field);
  });
});
