/** What should be done about a failure. Decided where it is understood; nothing above decides by message text. */
export type Recovery =
  /** passing: the same again, soon */
  | 'retry'
  /** not now: later, without counting as a failure */
  | 'defer'
  /** the grant is gone: a person must log in again */
  | 'reauthorize'
  /** the same again gives the same: tell, and stop */
  | 'give-up';

/** The public error codes. A caller may decide by them, so a code once given keeps its meaning. */
export type ErrorCode =
  // of a request
  | 'invalid_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'conflict'
  | 'body_too_large'
  | 'unsupported_media_type'
  | 'login_refused'
  // of the work
  | 'needs_login'
  | 'salesforce_unavailable'
  | 'salesforce_refused'
  | 'salesforce_quota'
  | 'bigquery_unavailable'
  | 'bigquery_refused'
  | 'bigquery_budget'
  | 'target_replaced'
  | 'count_mismatch'
  | 'ids_not_unique'
  | 'lease_lost'
  | 'no_progress'
  | 'unknown_token_key'
  | 'store_unavailable'
  | 'stopping'
  | 'internal';

const KNOWN: Record<ErrorCode, { status: number; recovery: Recovery }> = {
  invalid_request: { status: 400, recovery: 'give-up' },
  unauthorized: { status: 401, recovery: 'give-up' },
  forbidden: { status: 403, recovery: 'give-up' },
  not_found: { status: 404, recovery: 'give-up' },
  method_not_allowed: { status: 405, recovery: 'give-up' },
  conflict: { status: 409, recovery: 'give-up' },
  body_too_large: { status: 413, recovery: 'give-up' },
  unsupported_media_type: { status: 415, recovery: 'give-up' },
  login_refused: { status: 400, recovery: 'give-up' },
  needs_login: { status: 409, recovery: 'reauthorize' },
  salesforce_unavailable: { status: 503, recovery: 'retry' },
  salesforce_refused: { status: 422, recovery: 'give-up' },
  salesforce_quota: { status: 503, recovery: 'defer' },
  bigquery_unavailable: { status: 503, recovery: 'retry' },
  bigquery_refused: { status: 422, recovery: 'give-up' },
  bigquery_budget: { status: 503, recovery: 'defer' },
  target_replaced: { status: 409, recovery: 'give-up' },
  count_mismatch: { status: 500, recovery: 'give-up' },
  ids_not_unique: { status: 500, recovery: 'give-up' },
  lease_lost: { status: 500, recovery: 'give-up' },
  no_progress: { status: 503, recovery: 'retry' },
  unknown_token_key: { status: 503, recovery: 'defer' },
  store_unavailable: { status: 503, recovery: 'retry' },
  stopping: { status: 503, recovery: 'retry' },
  internal: { status: 500, recovery: 'retry' },
};

export interface AppErrorOptions {
  cause?: unknown;
  /** Ids, columns and counts for the log; never a secret, never a record's value. */
  details?: Record<string, string | number | boolean | null>;
  recovery?: Recovery;
  status?: number;
}

/** A failure in our own words. `message` is a sentence that says what to do and may be shown to anyone who may ask. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly recovery: Recovery;
  readonly details: Record<string, string | number | boolean | null>;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'AppError';
    this.code = code;
    this.status = options.status ?? KNOWN[code].status;
    this.recovery = options.recovery ?? KNOWN[code].recovery;
    this.details = options.details ?? {};
  }
}

/** True for our own errors. */
export function isAppError(error: unknown): error is AppError {
  return error instanceof AppError;
}

/** The stable code of a foreign error (Node, Postgres, undici), or undefined. Looks through `cause`, where fetch hides it. */
export function foreignCode(error: unknown): string | undefined {
  for (let current = error, depth = 0; current && depth < 5; depth++) {
    const { code, cause } = current as { code?: unknown; cause?: unknown };
    if (typeof code === 'string') return code;
    current = cause;
  }
  return undefined;
}
