import { failureSentence } from '../core/failure-sentence.ts';
import { AppError, type ErrorCode, foreignCode, isAppError, type Recovery } from '../errors.ts';

/** What an error of a call to Salesforce may carry: jsforce throws it without the last two. */
interface SalesforceError {
  errorCode?: unknown;
  name?: unknown;
  message?: unknown;
  /** jsforce's, of a body of several errors */
  data?: unknown;
  /** HTTP's */
  status?: unknown;
}

/** Salesforce's code of an error that jsforce threw, such as INVALID_FIELD or ERROR_HTTP_503; undefined for other errors. */
export function salesforceCode(error: unknown): string | undefined {
  const { errorCode, name } = firstOf(error);
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

/** The code with which Salesforce refuses a version of its API. */
export const UNSUPPORTED_VERSION = 'UNSUPPORTED_API_VERSION';

const TIME_OUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

/** True where Salesforce refused the access token: it is to be renewed, once. */
export function isSessionRefused(error: unknown): boolean {
  return ['INVALID_SESSION_ID', 'INVALID_AUTH_HEADER', 'ERROR_HTTP_401'].includes(salesforceCode(error) ?? '');
}

/** What an error of Salesforce means to us. */
interface Meaning {
  code: ErrorCode;
  what: string;
  advice?: string;
  recovery?: Recovery;
}

const REFUSED: Meaning = { code: 'salesforce_refused', what: 'Salesforce refused it' };
const TRANSIENT: Meaning = { code: 'salesforce_unavailable', what: 'Salesforce is temporarily unable to do it' };

/** Codes after which the same call may well succeed. Results of a Bulk job that is complete are sometimes refused as if it were not. */
const TRANSIENT_CODES = new Set([
  'UNABLE_TO_LOCK_ROW',
  'SERVER_UNAVAILABLE',
  'UNKNOWN_EXCEPTION',
  'TIMEOUT',
  'INVALIDJOBSTATE',
  'API_CURRENTLY_DISABLED',
]);

/** HTTP errors without a code of Salesforce's own come from its edge or from a proxy. */
const TRANSIENT_STATUS = new Set([404, 406, 408, 409, 420, 425, 429]);

/** Codes of a used-up allowance. */
const QUOTA_CODES = new Set(['REQUEST_LIMIT_EXCEEDED', 'LIMIT_EXCEEDED', 'EXCEEDEDQUOTA']);

const API_DISABLED: Meaning = {
  ...REFUSED,
  what: 'Salesforce does not let this user call its API',
  advice: "Have an admin of the org give the user's profile or a permission set API Enabled; the org's edition must include the API.",
};

/** Refusals that a person has to act on: what was refused, who can change it, and how. */
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
    advice: "It continues within them; an admin of the org can change the Login Hours of the user's profile.",
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

/** With HTTP 410, Salesforce answers for versions of its API that it has retired. */
const GONE = new Set(['GONE', 'ERROR_HTTP_410']);

function meaningOf(code: string, message: string, status: number): Meaning {
  if (GONE.has(code) || status === 410) return MEANINGS[UNSUPPORTED_VERSION]!;
  if (QUOTA_CODES.has(code)) return quotaMeaning(message);
  if (code.startsWith('TXN_SECURITY')) return SECURITY_POLICY;
  if (code === 'FEATURENOTENABLED' && /API is not enabled/i.test(message)) return API_DISABLED;
  const known = Object.hasOwn(MEANINGS, code) ? MEANINGS[code] : undefined;
  if (known) return known;
  if (TRANSIENT_CODES.has(code) || status >= 500) return TRANSIENT;
  if (code.startsWith('ERROR_HTTP_') && TRANSIENT_STATUS.has(status)) return TRANSIENT;
  // A job's results, refused for another reason than that another version of the API created it.
  return status === 409 && code !== 'API_ERROR' ? TRANSIENT : REFUSED;
}

/** Which of the org's allowances is used up. Those of Bulk are its own, and counted over rolling 24 hours. */
function quotaMeaning(message: string): Meaning {
  if (/concurrent/i.test(message)) {
    return { ...TRANSIENT, what: 'too many long requests to the org are running at once' };
  }
  const later = 'It continues once there is room again.';
  if (/query jobs/i.test(message)) {
    return { code: 'salesforce_quota', what: "the org's Bulk query jobs of the last 24 hours are used up", advice: later };
  }
  if (/result size/i.test(message)) {
    return { code: 'salesforce_quota', what: "the org's storage for Bulk query results of the last 24 hours is used up", advice: later };
  }
  if (message === '' || /TotalRequests|API request/i.test(message)) {
    return { code: 'salesforce_quota', what: "the org's API calls of the last 24 hours are used up", advice: later };
  }
  return { code: 'salesforce_quota', what: 'a limit of the org is used up', advice: later };
}

/**
 * Says in our own words what a failed call to Salesforce means, with Salesforce's own code and message, values redacted.
 * @param doing what was being done, as a part of a sentence: "describe Account"
 */
export function translateSalesforceError(error: unknown, doing: string): AppError {
  if (isAppError(error)) return error;
  const code = salesforceCode(error);
  if (!code) return noAnswer(error, doing);
  const status = httpStatus(error, code);
  const message = messageOf(error);
  const { code: ours, what, advice, recovery } = meaningOf(code, message, status);
  return new AppError(ours, failureSentence({ doing, what, code, message, advice }), {
    cause: error,
    details: { salesforce_code: code },
    ...(recovery && { recovery }),
  });
}

/** A session that was renewed a moment ago is refused as well. */
export function sessionStillRefused(error: unknown, doing: string): AppError {
  const code = salesforceCode(error) ?? 'unknown';
  const what = 'the access token was renewed, and Salesforce refuses the new one, too';
  const advice =
    "Have an admin of the org check that the user is active and API Enabled, that session IP restrictions (Lock sessions to the IP address, Login IP Ranges) allow this service's address, and that the External Client App is not blocked.";
  return new AppError('salesforce_refused', failureSentence({ doing, what, code, message: messageOf(error), advice }), {
    cause: error,
    details: { salesforce_code: code },
    recovery: 'defer',
  });
}

/** A web page came where Salesforce's API would have answered. @param status HTTP's */
export function webPageError(doing: string, status: number, cause?: unknown): AppError {
  const what = 'a web page came in place of an answer of the Salesforce API';
  const advice =
    'A login page, a maintenance page or a proxy answered: if this goes on, check that the org is reachable from here under its My Domain.';
  return new AppError('salesforce_unavailable', failureSentence({ doing, what, code: `HTTP ${status}`, advice }), {
    cause,
    details: { http_status: status },
  });
}

function noAnswer(error: unknown, doing: string): AppError {
  const { name } = error as SalesforceError;
  const reason = foreignCode(error);
  if (!reason && (name === 'SyntaxError' || name === 'TypeError')) {
    return new AppError('salesforce_unavailable', `Could not ${doing}: Salesforce returned a malformed response.`, { cause: error });
  }
  const timedOut = name === 'TimeoutError' || (reason !== undefined && TIME_OUTS.has(reason));
  const why = reason ?? (timedOut ? 'time-out' : 'no reason given');
  return new AppError('salesforce_unavailable', `Could not ${doing}: Salesforce gave no answer (${why}).`, {
    cause: error,
    ...(timedOut && { details: { timed_out: true } }),
  });
}

function httpStatus(error: unknown, code: string): number {
  const { status } = error as SalesforceError;
  return typeof status === 'number' ? status : Number(/^ERROR_HTTP_(\d+)$/.exec(code)?.[1] ?? 0);
}

function messageOf(error: unknown): string {
  const { message } = firstOf(error);
  return typeof message === 'string' ? message : '';
}

/** The first of several errors: jsforce's own words for all of them tell nothing. */
function firstOf(error: unknown): SalesforceError {
  const thrown = (error ?? {}) as SalesforceError;
  if (thrown.errorCode !== 'MULTIPLE_API_ERRORS' || !Array.isArray(thrown.data)) return thrown;
  return (thrown.data[0] as SalesforceError | undefined) ?? thrown;
}
