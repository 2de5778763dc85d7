import { AppError, foreignCode, isAppError } from '../errors.ts';

/** Salesforce's code of an error that jsforce threw, such as INVALID_FIELD or ERROR_HTTP_503; undefined for other errors. */
export function salesforceCode(error: unknown): string | undefined {
  const { errorCode, name } = error as { errorCode?: unknown; name?: unknown };
  if (typeof errorCode === 'string') return errorCode;
  return typeof name === 'string' && /^(ERROR_HTTP_\d+|[A-Z][A-Z_]{4,})$/.test(name) ? name : undefined;
}

/** Salesforce's code in an error that was translated here; undefined for all others. */
export function refusalCode(error: unknown): string | undefined {
  const code = isAppError(error) ? error.details.salesforce_code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** True of an error that was translated here: there was no answer in the time that we wait. */
export function isTimeOut(error: unknown): boolean {
  return isAppError(error) && error.details.timed_out === true;
}

/** The code with which Salesforce says that it knows no page behind a locator: cursors live two days, and some less. */
export const LOST_LOCATOR = 'INVALID_QUERY_LOCATOR';

const TIME_OUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

/** True where Salesforce refused the access token: it is to be renewed, once. */
export function isSessionRefused(error: unknown): boolean {
  return ['INVALID_SESSION_ID', 'INVALID_AUTH_HEADER', 'ERROR_HTTP_401'].includes(salesforceCode(error) ?? '');
}

/** Codes after which the same call may well succeed. */
const PASSING = new Set(['UNABLE_TO_LOCK_ROW', 'SERVER_UNAVAILABLE', 'UNKNOWN_EXCEPTION', 'TIMEOUT', 'INVALID_SESSION_ID']);

/** Codes of a used-up allowance. */
const QUOTA = new Set(['REQUEST_LIMIT_EXCEEDED', 'LIMIT_EXCEEDED', 'EXCEEDEDQUOTA']);

/**
 * Says in our own words what a failed call to Salesforce means. Salesforce's text is kept as the cause only: it may quote records.
 * @param doing what was being done, as a part of a sentence: "describe Account"
 */
export function translateSalesforceError(error: unknown, doing: string): AppError {
  if (isAppError(error)) return error;
  const code = salesforceCode(error);
  const text = error instanceof Error || Error.isError(error) ? (error as Error).message : '';
  if (!code) {
    const reason = foreignCode(error) ?? 'no answer';
    const timedOut = TIME_OUTS.has(reason) || (error as { name?: unknown }).name === 'TimeoutError';
    return new AppError('salesforce_unavailable', `Could not ${doing}: Salesforce gave no answer (${reason}).`, {
      cause: error,
      ...(timedOut && { details: { timed_out: true } }),
    });
  }
  const options = { cause: error, details: { salesforce_code: code } };
  if (QUOTA.has(code) && !text.includes('ConcurrentRequests')) {
    return new AppError('salesforce_quota', `Could not ${doing}: the org's API allowance is used up (${code}).`, options);
  }
  const httpStatus = Number(/^ERROR_HTTP_(\d+)$/.exec(code)?.[1] ?? 0);
  if (PASSING.has(code) || QUOTA.has(code) || httpStatus >= 500 || [406, 408, 420, 429].includes(httpStatus)) {
    return new AppError('salesforce_unavailable', `Could not ${doing}: Salesforce is not available for it now (${code}).`, options);
  }
  const column = /No such column '([A-Za-z0-9_.]+)'/.exec(text)?.[1];
  const about = column ? `${code}, column ${column}` : code;
  return new AppError('salesforce_refused', `Could not ${doing}: Salesforce refused it (${about}).`, options);
}
