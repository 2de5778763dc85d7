import type { IncomingHttpHeaders } from 'node:http';
import { readRequestId } from '../core/request-id.ts';
import { readRetryAfter } from '../core/retry-after.ts';
import { safeCode } from '../errors.ts';

/** The id that Salesforce gave a request. The first header comes from its edge, which answers even if no instance does. */
export function salesforceRequestId(headers: IncomingHttpHeaders): string | undefined {
  return readRequestId(headers, ['x-sfdc-request-id', 'x-request-id']);
}

/** A Salesforce error. `errorCode` is ERROR_HTTP_ and the status if the response has no code of Salesforce, and so is not from its API. */
export class SalesforceHttpError extends Error {
  readonly errorCode: string;
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  /** Salesforce's, for its support; undefined: the response has none */
  readonly requestId: string | undefined;

  constructor(errorCode: string, message: string, status: number, headers: IncomingHttpHeaders) {
    super(message);
    this.name = errorCode;
    this.errorCode = errorCode;
    this.status = status;
    this.retryAfterMs = readRetryAfter(headers);
    this.requestId = salesforceRequestId(headers);
  }
}

/** The error of a response. @param body parsed: Salesforce's own errors are code and message, usually in a list */
export function toHttpError(status: number, body: unknown, headers: IncomingHttpHeaders = {}): SalesforceHttpError {
  const { errorCode, message } = ([body].flat()[0] ?? {}) as { errorCode?: unknown; message?: unknown };
  const text = typeof message === 'string' ? message : '';
  return new SalesforceHttpError(safeCode(errorCode) ?? `ERROR_HTTP_${status}`, text, status, headers);
}
