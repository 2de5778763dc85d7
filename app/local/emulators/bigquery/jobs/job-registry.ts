import { ApiError } from '../rest/api-error.ts';
import type { Job } from './job.ts';

/** The key of a job; locations are case-insensitive. */
export const jobKey = ({ location, jobId }: { location: string; jobId: string }) => `${location.toUpperCase()}.${jobId}`;

/** Every job since the first start, whatever its outcome: its id cannot be reused. */
export class JobRegistry {
  readonly #project: string;
  readonly #jobs = new Map<string, Job>();

  constructor(project: string) {
    this.#project = project;
  }

  add(job: Job): void {
    this.#jobs.set(jobKey(job.resource.jobReference), job);
  }

  has(key: string): boolean {
    return this.#jobs.has(key);
  }

  /** Tables of results that can still be read. */
  storedResults(): string[] {
    return [...this.#jobs.values()].flatMap((job) => (job.results && 'stored' in job.results ? [job.results.stored] : []));
  }

  /** Newest first. */
  list(): Job[] {
    return [...this.#jobs.values()].reverse();
  }

  /** Without a location, finds jobs in the multi-regions, as BigQuery does. */
  find(jobId: string, location: string | undefined): Job {
    const found = (location === undefined ? ['US', 'EU'] : [location])
      .map((each) => this.#jobs.get(jobKey({ location: each, jobId })))
      .find(Boolean);
    if (found) return found;
    throw new ApiError('notFound', `Not found: Job ${this.#project}:${location === undefined ? '' : `${location}.`}${jobId}`);
  }
}
