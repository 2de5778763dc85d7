import { failureSentence } from '../core/failure-sentence.ts';
import { AppError, foreignCode, isAppError } from '../errors.ts';

/** Reasons after which the same work may well succeed: of HTTP errors as of failed jobs. */
const PASSING = new Set([
  'backendError',
  'internalError',
  'badGateway',
  'rateLimitExceeded',
  'jobBackendError',
  'jobInternalError',
  'jobRateLimitExceeded',
  'stopped',
  // It ran longer than its jobTimeoutMs.
  'timeout',
]);

/** BigQuery gives these as permanent reasons, but says in the text that they pass. */
const PASSING_TEXT =
  /Could not serialize access|aborted due to concurrent update|Exceeded rate limits|Retrying the job may solve|Too many DML/;

/** The HTTP status of an error that the client library threw. */
export function httpStatus(error: unknown): number | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'number' ? code : undefined;
}

/** One error as BigQuery gives it: in the body of a refusal, or in a job's status. */
interface ErrorProto {
  reason?: string | undefined;
  message?: string | undefined;
  /** what it is about: a parameter, a quota, a place in the file */
  location?: string | undefined;
}

/** The ends of failed jobs, as `status` has them. */
export interface FailedStatus {
  errorResult?: ErrorProto | undefined;
  /** every error that was met, details among them */
  errors?: readonly ErrorProto[] | undefined;
}

/**
 * Says in our own words what a failed call to BigQuery means, with BigQuery's own reason, place and message, values redacted.
 * @param doing what was being done, as a part of a sentence: "create the table"
 */
export function translateBigQueryError(error: unknown, doing: string): AppError {
  if (isAppError(error)) return error;
  const status = httpStatus(error);
  const { errors, message } = error as { errors?: ErrorProto[]; message?: string };
  const first = errors?.[0];
  if (status === undefined && !first) {
    const reason = foreignCode(error) ?? 'no reason given';
    return new AppError('bigquery_unavailable', `Could not ${doing}: BigQuery gave no answer (${reason}).`, { cause: error });
  }
  // The client library's own message repeats those of `errors`; without any, it is a body that is not BigQuery's.
  const text = first?.message ?? (isWebPage(message) ? '' : message);
  return refusal({ reason: first?.reason ?? `HTTP ${status}`, message: text, location: first?.location }, status, doing, error);
}

/** The same for a job that ended with an `errorResult`. One of its other errors may say where: a row, a field. */
export function translateJobError({ errorResult = {}, errors = [] }: FailedStatus, doing: string): AppError {
  const { reason = 'unknown', message = '', location } = errorResult;
  const detail = errors.find((each) => each.message && each.message !== message && !SUMMARY.test(each.message));
  const said = detail ? `${placed(detail)} ${message}` : message;
  return refusal({ reason, message: said, location }, undefined, doing, new Error(message || 'the job failed'), message);
}

/** Only says that there were errors. */
const SUMMARY = /too many errors/;

function placed({ message = '', location }: ErrorProto): string {
  const sentence = message.replace(/\.?\s*$/, '');
  return location && !message.includes(location) ? `${sentence} (${location}).` : `${sentence}.`;
}

/** @param text what tells whether the error is transient */
function refusal(
  { reason = 'unknown', message = '', location }: ErrorProto,
  status: number | undefined,
  doing: string,
  cause: unknown,
  text = message,
): AppError {
  const code = location ? `${reason}, ${location}` : reason;
  const options = { cause, details: { bigquery_reason: reason } };
  const say = (what: string, advice?: string): string => failureSentence({ doing, what, code, message, advice });
  if (reason === 'quotaExceeded') {
    const sentence = say('a BigQuery quota is used up', 'It continues once there is room again.');
    return new AppError('bigquery_unavailable', sentence, { ...options, recovery: 'defer' });
  }
  if (reason === 'bytesBilledLimitExceeded') {
    return new AppError('bigquery_budget', say('it would be billed more than is left of its budget'), options);
  }
  if (PASSING.has(reason) || PASSING_TEXT.test(text) || status === 429 || status === 408 || (status ?? 0) >= 500) {
    return new AppError('bigquery_unavailable', say('BigQuery is temporarily unable to do it'), options);
  }
  if (reason === 'billingNotEnabled') {
    const advice = 'Enable billing for the project of GOOGLE_CLOUD_PROJECT.';
    return new AppError('bigquery_refused', say('BigQuery refused it', advice), options);
  }
  if (status === 401) {
    const advice = "If this goes on, check the credentials and this machine's clock.";
    return new AppError('bigquery_unavailable', say('Google did not accept the access token', advice), options);
  }
  if (status === 403 || reason === 'accessDenied') {
    const advice =
      "Check the roles of the service's Google account: BigQuery Job User on the project, BigQuery Data Editor on the datasets.";
    return new AppError('bigquery_refused', say('BigQuery denied access', advice), options);
  }
  return new AppError('bigquery_refused', say('BigQuery refused it'), options);
}

/** A proxy's page is no message of BigQuery's. */
function isWebPage(text: string | undefined): boolean {
  return /^\s*</.test(text ?? '');
}
