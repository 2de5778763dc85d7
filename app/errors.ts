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

/** What a code means, for callers, operators and the tables of app/README.md. */
interface ErrorKind {
  readonly status: number;
  readonly recovery: Recovery;
  readonly meaning: string;
  /** what an operator or caller does about it */
  readonly remedy: string;
}

/** Errors of a request. Callers may branch on public codes, so a published code keeps its meaning. */
const REQUEST_ERRORS = {
  invalid_request: {
    status: 400,
    recovery: 'give-up',
    meaning: 'A field is missing, unknown or has a value that is not allowed.',
    remedy: 'Correct the field that the message names.',
  },
  unauthorized: {
    status: 401,
    recovery: 'give-up',
    meaning: 'The request has no API key.',
    remedy: 'Send `Authorization: Bearer <key>` or `X-API-Key: <key>`.',
  },
  forbidden: {
    status: 403,
    recovery: 'give-up',
    meaning: 'The API key is unknown or its role may not do this, or the page is for another browser or machine.',
    remedy:
      'Use a key that is listed in `API_KEYS` with the role that the message names, or open the link in the browser that started the login.',
  },
  not_found: {
    status: 404,
    recovery: 'give-up',
    meaning: 'The path, connection, job, run or object does not exist, or the connected user cannot see the object.',
    remedy: 'Check the name. `GET /jobs` and `GET /v1/connections` list what exists.',
  },
  method_not_allowed: {
    status: 405,
    recovery: 'give-up',
    meaning: 'The path exists, but not with this method.',
    remedy: 'Use a method of the `Allow` header.',
  },
  conflict: {
    status: 409,
    recovery: 'give-up',
    meaning: 'The state of the job, run or connection does not allow this.',
    remedy: 'Follow the message: it names the state and the call to use instead.',
  },
  body_too_large: {
    status: 413,
    recovery: 'give-up',
    meaning: 'The body is larger than any valid request.',
    remedy: 'Send only the fields of the endpoint.',
  },
  too_many_requests: {
    status: 429,
    recovery: 'retry',
    meaning: 'The address or API key has sent too many requests or too many wrong keys, or has too many live pages open.',
    remedy: 'Wait for the time in `Retry-After`.',
  },
  unsupported_media_type: {
    status: 415,
    recovery: 'give-up',
    meaning: 'The body is neither multipart, urlencoded nor JSON.',
    remedy: 'Send one of these, with its `Content-Type`.',
  },
  login_refused: {
    status: 400,
    recovery: 'give-up',
    meaning: 'Salesforce refused a login, or its settings no longer let the app renew sessions.',
    remedy:
      'Change the Salesforce setting that the message names, then log in again. Runs that wait for the setting continue by themselves.',
  },
} as const satisfies Record<string, ErrorKind>;

/** Errors that Salesforce, BigQuery or the data cause. */
const RUN_ERRORS = {
  needs_login: {
    status: 409,
    recovery: 'reauthorize',
    meaning: 'Salesforce no longer accepts the grant: it was revoked, expired or replaced, or the user is inactive.',
    remedy:
      'Connect the user again, by a connect link, `npm run connect` or the call that the message names. All jobs of the connection then continue at once.',
  },
  salesforce_unavailable: {
    status: 503,
    recovery: 'retry',
    meaning: 'Salesforce did not respond, or returned an incomplete or malformed response.',
    remedy:
      'Nothing at first: the run is retried with growing delays. If it fails in the end, check status.salesforce.com and proxies, then retry the run.',
  },
  salesforce_refused: {
    status: 422,
    recovery: 'give-up',
    meaning: 'Salesforce refused a query or a description of the object. The message contains its code.',
    remedy: 'Correct what the code names, usually a permission of the connected user, then retry the run.',
  },
  salesforce_quota: {
    status: 503,
    recovery: 'defer',
    meaning: 'The org has too few API calls left, or the service has used its share of them.',
    remedy: 'Nothing: runs continue when calls become available. If it happens often, raise `api_share` or `every`, or buy calls.',
  },
  bigquery_unavailable: {
    status: 503,
    recovery: 'retry',
    meaning: "BigQuery or Google's token service did not respond, or an upload was lost.",
    remedy:
      'Nothing at first: the run is retried with growing delays. If it fails in the end, check status.cloud.google.com and proxies, then retry the run.',
  },
  bigquery_refused: {
    status: 422,
    recovery: 'give-up',
    meaning: 'BigQuery refused a statement, a load or access to a table.',
    remedy: 'Grant the role that the message names, or undo the change to the table, then retry the run. `doctor` tests the permissions.',
  },
  bigquery_budget: {
    status: 503,
    recovery: 'defer',
    meaning: 'The statements of the job have billed its budget of the day, or the next one would exceed it.',
    remedy: 'Nothing: the run continues the next day. Otherwise raise `BIGQUERY_DAILY_GB_PER_JOB`.',
  },
  target_replaced: {
    status: 409,
    recovery: 'give-up',
    meaning: 'The target table, or the table of versions, is missing, or is not the one that the service created.',
    remedy: 'Call `rebuild` for the job, or do what the message says. If a user created the table, rename that first.',
  },
  table_busy: {
    status: 503,
    recovery: 'defer',
    meaning: 'Another run of the job is writing the table.',
    remedy: 'Nothing: the run continues when the other one has ended.',
  },
  windows_first: {
    status: 503,
    recovery: 'defer',
    meaning: 'A repair waits for windows that are due.',
    remedy: 'Nothing: it continues by itself.',
  },
  quiet_hours: {
    status: 503,
    recovery: 'defer',
    meaning: "A repair waits for the end of the connection's quiet hours.",
    remedy: 'Nothing, or change `quiet_hours` of the connection.',
  },
  worker_busy: {
    status: 503,
    recovery: 'defer',
    meaning: 'The run was claimed together with others, which take long.',
    remedy: 'Nothing: another worker starts it.',
  },
  count_mismatch: {
    status: 500,
    recovery: 'give-up',
    meaning:
      'The counts of Salesforce, the pages and the tables differ, even after the rows were requested again. `last_date` has not moved.',
    remedy:
      'Retry the run. If the message says how many rows differ and that is acceptable, `accept` the run: its receipt will say so. Otherwise report it, with the receipt.',
  },
  share_limit: {
    status: 409,
    recovery: 'give-up',
    meaning:
      'A sweep, or a window that replaces its table, would remove more than 5% of the rows (and more than 100), or more than half of them. It changed nothing.',
    remedy:
      'Check whether the rows were really deleted, or whether the connected user no longer sees them. If they were deleted, `accept` the run.',
  },
  ids_not_unique: {
    status: 500,
    recovery: 'give-up',
    meaning: 'A table has an Id twice, or Salesforce returns one twice in every extraction.',
    remedy: 'Remove the duplicates from the table that the message names, or call `rebuild`, then retry the run.',
  },
} as const satisfies Record<string, ErrorKind>;

/** Errors of the service itself. */
const SERVICE_ERRORS = {
  lease_lost: {
    status: 500,
    recovery: 'give-up',
    meaning: 'Another worker has taken over the run.',
    remedy: 'Nothing: that worker resumes it.',
  },
  no_progress: {
    status: 503,
    recovery: 'retry',
    meaning: 'The run transferred and computed nothing for so long that it was stopped.',
    remedy: 'Nothing at first: it is retried. If it happens again, check the network between the service, Salesforce and BigQuery.',
  },
  unknown_token_key: {
    status: 503,
    recovery: 'defer',
    meaning: 'The tokens are sealed with a key that is not configured.',
    remedy: 'Put the key back into `TOKEN_KEYS`, or connect the users again.',
  },
  hash_salt_missing: {
    status: 503,
    recovery: 'defer',
    meaning: 'The job hashes fields, but `HASH_SALT` is not set, or has changed during the run.',
    remedy: 'Set `HASH_SALT` to what it was, then restart the service; or, after an intended change, cancel the run.',
  },
  store_unavailable: {
    status: 503,
    recovery: 'retry',
    meaning: 'Postgres did not respond, or has not been compared with BigQuery yet.',
    remedy: 'Nothing at first. If it lasts, check the database and the security groups.',
  },
  store_restored: {
    status: 409,
    recovery: 'defer',
    meaning: 'The job store is older than what it wrote to BigQuery, or a copy of one that is in use. Nothing is imported.',
    remedy: 'Stop the original if this is a copy; then run `accept-restore`.',
  },
  webhook_failed: {
    status: 503,
    recovery: 'retry',
    meaning: 'The receiver of webhooks did not accept a message.',
    remedy: 'Nothing at first: it is sent again for a day. Check `ALERT_WEBHOOK_URL` and the receiver.',
  },
  stopping: {
    status: 503,
    recovery: 'retry',
    meaning: 'The process is stopping.',
    remedy: 'Nothing: another process continues the run.',
  },
  internal: {
    status: 500,
    recovery: 'retry',
    meaning: 'A fault of the service.',
    remedy: 'Report it, with the log entry of the same run or request.',
  },
} as const satisfies Record<string, ErrorKind>;

/** All public error codes. */
export const ERRORS = { ...REQUEST_ERRORS, ...RUN_ERRORS, ...SERVICE_ERRORS };

/** The same, by where they come from. */
export const ERROR_GROUPS: Readonly<Record<string, Readonly<Record<string, ErrorKind>>>> = {
  'Errors of a request': REQUEST_ERRORS,
  'Errors of a run': RUN_ERRORS,
  'Errors of the service': SERVICE_ERRORS,
};

/** A public error code. */
export type ErrorCode = keyof typeof ERRORS;

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
  /** the message for a run, which continues by itself, where a caller has to repeat the request */
  runMessage?: string | undefined;
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
  readonly #runMessage: string | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'AppError';
    this.code = code;
    this.status = options.status ?? ERRORS[code].status;
    this.recovery = options.recovery ?? ERRORS[code].recovery;
    this.details = options.details ?? {};
    this.acceptable = options.acceptable;
    this.retryAfterMs = options.retryAfterMs;
    this.#runMessage = options.runMessage;
  }

  /** The same error, with the message for a run. */
  ofRun(): AppError {
    return this.#runMessage === undefined ? this : new AppError(this.code, this.#runMessage, this);
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
