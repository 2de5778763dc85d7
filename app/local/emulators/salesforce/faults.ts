/** The faults that can be injected. */
export const FAULT_KINDS = [
  /** Any request: returns `status` (default 503) with `body` (default an HTML page) and `headers`, such as Retry-After. */
  'http',
  /** Any request: is processed, but the connection breaks before the response. */
  'lost-reply',
  /** Any request: gets no response, and the connection stays open. */
  'stall',
  /** Any request: the connection breaks after `afterBytes` (default 100) bytes of the response body. */
  'cut-body',
  /** Any request that accepts gzip: the response is uncompressed. */
  'not-compressed',
  /** A call with a session: 403, too many concurrent long calls. */
  'concurrent-requests',
  /** A call with a session: 403, the daily calls are used up. */
  'quota',
  /** COUNT() or another aggregate over all rows: QUERY_TIMEOUT above `rows` rows. Stays armed until cleared unless `times` is set. */
  'count-timeout',
  /**
   * A subrequest of a composite call, whose decoded URL `path` must be part of: takes `everyMs` (default 0), and returns `status` (default
   * 400) with `body` (default QUERY_TIMEOUT), or its own reply if `status` is 200.
   */
  'subrequest',
  /** A Bulk job: fails with QUERY_TIMEOUT above `rows` rows. Stays armed until cleared unless `times` is set. */
  'query-timeout',
  /**
   * A query, by REST or in a Bulk job, which then fails: QUERY_TOO_COMPLICATED above `calculated` calculated fields. Stays armed until
   * cleared unless `times` is set.
   */
  'too-complicated',
  /** A Bulk job: is retried `retries` times (default 16); more than 15 make it fail. */
  'job-retries',
  /** A Bulk job: fails instead of completing, with `errorMessage` if given. */
  'job-failed',
  /** A Bulk job: stays InProgress. */
  'job-stuck',
  /** A Bulk job: returns 404. */
  'job-vanished',
  /** A Bulk result page: the connection breaks after `afterBytes` (default 100) bytes of the body. */
  'cut-page',
  /** A Bulk result page: stops after `afterBytes` bytes, and the connection stays open. */
  'stall-page',
  /** A Bulk result page: arrives slowly, `afterBytes` bytes every `everyMs` (default 50) milliseconds. */
  'slow-page',
  /** A Bulk result page: the Sforce-Locator header is missing. */
  'missing-locator',
  /** A Bulk result page: Sforce-NumberOfRecords is off by `by` (default 1). */
  'wrong-count',
  /** A Bulk result page: the session of the request has just expired. */
  '401-mid-download',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  kind: FaultKind;
  /** How many more times it fires. */
  times: number;
  /** Restricts where it fires: every given part must match. `path` is a substring of path and query. */
  match: { method?: string; path?: string; object?: string };
  status?: number;
  body?: string;
  headers?: Record<string, string>;
  afterBytes?: number;
  everyMs?: number;
  by?: number;
  /** Fires only above this many rows. */
  rows?: number;
  /** Fires only if more calculated fields are selected. */
  calculated?: number;
  retries?: number;
  errorMessage?: string;
}

/** What a fault's match is compared with. */
export interface FaultTarget {
  method: string;
  url: string;
  object?: string;
  rows?: number;
  calculated?: number;
}

const BY_SIZE: FaultKind[] = ['count-timeout', 'query-timeout', 'too-complicated'];

/** The armed faults. */
export class Faults {
  #armed: Fault[] = [];

  /** Arms a fault: once and anywhere by default. Throws on an unknown kind. */
  arm(fault: Pick<Fault, 'kind'> & Partial<Fault>): void {
    if (!FAULT_KINDS.includes(fault.kind)) throw new Error(`Unknown fault ${fault.kind}. Known faults: ${FAULT_KINDS.join(', ')}.`);
    const times = BY_SIZE.includes(fault.kind) ? Number.MAX_SAFE_INTEGER : 1;
    this.#armed.push({ times, match: {}, ...fault });
  }

  /** The armed fault of this kind that matches, if any; uses up one of its times. */
  take(kind: FaultKind, occasion: FaultTarget): Fault | undefined {
    const fault = this.#armed.find((armed) => armed.kind === kind && armed.times > 0 && fits(armed, occasion));
    if (fault) fault.times--;
    return fault;
  }

  list(): Fault[] {
    return this.#armed.filter((fault) => fault.times > 0);
  }

  clear(): void {
    this.#armed = [];
  }
}

function fits({ match, rows, calculated }: Fault, occasion: FaultTarget): boolean {
  if (match.method && match.method.toUpperCase() !== occasion.method) return false;
  if (match.path && !occasion.url.includes(match.path)) return false;
  if (rows !== undefined && !(occasion.rows !== undefined && occasion.rows > rows)) return false;
  if (calculated !== undefined && !(occasion.calculated !== undefined && occasion.calculated > calculated)) return false;
  return !match.object || match.object.toLowerCase() === occasion.object?.toLowerCase();
}
