import { describe, expect, test } from '@jest/globals';
import { translateSalesforceError } from '../../../app/salesforce/errors.ts';

/** An error of a call, with its status. */
function thrown(errorCode: string, message: string, more: { status?: number } = {}): Error {
  return Object.assign(new Error(message), { name: errorCode, errorCode, ...more });
}

describe('a Salesforce error', () => {
  test.each<[Error, string, string, RegExp]>([
    [
      thrown('REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.'),
      'salesforce_quota',
      'defer',
      /the org's API calls of the last 24 hours are used up/,
    ],
    [
      thrown('REQUEST_LIMIT_EXCEEDED', 'ConcurrentRequests (Concurrent API Requests) Limit exceeded.'),
      'salesforce_unavailable',
      'retry',
      /too many long requests/,
    ],
    [
      thrown('LIMIT_EXCEEDED', 'Max bulk v2 query jobs (10000) per 24 hrs has been reached'),
      'salesforce_quota',
      'defer',
      /Bulk query jobs/,
    ],
    [thrown('API_DISABLED_FOR_ORG', 'API is not enabled for this Organization or Partner'), 'salesforce_refused', 'give-up', /API Enabled/],
    [thrown('FEATURENOTENABLED', 'API is not enabled for this Organization or Partner'), 'salesforce_refused', 'give-up', /API Enabled/],
    [
      thrown('TXN_SECURITY_NO_ACCESS', 'The operation you requested was blocked'),
      'salesforce_refused',
      'give-up',
      /Transaction Security Policies/,
    ],
    [thrown('TXN_SECURITY_METERING_ERROR', 'blocked'), 'salesforce_refused', 'give-up', /Transaction Security Policies/],
    [thrown('LOGIN_DURING_RESTRICTED_TIME', 'Invalid login hours'), 'salesforce_unavailable', 'defer', /login hours/],
    [thrown('LOGIN_DURING_RESTRICTED_DOMAIN', 'restricted'), 'salesforce_refused', 'give-up', /Login IP Ranges/],
    [thrown('ERROR_HTTP_410', ''), 'salesforce_refused', 'give-up', /SALESFORCE_API_VERSION/],
    [thrown('GONE', 'retired', { status: 410 }), 'salesforce_refused', 'give-up', /SALESFORCE_API_VERSION/],
    [thrown('ERROR_HTTP_503', 'down'), 'salesforce_unavailable', 'retry', /reported a transient error \(ERROR_HTTP_503\): down\.$/],
    [thrown('API_ERROR', 'another version', { status: 409 }), 'salesforce_refused', 'give-up', /\(API_ERROR\): another version\.$/],
    [thrown('toString', 'odd'), 'salesforce_refused', 'give-up', /\(toString\): odd\.$/],
    [
      new SyntaxError('Unexpected token J, "Jane Roe" is not valid JSON'),
      'salesforce_unavailable',
      'retry',
      /Salesforce returned a malformed response\.$/,
    ],
    [Object.assign(new Error('x'), { code: 'ECONNRESET' }), 'salesforce_unavailable', 'retry', /did not respond \(ECONNRESET\)\.$/],
  ])('%s is translated to %s with the recovery %s', (error, code, recovery, shown) => {
    const translated = translateSalesforceError(error, 'describe Account');
    expect(translated).toMatchObject({ code, recovery });
    expect(translated.message).toMatch(/^Could not describe Account: /);
    expect(translated.message).toMatch(shown);
    expect(translated.message).not.toContain('Jane Roe');
  });
});
