import { ApiError } from './rest/api-error.ts';

/** An armed fault, which fires `times` times. */
export interface Fault {
  kind: FaultKind;
  /** How many more times it fires. */
  times: number;
  /** Fires only if this text occurs in `METHOD /path`, an upload id, or a job id. Absent: anywhere. */
  match?: string;
  /** For `http`: the status of the response, and the reason in its body. */
  status?: number;
  reason?: string;
  message?: string;
  /** For `http`: headers of the response, such as Retry-After. */
  headers?: Record<string, string>;
  /** For `upload-cut` and `partial-chunk`: how many bytes of the chunk are kept; default half of it. */
  keep?: number;
  /** For `job-failed`: the response to the insertion already shows the failure. */
  atOnce?: boolean;
}

/** Kind → effect. A new kind needs a line here and a `take` where it fires. */
export const FAULT_KINDS = {
  'upload-cut': 'the connection is cut in the middle of a chunk',
  'partial-chunk': 'a chunk is received completely, but only part of it is kept: 308 with a shorter Range',
  'lost-final-answer': 'the last chunk is accepted and the job created, then the connection is cut',
  'session-expired': 'an upload session is no longer known: 404',
  http: 'a request is rejected with `status` (503), `reason` and `headers` before it is processed',
  stall: 'a request gets no response, and the connection stays open',
  'lost-answer': 'a request is processed, then the connection is cut instead of a response',
  'job-failed': 'a job ends with `reason` (jobBackendError) and changes nothing; `atOnce`: before the response to its insertion',
  'job-stuck': 'a job stays RUNNING until it is cancelled, or its jobTimeoutMs expires',
  'job-overruns': 'a job stays RUNNING until it is cancelled, even past its jobTimeoutMs',
  'job-warning': 'a job succeeds, with an error in status.errors',
  'gzip-unknown': 'a load job treats gzip as text, and fails',
  'expiration-kept': 'a patch of a table leaves its expirations as they are',
  'tag-denied': 'a statement that reads or updates a column with a policy tag is refused; `match`: part of the name of the tag',
  'slow-visible': 'jobs.get does not find an existing job: 404',
} as const;

export type FaultKind = keyof typeof FAULT_KINDS;

/** The armed faults that have not fired yet. */
export class Faults {
  #pending: Fault[] = [];

  /** Adds a fault given as JSON. Throws `invalid`. */
  add(given: unknown): Fault {
    const { kind, times = 1, ...more } = (given ?? {}) as Partial<Fault>;
    if (!kind || !(kind in FAULT_KINDS))
      throw new ApiError('invalid', `Unknown fault kind. Known kinds: ${Object.keys(FAULT_KINDS).join(', ')}`);
    const fault = { ...more, kind, times };
    this.#pending.push(fault);
    return fault;
  }

  list(): Fault[] {
    return this.#pending;
  }

  clear(): void {
    this.#pending = [];
  }

  /** The armed fault of this kind that matches the subject, if any; uses up one of its times. */
  take(kind: FaultKind, subject: string): Fault | undefined {
    const fault = this.#pending.find((each) => each.kind === kind && (each.match === undefined || subject.includes(each.match)));
    if (!fault) return undefined;
    fault.times -= 1;
    this.#pending = this.#pending.filter((each) => each.times > 0);
    return fault;
  }
}

const AGAIN = 'The job encountered an internal error during execution. Retrying the job may solve the problem.';
const QUOTAS = 'For more information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas';

/** Reason → BigQuery's message and, in a job, the location, if known. */
const WORDS: Record<string, { request?: string; job?: string; location?: string }> = {
  rateLimitExceeded: {
    request: `Exceeded rate limits: too many api requests per user per method for this user_method. ${QUOTAS}`,
    job: `Exceeded rate limits: too many table update operations for this table. ${QUOTAS}`,
    location: 'table.write',
  },
  jobRateLimitExceeded: { job: `Exceeded rate limits: too many table update operations for this table. ${QUOTAS}` },
  quotaExceeded: {
    request: `Quota exceeded: Your project exceeded quota for free query bytes scanned. ${QUOTAS}`,
    job: `Quota exceeded: Your table exceeded quota for imports or query appends per table. ${QUOTAS}`,
    location: 'load_job_per_table.long',
  },
  jobBackendError: { job: AGAIN },
  jobInternalError: { job: AGAIN },
  invalidQuery: { job: 'Could not serialize access to the table due to concurrent update', location: 'query' },
  resourcesExceeded: {
    job: 'Resources exceeded during query execution: Too many DML statements outstanding against the table, limit is 20.',
  },
};

const OTHERWISE = 'An injected error.';

/** The error of an `http` fault. */
export function requestFault({ reason = 'backendError', message }: Fault): ApiError {
  return new ApiError(reason, message ?? WORDS[reason]?.request ?? OTHERWISE);
}

/** The error of a `job-failed` fault. */
export function jobFault({ reason = 'jobBackendError', message }: Fault): ApiError {
  const { job, location } = WORDS[reason] ?? {};
  return new ApiError(reason, message ?? job ?? OTHERWISE, location === undefined || message !== undefined ? {} : { location });
}
