import { safeCode } from '../errors.ts';

/** A Salesforce error in the shape that jsforce throws. */
export class SalesforceHttpError extends Error {
  readonly errorCode: string;
  readonly status: number;

  constructor(errorCode: string, message: string, status: number) {
    super(message);
    this.name = errorCode;
    this.errorCode = errorCode;
    this.status = status;
  }
}

/** The error of a response. @param body parsed: Salesforce's own errors are lists of code and message */
export function toHttpError(status: number, body: unknown): SalesforceHttpError {
  const fallback = `ERROR_HTTP_${status}`;
  const [first] = (Array.isArray(body) ? body : []) as ({ errorCode?: unknown; message?: unknown } | null)[];
  return first
    ? new SalesforceHttpError(safeCode(first.errorCode) ?? fallback, String(first.message ?? ''), status)
    : new SalesforceHttpError(fallback, '', status);
}
