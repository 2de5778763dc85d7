import type { IncomingHttpHeaders } from 'node:http';
import { readRetryAfter } from '../core/retry-after.ts';
import { safeCode } from '../errors.ts';

/** A Salesforce error in the shape that jsforce throws. */
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

/** The error of a response. @param body parsed: Salesforce's own errors are lists of code and message */
export function toHttpError(status: number, body: unknown, headers: IncomingHttpHeaders = {}): SalesforceHttpError {
  const retryAfterMs = readRetryAfter(headers);
  const fallback = `ERROR_HTTP_${status}`;
  const [first] = (Array.isArray(body) ? body : []) as ({ errorCode?: unknown; message?: unknown } | null)[];
  return first
    ? new SalesforceHttpError(safeCode(first.errorCode) ?? fallback, String(first.message ?? ''), status, retryAfterMs)
    : new SalesforceHttpError(fallback, '', status, retryAfterMs);
}
