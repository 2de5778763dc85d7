import { randomInt } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { DELIMITERS, LINE_ENDINGS } from '../csv.ts';
import type { Faults, FaultTarget } from '../faults.ts';
import { checkBulkLimits, type Limits } from '../limits.ts';
import { toTimestamp } from '../objects/common-fields.ts';
import type { Org } from '../org/org.ts';
import { recordId } from '../org/record-id.ts';
import { type Snapshot, takeSnapshot } from '../org/snapshot.ts';
import { notFoundError, SalesforceError, TOO_COMPLICATED } from '../rest/salesforce-error.ts';
import { countCalculated, parseSoql, type SoqlQuery } from '../soql/soql.ts';

export type JobState = 'UploadComplete' | 'InProgress' | 'JobComplete' | 'Failed' | 'Aborted';

export interface BulkJob {
  id: string;
  operation: 'query' | 'queryAll';
  query: SoqlQuery;
  createdDate: string;
  systemModstamp: string;
  state: JobState;
  /** Such as `66.0`. */
  apiVersion: string;
  columnDelimiter: keyof typeof DELIMITERS;
  lineEnding: keyof typeof LINE_ENDINGS;
  /** The rows that the query found, from InProgress on. */
  found: Snapshot | undefined;
  /** How often Salesforce retried; it gives up after 15 retries. */
  retries: number;
  processingMs: number;
  errorMessage: string | undefined;
}

export type NewBulkJob = Pick<BulkJob, 'operation' | 'query' | 'apiVersion' | 'columnDelimiter' | 'lineEnding'>;

const TERMINAL: JobState[] = ['JobComplete', 'Failed', 'Aborted'];

const MAX_RETRIES = 15;

/** Bulk API 2.0 query jobs and their state transitions. */
export class BulkJobs {
  readonly #org: Org;
  readonly #clock: Clock;
  readonly #faults: Faults;
  readonly #limits: Limits;
  readonly #delayMs: number;
  readonly #jobs = new Map<string, BulkJob>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Ids are never reused, not even after a restart. */
  #nextNumber = randomInt(1_000_000_000, 200_000_000_000_000);

  constructor({ org, clock, faults, limits, delayMs }: { org: Org; clock: Clock; faults: Faults; limits: Limits; delayMs: number }) {
    this.#org = org;
    this.#clock = clock;
    this.#faults = faults;
    this.#limits = limits;
    this.#delayMs = delayMs;
  }

  /** Throws LIMIT_EXCEEDED if the daily jobs are used up. */
  create(requested: NewBulkJob): BulkJob {
    checkBulkLimits(this.#limits);
    this.#limits.use('DailyBulkV2QueryJobs');
    const now = this.#now();
    const job: BulkJob = {
      ...requested,
      id: recordId('750', this.#nextNumber++),
      createdDate: now,
      systemModstamp: now,
      state: 'UploadComplete',
      found: undefined,
      retries: 0,
      processingMs: 0,
      errorMessage: undefined,
    };
    this.#jobs.set(job.id, job);
    this.#later(() => void this.#work(job));
    return job;
  }

  /** The job with an id of 15 or 18 characters. Throws NOT_FOUND. */
  get(id: string): BulkJob {
    const job = this.#jobs.get(id) ?? [...this.#jobs.values()].find((candidate) => candidate.id.slice(0, 15) === id);
    if (!job) throw notFoundError();
    if (this.#faults.take('job-vanished', { method: 'GET', url: job.id, object: job.query.table.definition.name })) {
      this.#jobs.delete(job.id);
      throw notFoundError();
    }
    return job;
  }

  abort(job: BulkJob): void {
    if (TERMINAL.includes(job.state)) {
      const state = job.state === 'JobComplete' ? 'Completed' : job.state;
      throw new SalesforceError(400, 'INVALIDJOBSTATE', `Aborting already ${state} Job not allowed`, true);
    }
    this.#enter(job, 'Aborted');
    job.found = undefined;
  }

  delete(job: BulkJob): void {
    if (!TERMINAL.includes(job.state)) {
      throw new SalesforceError(400, 'API_ERROR', 'Error encountered when deleting the job because the job is not terminated', true);
    }
    this.#jobs.delete(job.id);
  }

  list(): BulkJob[] {
    return [...this.#jobs.values()];
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#jobs.clear();
  }

  /** The query is evaluated when the job starts, not when it was created. */
  async #work(job: BulkJob): Promise<void> {
    if (job.state !== 'UploadComplete') return;
    this.#enter(job, 'InProgress');
    const occasion = { method: 'POST', url: job.id, object: job.query.table.definition.name };
    if (this.#faults.take('job-stuck', occasion)) return;
    const failure = this.#faults.take('job-failed', occasion);
    const started = performance.now();
    const found = failure ? undefined : await this.#evaluate(job, occasion);
    this.#later(() => {
      if (job.state !== 'InProgress') return;
      job.processingMs = Math.ceil(performance.now() - started);
      job.errorMessage ??= failure?.errorMessage;
      job.found = found;
      this.#enter(job, found ? 'JobComplete' : 'Failed');
    });
  }

  /** Evaluates the query again on the current org, so that its pages also show parents as of this moment. */
  async #evaluate(job: BulkJob, occasion: FaultTarget): Promise<Snapshot | undefined> {
    try {
      job.query = parseSoql(this.#org.freeze(), job.query.soql);
      const found = await takeSnapshot(job.query, { deleted: job.operation === 'queryAll', shuffle: this.#org.seed + this.#nextNumber });
      const refusal = this.#refusal(job, { ...occasion, rows: found.length });
      if (refusal === undefined) return found;
      job.errorMessage = refusal;
    } catch (error) {
      job.errorMessage = `Unexpected exception: ${Error.isError(error) ? error.message : String(error)}`;
    }
    return undefined;
  }

  #refusal(job: BulkJob, occasion: FaultTarget): string | undefined {
    const retried = this.#faults.take('job-retries', occasion);
    if (retried) job.retries = retried.retries ?? MAX_RETRIES + 1;
    if (job.retries > MAX_RETRIES) return 'Retried more than fifteen times';
    if (this.#faults.take('too-complicated', { ...occasion, calculated: countCalculated(job.query) })) {
      return `QUERY_TOO_COMPLICATED: ${TOO_COMPLICATED}`;
    }
    return this.#faults.take('query-timeout', occasion) ? 'QUERY_TIMEOUT: Your query request was running for too long.' : undefined;
  }

  #enter(job: BulkJob, state: JobState): void {
    job.state = state;
    job.systemModstamp = this.#now();
  }

  #later(step: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      step();
    }, this.#delayMs);
    timer.unref();
    this.#timers.add(timer);
  }

  #now(): string {
    return toTimestamp(this.#clock.now().getTime());
  }
}
