import { SalesforceError } from './rest/salesforce-error.ts';

const HOUR_MS = 3_600_000;
const HOURS = 24;

/** An org's remaining quota, such as `{Max: 15000, Remaining: 14990}`. */
export interface Allowance {
  Max: number;
  Remaining: number;
}

export type LimitName = 'DailyApiRequests' | 'DailyBulkApiBatches' | 'DailyBulkV2QueryFileStorageMB' | 'DailyBulkV2QueryJobs';

/** The org's limits over the last 24 hours, in real time. */
export class Limits {
  readonly #max = new Map<LimitName, number>([
    ['DailyApiRequests', 15_000],
    ['DailyBulkApiBatches', 15_000],
    ['DailyBulkV2QueryFileStorageMB', 976_562],
    ['DailyBulkV2QueryJobs', 10_000],
  ]);
  /** Usage per hour since 1970. */
  readonly #used = new Map<LimitName, Map<number, number>>();

  use(name: LimitName, amount = 1): void {
    const hour = Math.floor(Date.now() / HOUR_MS);
    const hours = this.#hours(name);
    hours.set(hour, (hours.get(hour) ?? 0) + amount);
  }

  of(name: LimitName): Allowance {
    const max = this.#max.get(name) ?? 0;
    return {
      Max: max,
      Remaining:
        max -
        this.#hours(name)
          .values()
          .reduce((sum, used) => sum + used, 0),
    };
  }

  /** Sets a limit and its remainder, as if the difference had been used just now. Throws on an unknown name. */
  set(name: string, { Max, Remaining }: Partial<Allowance>): void {
    if (!this.#isLimit(name)) throw new Error(`Unknown limit ${name}. Known limits: ${[...this.#max.keys()].join(', ')}.`);
    const before = this.of(name);
    const max = Max ?? before.Max;
    this.#max.set(name, max);
    this.#used.set(name, new Map());
    this.use(name, max - (Remaining ?? before.Remaining));
  }

  all(): Record<string, Allowance> {
    return Object.fromEntries([...this.#max.keys()].map((name) => [name, this.of(name)]));
  }

  #isLimit(name: string): name is LimitName {
    return this.#max.has(name as LimitName);
  }

  #hours(name: LimitName): Map<number, number> {
    const hours = this.#used.get(name) ?? new Map<number, number>();
    this.#used.set(name, hours);
    const oldest = Math.floor(Date.now() / HOUR_MS) - HOURS;
    for (const hour of hours.keys()) if (hour <= oldest) hours.delete(hour);
    return hours;
  }
}

/** The error of a call when the daily calls are used up. */
export function quotaExceededError(): SalesforceError {
  return new SalesforceError(403, 'REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.');
}

/** The error of a call while too many others take longer than 20 seconds. */
export function tooManyConcurrentError(): SalesforceError {
  return new SalesforceError(403, 'REQUEST_LIMIT_EXCEEDED', 'ConcurrentRequests (Concurrent API Requests) Limit exceeded.');
}

/** Rejects a Bulk query job if the org has no quota left for it today. */
export function checkBulkLimits(limits: Limits): void {
  const { Max, Remaining } = limits.of('DailyBulkV2QueryJobs');
  const tooMany = `Max bulk v2 query jobs (${Max}) per 24 hrs has been reached`;
  if (Remaining <= 0) throw new SalesforceError(400, 'LIMIT_EXCEEDED', tooMany, true);
  const tooLarge = 'Max bulk v2 query result size stored (1000000000) kb per 24 hrs has been exceeded';
  if (limits.of('DailyBulkV2QueryFileStorageMB').Remaining <= 0) throw new SalesforceError(400, 'LIMIT_EXCEEDED', tooLarge, true);
}
