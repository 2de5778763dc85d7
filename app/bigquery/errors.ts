import { failureMessage } from '../core/failure-message.ts';
import { readRequestId } from '../core/request-id.ts';
import { readRetryAfter } from '../core/retry-after.ts';
import { AppError, externalErrorCode, isAppError, safeCode } from '../errors.ts';

/** Reasons of transient errors, in HTTP errors and in failed jobs. */
const TRANSIENT = new Set([
  'backendError',
  'internalError',
  'badGateway',
  'rateLimitExceeded',
  'jobBackendError',
  'jobInternalError',
  'jobRateLimitExceeded',
  'stopped',
  // The job exceeded its jobTimeoutMs.
  'timeout',
]);

/** Messages of transient errors to which BigQuery gives a permanent reason. */
const TRANSIENT_TEXT =
  /Could not serialize access|aborted due to concurrent update|Exceeded rate limits|Retrying the job may solve|Too many DML/;

/** Messages about a column that its policy tag protects from the caller. */
const POLICY_TAG = /policy tag/i;

/** The HTTP status of an error that the client library threw. */
export function httpStatus(error: unknown): number | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'number' ? code : undefined;
}

/** BigQuery's representation of an error, in a response body or in a job's status. */
interface ErrorProto {
  reason?: string | undefined;
  message?: string | undefined;
  /** what the error refers to: a parameter, a quota, a place in the file */
  location?: string | undefined;
}

/** The errors in a failed job's `status`. */
export interface FailedJobStatus {
  errorResult?: ErrorProto | undefined;
  /** all errors, including details */
  errors?: readonly ErrorProto[] | undefined;
}

/**
 * Translates a failed BigQuery call into an AppError with BigQuery's reason, location and message, values redacted.
 * @param doing the action that failed: "create the table"
 */
export function translateBigQueryError(error: unknown, doing: string): AppError {
  if (isAppError(error)) return error;
  const status = httpStatus(error);
  const { errors, message } = error as { errors?: ErrorProto[]; message?: string };
  const first = errors?.[0];
  if (status === undefined && !first) {
    const reason = externalErrorCode(error) ?? 'no reason given';
    return new AppError('bigquery_unavailable', `Could not ${doing}: BigQuery did not respond (${reason}).`, { cause: error });
  }
  // The client library's message repeats those in `errors`. If there are none, it is a body from elsewhere, such as a proxy.
  const text = first?.message ?? (isWebPage(message) ? '' : message);
  return refusal({ reason: first?.reason, message: text, location: first?.location }, status, doing, error);
}

/** The same for a job with an `errorResult`. One of its other errors may give the location: a row, a field. */
export function translateJobError({ errorResult = {}, errors = [] }: FailedJobStatus, doing: string): AppError {
  const { reason, message = '', location } = errorResult;
  const detail = errors.find((each) => each.message && each.message !== message && !SUMMARY.test(each.message));
  const detailed = detail ? `${placed(detail)} ${message}` : message;
  return refusal({ reason, message: detailed, location }, undefined, doing, new Error(message || 'the job failed'), message);
}

/** A summary without details. */
const SUMMARY = /too many errors/;

function placed({ message = '', location }: ErrorProto): string {
  const sentence = message.replace(/\.?\s*$/, '');
  return location && !message.includes(location) ? `${sentence} (${location}).` : `${sentence}.`;
}

/** @param text the message that decides whether the error is transient */
function refusal(
  { reason: rawReason, message = '', location }: ErrorProto,
  status: number | undefined,
  doing: string,
  cause: unknown,
  text = message,
): AppError {
  const reason = safeCode(rawReason) ?? (status === undefined ? 'unknown' : `HTTP ${status}`);
  const place = safeCode(location);
  const code = place ? `${reason}, ${place}` : reason;
  const options = { cause, details: { bigquery_reason: reason, ...requestIdOf(cause) }, retryAfterMs: readRetryAfter(headersOf(cause)) };
  const say = (what: string, advice?: string): string => failureMessage({ doing, what, code, message, advice });
  if (reason === 'quotaExceeded') {
    const sentence = say('a BigQuery quota is used up', 'The service continues once the quota allows it.');
    return new AppError('bigquery_unavailable', sentence, { ...options, recovery: 'defer' });
  }
  if (reason === 'bytesBilledLimitExceeded') {
    return new AppError('bigquery_budget', say('it would exceed the remaining byte budget'), options);
  }
  if (TRANSIENT.has(reason) || TRANSIENT_TEXT.test(text) || status === 429 || status === 408 || (status ?? 0) >= 500) {
    return new AppError('bigquery_unavailable', say('BigQuery reported a transient error'), options);
  }
  if (reason === 'billingNotEnabled') {
    const advice = 'Enable billing for the project in GOOGLE_CLOUD_PROJECT.';
    return new AppError('bigquery_refused', say('BigQuery refused it', advice), options);
  }
  if (status === 401) {
    const advice = "If this persists, check the credentials and this machine's clock.";
    return new AppError('bigquery_unavailable', say('Google did not accept the access token', advice), options);
  }
  if (POLICY_TAG.test(text)) {
    const advice =
      "Grant the role Fine-Grained Reader (roles/datacatalog.categoryFineGrainedReader) on the policy tag to the service's Google account.";
    return new AppError('bigquery_refused', say('BigQuery denied access to a column with a policy tag', advice), options);
  }
  if (rawReason === undefined && message === '' && status !== undefined) {
    const advice = 'If this persists, check what is between this service and Google.';
    return new AppError(
      'bigquery_unavailable',
      say('the response is not from BigQuery: a proxy or firewall may have sent it', advice),
      options,
    );
  }
  if (status === 403 || reason === 'accessDenied') {
    const advice =
      "Check the roles of the service's Google account: BigQuery Job User on the project, BigQuery Data Editor on the datasets.";
    return new AppError('bigquery_refused', say('BigQuery denied access', advice), options);
  }
  return new AppError('bigquery_refused', say('BigQuery refused it'), options);
}

/**
 * What Google's support needs to find the request. Not X-GUploader-UploadID: it is part of the address of an upload, with which others may
 * continue it.
 */
function requestIdOf(error: unknown): { google_request_id?: string } {
  const id = readRequestId(headersOf(error), ['x-goog-request-id', 'x-request-id']);
  return id === undefined ? {} : { google_request_id: id };
}

/** The headers of the response, which the client library adds to its error. */
function headersOf(error: unknown): Record<string, string> {
  const { headers } = (error as { response?: { headers?: object } }).response ?? {};
  return headers instanceof Headers ? Object.fromEntries(headers) : { ...headers };
}

/** True for a proxy's web page, which is not a BigQuery message. */
function isWebPage(text: string | undefined): boolean {
  return /^\s*</.test(text ?? '');
}
