import { failureMessage } from '../core/failure-message.ts';
import { isRequestId } from '../core/request-id.ts';
import { retryAfterOf } from '../core/retry-after.ts';
import { AppError, type ErrorCode, externalErrorCode, isAppError, type Recovery, safeCode } from '../errors.ts';

/** Properties that an error of a Salesforce call may have. */
interface SalesforceError {
  errorCode?: unknown;
  name?: unknown;
  message?: unknown;
  /** the HTTP status */
  status?: unknown;
  requestId?: unknown;
}

/** Salesforce's code in an error of a call, for example INVALID_FIELD or ERROR_HTTP_503; undefined for other errors. */
function salesforceCode(error: unknown): string | undefined {
  const { errorCode } = (error ?? {}) as SalesforceError;
  return typeof errorCode === 'string' ? (safeCode(errorCode) ?? codeOfStatus(error)) : undefined;
}

function codeOfStatus(error: unknown): string {
  const { status } = error as SalesforceError;
  return typeof status === 'number' ? `${NO_CODE}${status}` : 'unknown';
}

/** Salesforce's code in a translated error; undefined for other errors. */
export function refusalCode(error: unknown): string | undefined {
  const code = isAppError(error) ? error.details.salesforce_code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** True for a translated error if Salesforce did not respond in time. */
export function isTimeout(error: unknown): boolean {
  return isAppError(error) && error.details.timed_out === true;
}

/** Salesforce's code for an expired query locator. Locators live up to two days, some less. */
export const EXPIRED_LOCATOR = 'INVALID_QUERY_LOCATOR';

/** Salesforce's code for an unsupported API version. */
export const UNSUPPORTED_VERSION = 'UNSUPPORTED_API_VERSION';

const TIMEOUT_CODES = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

/** True if Salesforce refused the access token, which must then be renewed once. */
export function isSessionRefused(error: unknown): boolean {
  return ['INVALID_SESSION_ID', 'INVALID_AUTH_HEADER', 'ERROR_HTTP_401'].includes(salesforceCode(error) ?? '');
}

/** How we interpret a Salesforce error. */
interface Meaning {
  code: ErrorCode;
  what: string;
  advice?: string;
  /** instead of `advice`, for a run */
  runAdvice?: string;
  recovery?: Recovery;
}

const REFUSED: Meaning = { code: 'salesforce_refused', what: 'Salesforce refused it' };
const TRANSIENT: Meaning = { code: 'salesforce_unavailable', what: 'Salesforce reported a transient error' };

/** Codes of transient errors. Salesforce sometimes reports INVALIDJOBSTATE for the results of a complete Bulk job. */
const TRANSIENT_CODES = new Set([
  'UNABLE_TO_LOCK_ROW',
  'SERVER_UNAVAILABLE',
  'UNKNOWN_EXCEPTION',
  'TIMEOUT',
  'INVALIDJOBSTATE',
  'API_CURRENTLY_DISABLED',
]);

/** The prefix of our code for an HTTP error without one of Salesforce, which comes from its edge or a proxy. */
const NO_CODE = 'ERROR_HTTP_';

/** Such errors that pass by themselves. */
const TRANSIENT_STATUS = new Set([404, 406, 408, 409, 420, 425, 429]);

/** The others may as well: a proxy may be started, or configured, at this moment. */
const NOT_FROM_API: Meaning = {
  ...TRANSIENT,
  what: 'the response has no Salesforce error code, so a proxy or firewall may have sent it',
  advice: 'If this persists, check what is between this service and Salesforce.',
};

/** Codes of an exhausted limit. */
const QUOTA_CODES = new Set(['REQUEST_LIMIT_EXCEEDED', 'LIMIT_EXCEEDED', 'EXCEEDEDQUOTA']);

const API_DISABLED: Meaning = {
  ...REFUSED,
  what: 'Salesforce does not allow this user to call its API',
  advice: "Have an admin of the org enable API Enabled in the user's profile or a permission set. The org's edition must include the API.",
};

const CHANGE_LOGIN_HOURS = "An admin of the org can change the Login Hours of the user's profile.";

/** Errors that need human action: what happened, who can fix it, and how. */
const MEANINGS: Record<string, Meaning> = {
  API_DISABLED_FOR_ORG: API_DISABLED,
  INSUFFICIENT_ACCESS: { ...REFUSED, what: 'Salesforce denied the user access', advice: 'Have an admin of the org grant it.' },
  FUNCTIONALITY_NOT_ENABLED: {
    ...REFUSED,
    what: 'the org has not enabled this feature',
    advice: 'Have an admin of the org enable it, or choose another object.',
  },
  INVALID_OPERATION_WITH_EXPIRED_PASSWORD: {
    ...REFUSED,
    what: "the user's password has expired",
    advice: 'Log in to Salesforce as the user and set a new one.',
  },
  PASSWORD_LOCKOUT: { ...REFUSED, what: 'the user is locked out', advice: 'Have an admin of the org unlock the user in Setup, Users.' },
  LOGIN_DURING_RESTRICTED_TIME: {
    ...TRANSIENT,
    what: "it is outside the user's login hours",
    advice: `Repeat the request during login hours. ${CHANGE_LOGIN_HOURS}`,
    runAdvice: `The service continues during login hours. ${CHANGE_LOGIN_HOURS}`,
    recovery: 'defer',
  },
  LOGIN_DURING_RESTRICTED_DOMAIN: {
    ...REFUSED,
    what: "Salesforce does not accept this service's IP address",
    advice: "Have an admin of the org add it to the Login IP Ranges of the user's profile, or relax IP restrictions for the app.",
  },
  TRIAL_EXPIRED: { ...REFUSED, what: "the org's trial has expired", advice: 'Renew it with Salesforce.' },
  INACTIVE_OWNER_OR_USER: {
    ...REFUSED,
    what: 'the user is inactive',
    advice: 'Have an admin of the org activate the user in Setup, Users.',
  },
  [UNSUPPORTED_VERSION]: {
    ...REFUSED,
    what: 'the org does not offer this version of the API',
    advice: 'Set SALESFORCE_API_VERSION to one that it offers.',
  },
};

const SECURITY_POLICY: Meaning = {
  ...REFUSED,
  what: 'a transaction security policy of the org blocked it',
  advice: 'Have an admin of the org exempt the user in Setup, Transaction Security Policies.',
};

/** Salesforce returns HTTP 410 for retired API versions. */
const RETIRED = new Set(['GONE', 'ERROR_HTTP_410']);

function meaningOf(code: string, message: string, status: number): Meaning {
  if (RETIRED.has(code) || status === 410) return MEANINGS[UNSUPPORTED_VERSION]!;
  if (QUOTA_CODES.has(code)) return quotaMeaning(message);
  if (code.startsWith('TXN_SECURITY')) return SECURITY_POLICY;
  if (code === 'FEATURENOTENABLED' && /API is not enabled/i.test(message)) return API_DISABLED;
  const known = Object.hasOwn(MEANINGS, code) ? MEANINGS[code] : undefined;
  if (known) return known;
  if (TRANSIENT_CODES.has(code) || status >= 500) return TRANSIENT;
  if (code.startsWith(NO_CODE)) return TRANSIENT_STATUS.has(status) ? TRANSIENT : NOT_FROM_API;
  // A 409 on a job's results is transient, unless another API version created the job (API_ERROR).
  return status === 409 && code !== 'API_ERROR' ? TRANSIENT : REFUSED;
}

/** Which limit of the org is exhausted. Bulk has separate limits over a rolling 24 hours. */
function quotaMeaning(message: string): Meaning {
  if (/concurrent/i.test(message)) {
    return { ...TRANSIENT, what: 'too many long requests to the org are running at once' };
  }
  return {
    code: 'salesforce_quota',
    what: usedUp(message),
    advice: 'Repeat the request once the limit allows it.',
    runAdvice: 'The service continues once the limit allows it.',
  };
}

function usedUp(message: string): string {
  if (/query jobs/i.test(message)) return "the org's Bulk query jobs of the last 24 hours are used up";
  if (/result size/i.test(message)) return "the org's storage for Bulk query results of the last 24 hours is used up";
  if (message === '' || /TotalRequests|API request/i.test(message)) return "the org's API calls of the last 24 hours are used up";
  return 'a limit of the org is used up';
}

/**
 * Translates a failed Salesforce call into an AppError with Salesforce's code and message, values redacted.
 * @param doing the action that failed: "describe Account"
 */
export function translateSalesforceError(error: unknown, doing: string): AppError {
  if (isAppError(error)) return error;
  const code = salesforceCode(error);
  if (!code) return noResponseError(error, doing);
  const status = httpStatus(error, code);
  const message = messageOf(error);
  const { code: ours, what, advice, runAdvice, recovery } = meaningOf(code, message, status);
  return new AppError(ours, failureMessage({ doing, what, code, message, advice }), {
    cause: error,
    ...(runAdvice && { runMessage: failureMessage({ doing, what, code, message, advice: runAdvice }) }),
    details: { salesforce_code: code, ...requestIdOf(error) },
    ...(recovery && { recovery }),
    ...retryAfterOf(error),
  });
}

/** The error for a renewed session that is refused as well. */
export function sessionStillRefusedError(error: unknown, doing: string): AppError {
  const code = salesforceCode(error) ?? 'unknown';
  const what = 'Salesforce refused the renewed access token as well';
  const advice =
    "Have an admin of the org check that the user is active and API Enabled, that session IP restrictions (Lock sessions to the IP address, Login IP Ranges) allow this service's address, and that the External Client App is not blocked.";
  return new AppError('salesforce_refused', failureMessage({ doing, what, code, message: messageOf(error), advice }), {
    cause: error,
    details: { salesforce_code: code, ...requestIdOf(error) },
    recovery: 'defer',
  });
}

/** The error for a web page instead of an API response. @param status the HTTP status */
export function webPageError(doing: string, status: number, cause?: unknown): AppError {
  const what = 'a web page was returned instead of a Salesforce API response';
  const advice =
    'It may be a login page, a maintenance page or a proxy error. If this persists, check that the org is reachable under its My Domain.';
  return new AppError('salesforce_unavailable', failureMessage({ doing, what, code: `HTTP ${status}`, advice }), {
    cause,
    details: { http_status: status, ...requestIdOf(cause) },
    ...retryAfterOf(cause),
  });
}

function noResponseError(error: unknown, doing: string): AppError {
  const { name } = error as SalesforceError;
  const reason = externalErrorCode(error);
  if (!reason && (name === 'SyntaxError' || name === 'TypeError')) {
    return new AppError('salesforce_unavailable', `Could not ${doing}: Salesforce returned a malformed response.`, { cause: error });
  }
  const timedOut = name === 'TimeoutError' || (reason !== undefined && TIMEOUT_CODES.has(reason));
  const why = reason ?? (timedOut ? 'timeout' : 'no reason given');
  return new AppError('salesforce_unavailable', `Could not ${doing}: Salesforce did not respond (${why}).`, {
    cause: error,
    ...(timedOut && { details: { timed_out: true } }),
  });
}

function httpStatus(error: unknown, code: string): number {
  const { status } = error as SalesforceError;
  return typeof status === 'number' ? status : Number(/^ERROR_HTTP_(\d+)$/.exec(code)?.[1] ?? 0);
}

function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as SalesforceError;
  return typeof message === 'string' ? message : '';
}

/** What Salesforce's support needs to find the request of an error, as details. */
export function requestIdOf(error: unknown): { salesforce_request_id?: string } {
  const { requestId } = (error ?? {}) as SalesforceError;
  return isRequestId(requestId) ? { salesforce_request_id: requestId } : {};
}
