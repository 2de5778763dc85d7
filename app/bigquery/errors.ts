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
]);

/** BigQuery gives these as permanent reasons, but says in the text that they pass. */
const PASSING_TEXT =
  /Could not serialize access|aborted due to concurrent update|Exceeded rate limits|Retrying the job may solve|Too many DML/;

/** The HTTP status of an error that the client library threw. */
export function httpStatus(error: unknown): number | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'number' ? code : undefined;
}

/**
 * Says in our own words what a failed call to BigQuery means. BigQuery's text is kept as the cause only: it may quote values.
 * @param doing what was being done, as a part of a sentence: "create the table"
 */
export function translateBigQueryError(error: unknown, doing: string): AppError {
  if (isAppError(error)) return error;
  const status = httpStatus(error);
  const { errors, message } = error as { errors?: { reason?: string }[]; message?: string };
  const reason = errors?.[0]?.reason ?? (status ? `HTTP ${status}` : foreignCode(error));
  if (status === undefined && !errors?.length) {
    return new AppError('bigquery_unavailable', `Could not ${doing}: BigQuery gave no answer (${reason ?? 'unknown'}).`, { cause: error });
  }
  return refusal(reason ?? 'unknown', message ?? '', status, doing, error);
}

/** The same for a job that ended with an `errorResult`. */
export function translateJobError(result: { reason?: string; message?: string }, doing: string): AppError {
  return refusal(result.reason ?? 'unknown', result.message ?? '', undefined, doing, new Error(result.message ?? 'the job failed'));
}

function refusal(reason: string, text: string, status: number | undefined, doing: string, cause: unknown): AppError {
  const options = { cause, details: { bigquery_reason: reason } };
  if (reason === 'quotaExceeded') {
    return new AppError('bigquery_unavailable', `Could not ${doing}: a BigQuery quota is used up.`, { ...options, recovery: 'defer' });
  }
  if (reason === 'bytesBilledLimitExceeded') {
    return new AppError('bigquery_budget', `Could not ${doing}: it would be billed more than is left of its budget.`, options);
  }
  if (PASSING.has(reason) || PASSING_TEXT.test(text) || status === 429 || status === 408 || (status ?? 0) >= 500) {
    return new AppError('bigquery_unavailable', `Could not ${doing}: BigQuery is not available for it now (${reason}).`, options);
  }
  if (status === 401 || status === 403) {
    return new AppError(
      'bigquery_refused',
      `Could not ${doing}: BigQuery denied it (${reason}): check the service account's roles.`,
      options,
    );
  }
  return new AppError('bigquery_refused', `Could not ${doing}: BigQuery refused it (${reason}).`, options);
}
