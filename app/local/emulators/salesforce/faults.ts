/** What can go wrong on demand. */
export const FAULT_KINDS = [
  /** Any request: answers `status` (default 503) with `body` (default an HTML page) and `headers`, such as Retry-After. */
  'http',
  /** Any request: is carried out, but the connection breaks before the answer. */
  'lost-reply',
  /** Any request: is never answered, and the connection stays open. */
  'stall',
  /** Any request: the connection breaks after `afterBytes` (default 100) bytes of the answer's body. */
  'cut-body',
  /** Any request that asks for gzip: is answered uncompressed. */
  'not-compressed',
  /** A call with a session: 403, too many long calls at once. */
  'concurrent-requests',
  /** A call with a session: 403, the day's calls are used up. */
  'quota',
  /** A COUNT() or another function over all rows: QUERY_TIMEOUT above `rows` rows. Goes on until cleared unless `times` is given. */
  'count-timeout',
  /** A Bulk job: fails with QUERY_TIMEOUT above `rows` rows. Goes on until cleared unless `times` is given. */
  'query-timeout',
  /**
   * A query, by REST or of a Bulk job, which then fails: QUERY_TOO_COMPLICATED above `calculated` calculated fields. Goes on until cleared
   * unless `times` is given.
   */
  'too-complicated',
  /** A Bulk job: is retried `retries` times (default 16); more than 15 make it fail. */
  'job-retries',
  /** A Bulk job: fails in place of completing, with `errorMessage` if given. */
  'job-failed',
  /** A Bulk job: stays InProgress. */
  'job-stuck',
  /** A Bulk job: is not found when asked for. */
  'job-vanished',
  /** A Bulk result page: the connection breaks after `afterBytes` (default 100) bytes of the body. */
  'cut-page',
  /** A Bulk result page: nothing more comes after `afterBytes` bytes, and the connection stays open. */
  'stall-page',
  /** A Bulk result page: drips by `afterBytes` bytes every `everyMs` (default 50) milliseconds. */
  'slow-page',
  /** A Bulk result page: the Sforce-Locator header is left out. */
  'missing-locator',
  /** A Bulk result page: Sforce-NumberOfRecords is off by `by` (default 1). */
  'wrong-count',
  /** A Bulk result page: the session that asks for it has just expired. */
  '401-mid-download',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  kind: FaultKind;
  /** How many more times it happens. */
  times: number;
  /** Where it happens: all that are given must hold. `path` is a part of path and query. */
  match: { method?: string; path?: string; object?: string };
  status?: number;
  body?: string;
  headers?: Record<string, string>;
  afterBytes?: number;
  everyMs?: number;
  by?: number;
  /** Happens only where there are more rows than this. */
  rows?: number;
  /** Happens only where more calculated fields are selected than this. */
  calculated?: number;
  retries?: number;
  errorMessage?: string;
}

/** What a fault's match is held against. */
export interface Occasion {
  method: string;
  url: string;
  object?: string;
  rows?: number;
  calculated?: number;
}

const BY_SIZE: FaultKind[] = ['count-timeout', 'query-timeout', 'too-complicated'];

/** The faults that wait for their occasion. */
export class Faults {
  #armed: Fault[] = [];

  /** Arms a fault: once and anywhere unless said otherwise. Throws on an unknown kind. */
  arm(fault: Pick<Fault, 'kind'> & Partial<Fault>): void {
    if (!FAULT_KINDS.includes(fault.kind)) throw new Error(`There is no fault ${fault.kind}; there are ${FAULT_KINDS.join(', ')}.`);
    const times = BY_SIZE.includes(fault.kind) ? Number.MAX_SAFE_INTEGER : 1;
    this.#armed.push({ times, match: {}, ...fault });
  }

  /** The fault of this kind that is due on this occasion, used up by one. */
  take(kind: FaultKind, occasion: Occasion): Fault | undefined {
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

function fits({ match, rows, calculated }: Fault, occasion: Occasion): boolean {
  if (match.method && match.method.toUpperCase() !== occasion.method) return false;
  if (match.path && !occasion.url.includes(match.path)) return false;
  if (rows !== undefined && !(occasion.rows !== undefined && occasion.rows > rows)) return false;
  if (calculated !== undefined && !(occasion.calculated !== undefined && occasion.calculated > calculated)) return false;
  return !match.object || match.object.toLowerCase() === occasion.object?.toLowerCase();
}
