/** How to recover from a failure. Set where the failure is understood; callers never decide by message text. */
export type Recovery =
  /** transient: try again soon */
  | 'retry'
  /** try again later, without counting as a failure */
  | 'defer'
  /** the grant has ended: a user must log in again */
  | 'reauthorize'
  /** permanent: report and stop */
  | 'give-up';

/** The public error codes. Callers may branch on them, so a published code keeps its meaning. */
export type ErrorCode =
  // request errors
  | 'invalid_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'conflict'
  | 'body_too_large'
  | 'too_many_requests'
  | 'unsupported_media_type'
  | 'login_refused'
  // errors of a run
  | 'needs_login'
  | 'salesforce_unavailable'
  | 'salesforce_refused'
  | 'salesforce_quota'
  | 'bigquery_unavailable'
  | 'bigquery_refused'
  | 'bigquery_budget'
  | 'target_replaced'
  | 'table_busy'
  | 'windows_first'
  | 'quiet_hours'
  | 'worker_busy'
  | 'count_mismatch'
  | 'share_limit'
  | 'ids_not_unique'
  | 'lease_lost'
  | 'no_progress'
  | 'unknown_token_key'
  | 'store_unavailable'
  | 'store_restored'
  | 'stopping'
  | 'internal';

const DEFAULTS: Record<ErrorCode, { status: number; recovery: Recovery }> = {
  invalid_request: { status: 400, recovery: 'give-up' },
  unauthorized: { status: 401, recovery: 'give-up' },
  forbidden: { status: 403, recovery: 'give-up' },
  not_found: { status: 404, recovery: 'give-up' },
  method_not_allowed: { status: 405, recovery: 'give-up' },
  conflict: { status: 409, recovery: 'give-up' },
  body_too_large: { status: 413, recovery: 'give-up' },
  too_many_requests: { status: 429, recovery: 'retry' },
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
  table_busy: { status: 503, recovery: 'defer' },
  windows_first: { status: 503, recovery: 'defer' },
  quiet_hours: { status: 503, recovery: 'defer' },
  worker_busy: { status: 503, recovery: 'defer' },
  count_mismatch: { status: 500, recovery: 'give-up' },
  share_limit: { status: 409, recovery: 'give-up' },
  ids_not_unique: { status: 500, recovery: 'give-up' },
  lease_lost: { status: 500, recovery: 'give-up' },
  no_progress: { status: 503, recovery: 'retry' },
  unknown_token_key: { status: 503, recovery: 'defer' },
  store_unavailable: { status: 503, recovery: 'retry' },
  store_restored: { status: 409, recovery: 'defer' },
  stopping: { status: 503, recovery: 'retry' },
  internal: { status: 500, recovery: 'retry' },
};

export interface AppErrorOptions {
  cause?: unknown;
  /** Ids, columns and counts for the log; never a secret, never a record's value. */
  details?: Record<string, string | number | boolean | null>;
  recovery?: Recovery;
  status?: number;
  /** a verdict on this many rows, which an operator may accept */
  acceptable?: number | undefined;
  /** how long the platform or a setting demands to wait, in milliseconds */
  retryAfterMs?: number | undefined;
}

/** Our own error type. `message` says what happened and what to do, and is safe to show to any authorized caller. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly recovery: Recovery;
  readonly details: Record<string, string | number | boolean | null>;
  /** number of rows that the verdict concerns; undefined: nothing that an operator may accept */
  readonly acceptable: number | undefined;
  /** the minimum delay before a retry, in milliseconds; undefined: none is demanded */
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'AppError';
    this.code = code;
    this.status = options.status ?? DEFAULTS[code].status;
    this.recovery = options.recovery ?? DEFAULTS[code].recovery;
    this.details = options.details ?? {};
    this.acceptable = options.acceptable;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Whether an error is an AppError. */
export function isAppError(error: unknown): error is AppError {
  return error instanceof AppError;
}

/** The stable code of a foreign error (Node, Postgres, undici), or undefined. Searches `cause`, because fetch nests it there. */
export function externalErrorCode(error: unknown): string | undefined {
  for (let current = error, depth = 0; current && depth < 5; depth++) {
    const { code, cause } = current as { code?: unknown; cause?: unknown };
    if (typeof code === 'string') return code;
    current = cause;
  }
  return undefined;
}

/** A platform's code or name as it may be shown and logged; undefined if it is not shaped like one, because it may then be any text. */
export function safeCode(code: unknown): string | undefined {
  return typeof code === 'string' && /^[A-Za-z][\w.-]{1,80}$/.test(code) ? code : undefined;
}
