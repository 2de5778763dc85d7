import type { IncomingHttpHeaders } from 'node:http';
import { readRetryAfter } from '../core/retry-after.ts';
import { safeCode } from '../errors.ts';

/** A Salesforce error. `errorCode` is ERROR_HTTP_ and the status if the response has no code of Salesforce, and so is not from its API. */
export class SalesforceHttpError extends Error {
  readonly errorCode: string;
  readonly status: number;
  readonly retryAfterMs: number | undefined;

  constructor(errorCode: string, message: string, status: number, retryAfterMs: number | undefined) {
    super(message);
    this.name = errorCode;
    this.errorCode = errorCode;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The error of a response. @param body parsed: Salesforce's own errors are code and message, usually in a list */
export function toHttpError(status: number, body: unknown, headers: IncomingHttpHeaders = {}): SalesforceHttpError {
  const { errorCode, message } = ([body].flat()[0] ?? {}) as { errorCode?: unknown; message?: unknown };
  const text = typeof message === 'string' ? message : '';
  return new SalesforceHttpError(safeCode(errorCode) ?? `ERROR_HTTP_${status}`, text, status, readRetryAfter(headers));
}
