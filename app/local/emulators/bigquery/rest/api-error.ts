/** The HTTP status and Google's status word for each reason. Reasons that only jobs have use the status that shows a job's error. */
const STATUS_OF: Record<string, [number, string]> = {
  invalid: [400, 'INVALID_ARGUMENT'],
  invalidQuery: [400, 'INVALID_ARGUMENT'],
  badRequest: [400, 'INVALID_ARGUMENT'],
  required: [400, 'INVALID_ARGUMENT'],
  bytesBilledLimitExceeded: [400, 'INVALID_ARGUMENT'],
  resourceInUse: [400, 'FAILED_PRECONDITION'],
  jobBackendError: [400, 'INVALID_ARGUMENT'],
  jobInternalError: [400, 'INVALID_ARGUMENT'],
  jobRateLimitExceeded: [400, 'INVALID_ARGUMENT'],
  resourcesExceeded: [400, 'INVALID_ARGUMENT'],
  stopped: [400, 'CANCELLED'],
  timeout: [400, 'DEADLINE_EXCEEDED'],
  accessDenied: [403, 'PERMISSION_DENIED'],
  rateLimitExceeded: [403, 'PERMISSION_DENIED'],
  quotaExceeded: [403, 'PERMISSION_DENIED'],
  notFound: [404, 'NOT_FOUND'],
  methodNotAllowed: [405, 'UNIMPLEMENTED'],
  duplicate: [409, 'ALREADY_EXISTS'],
  gone: [410, 'FAILED_PRECONDITION'], // cspell:ignore gone
  conditionNotMet: [412, 'FAILED_PRECONDITION'],
  internalError: [500, 'INTERNAL'],
  notImplemented: [501, 'UNIMPLEMENTED'],
  backendError: [503, 'UNAVAILABLE'],
};

/** One error in a job's status. */
export interface ErrorProto {
  reason: string;
  message: string;
  location?: string;
  debugInfo?: string;
}

/** An error in BigQuery's format: `body` over HTTP, `proto` in a job's status. */
export class ApiError extends Error {
  readonly reason: string;
  readonly location: string | undefined;
  /** More details next to the final error, shown in a job's `status.errors`. */
  readonly details: ErrorProto[];

  constructor(reason: string, message: string, more: { location?: string; details?: ErrorProto[]; cause?: unknown } = {}) {
    super(message, { cause: more.cause });
    this.name = 'ApiError';
    this.reason = reason;
    this.location = more.location;
    this.details = more.details ?? [];
  }

  get status(): number {
    return (STATUS_OF[this.reason] ?? [500])[0];
  }

  get proto(): ErrorProto {
    return { reason: this.reason, message: this.message, ...(this.location === undefined ? {} : { location: this.location }) };
  }

  get body(): { error: { code: number; message: string; errors: object[]; status: string } } {
    const [code, status] = STATUS_OF[this.reason] ?? [500, 'INTERNAL'];
    const place = this.location === undefined ? {} : { locationType: 'parameter', location: this.location };
    const error = { message: this.message, domain: 'global', reason: this.reason, ...place };
    return { error: { code, message: this.message, errors: [error], status } };
  }
}

/** A statement that BigQuery, or this emulator of it, rejects. */
export function invalidQuery(message: string, at?: { line: number; column: number }): ApiError {
  return new ApiError('invalidQuery', at ? `${message} at [${at.line}:${at.column}]` : message, { location: 'query' });
}
