/** What can go wrong on demand. */
export const FAULT_KINDS = [
  /** Any request: answers `status` (default 503) with `body` (default an HTML page) and `headers`. */
  'http',
  /** A Bulk result page: the connection breaks after `afterBytes` (default 100) bytes of the body. */
  'cut-page',
  /** A Bulk result page: nothing more comes after `afterBytes` bytes, and the connection stays open. */
  'stall-page',
  /** A Bulk result page: the Sforce-Locator header is left out. */
  'missing-locator',
  /** A Bulk result page: Sforce-NumberOfRecords is off by `by` (default 1). */
  'wrong-count',
  /** A Bulk result page: the session that asks for it has just expired. */
  '401-mid-download',
  /** A Bulk job: fails in place of completing, with `errorMessage` if given. */
  'job-failed',
  /** A Bulk job: stays InProgress. */
  'job-stuck',
  /** A Bulk job: is not found when asked for. */
  'job-vanished',
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
  by?: number;
  errorMessage?: string;
}

/** What a fault's match is held against. */
export interface Occasion {
  method: string;
  url: string;
  object?: string;
}

/** The faults that wait for their occasion. */
export class Faults {
  #armed: Fault[] = [];

  /** Arms a fault: once and anywhere unless said otherwise. Throws on an unknown kind. */
  arm(fault: Pick<Fault, 'kind'> & Partial<Fault>): void {
    if (!FAULT_KINDS.includes(fault.kind)) throw new Error(`There is no fault ${fault.kind}; there are ${FAULT_KINDS.join(', ')}.`);
    this.#armed.push({ times: 1, match: {}, ...fault });
  }

  /** The fault of this kind that is due on this occasion, used up by one. */
  take(kind: FaultKind, occasion: Occasion): Fault | undefined {
    const fault = this.#armed.find((armed) => armed.kind === kind && armed.times > 0 && fits(armed.match, occasion));
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

function fits(match: Fault['match'], occasion: Occasion): boolean {
  if (match.method && match.method.toUpperCase() !== occasion.method) return false;
  if (match.path && !occasion.url.includes(match.path)) return false;
  return !match.object || match.object.toLowerCase() === occasion.object?.toLowerCase();
}
