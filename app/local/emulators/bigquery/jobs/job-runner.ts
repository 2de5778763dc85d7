import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { type Fault, jobFault } from '../faults.ts';
import { ApiError } from '../rest/api-error.ts';
import type { Service } from '../service.ts';
import { tokenize } from '../sql/tokens.ts';
import { queryRows, readResources, saveResource, type Transaction } from '../storage/database.ts';
import { regionOf } from '../storage/information-schema.ts';
import { expirePartitions } from '../storage/partitions.ts';
import { storedSql } from '../storage/table.ts';
import type { Job, JobResource } from './job.ts';
import { jobKey } from './job-registry.ts';
import { checkLoad, loadTarget, runLoad } from './load-job.ts';
import { checkQuery, queryError, queryTarget, runQuery } from './query-job.ts';

const RESULTS_KEPT_MS = 24 * 60 * 60 * 1000;
/** More than the writers that can replace a table while a query of it starts. */
const ATTEMPTS = 20;

/** DuckDB aborts one of two conflicting transactions; and a name may be dropped between lookup and read. */
const TRANSIENT = /Transaction conflict|write-write conflict|Conflict on|Table with name [tr]_[0-9a-f]{32} does not exist/;

/** Starts and runs jobs. */
export class JobRunner {
  readonly #service: Service;

  constructor(service: Service) {
    this.#service = service;
  }

  /** Restores the jobs of an earlier process; unfinished ones have changed nothing, and fail. */
  async restore(): Promise<void> {
    const { database, jobs } = this.#service;
    const oldest = this.#service.now() - RESULTS_KEPT_MS;
    for (const { resource, results } of await readResources<Pick<Job, 'resource' | 'results'>>(database, 'job')) {
      const isFresh = Number(resource.statistics.endTime ?? 0) > oldest;
      const job: Job = { resource, done: Promise.resolve(), ...(results && isFresh ? { results } : {}) };
      jobs.add(job);
      if (resource.status.state !== 'DONE')
        await this.#fail(
          job,
          new ApiError('jobBackendError', 'The local BigQuery was stopped during the job. Retrying the job may solve the problem.'),
        );
    }
  }

  /** Starts a job. Throws if the request is invalid, and `duplicate` for a used id. */
  async insert(body: Record<string, unknown>, input?: { file: string }): Promise<Job> {
    const job = this.#newJob(body, input);
    if (job.resource.configuration.dryRun) return this.#dryRun(job);
    const { jobs, database } = this.#service;
    const key = jobKey(job.resource.jobReference);
    if (jobs.has(key)) throw new ApiError('duplicate', `Already Exists: Job ${job.resource.id}`);
    jobs.add(job);
    await database.transaction((transaction) => saveResource(transaction, 'job', key, { resource: job.resource }));
    const fault = this.#service.faults.take('job-failed', job.resource.jobReference.jobId);
    job.done = this.#run(job, fault);
    if (fault?.atOnce) await job.done;
    return job;
  }

  #newJob(body: Record<string, unknown>, input: { file: string } | undefined): Job {
    const { project } = this.#service;
    const configuration = (body.configuration ?? {}) as JobResource['configuration'];
    const jobType = configuration.load ? 'LOAD' : configuration.query ? 'QUERY' : undefined;
    if (!jobType || (configuration.load && configuration.query))
      throw new ApiError('required', 'The local BigQuery requires configuration.load or configuration.query');
    if (configuration.load) checkLoad(configuration.load);
    if (configuration.query) checkQuery(configuration.query);
    if (configuration.load && !input)
      throw new ApiError('invalid', 'The local BigQuery loads only uploaded bytes. Use the upload endpoint');
    const reference = (body.jobReference ?? {}) as { jobId?: string; location?: string };
    const jobId = reference.jobId ?? `job_${randomUUID().replaceAll('-', '')}`;
    if (!/^[A-Za-z0-9_-]{1,1024}$/.test(jobId)) throw new ApiError('invalid', `Invalid job ID "${jobId}".`);
    const location = reference.location ?? this.#locationOf(configuration);
    const resource: JobResource = {
      kind: 'bigquery#job',
      id: `${project}:${location}.${jobId}`,
      etag: randomUUID(),
      user_email: 'emulator@localhost',
      jobReference: { projectId: project, jobId, location },
      configuration: { ...configuration, jobType },
      status: { state: 'PENDING' },
      statistics: { creationTime: String(this.#service.now()) },
    };
    return { resource, done: Promise.resolve(), ...(input ? { input } : {}) };
  }

  /** The region that the job specifies, or that of the first dataset it names. */
  #locationOf({ load, query }: JobResource['configuration']): string {
    const names = load
      ? [load.destinationTable?.datasetId]
      : [query?.destinationTable?.datasetId, query?.defaultDataset?.datasetId, ...wordsOf(query?.query ?? '')];
    const dataset = this.#service.catalog.datasets().find((each) => names.includes(each.datasetReference.datasetId));
    const region = names.map((name) => regionOf(name ?? '')).find(Boolean);
    return region ?? dataset?.location ?? this.#service.location;
  }

  async #dryRun(job: Job): Promise<Job> {
    if (job.resource.configuration.query) {
      await runQuery(this.#service, job, undefined).catch((error) => {
        throw queryError(error);
      });
    }
    job.resource.status = { state: 'DONE' };
    return job;
  }

  async #run(job: Job, fault: Fault | undefined): Promise<void> {
    job.resource.status = { state: 'RUNNING' };
    job.resource.statistics.startTime = String(this.#service.now());
    const { faults } = this.#service;
    const { jobId } = job.resource.jobReference;
    const overruns = faults.take('job-overruns', jobId);
    const timer = overruns ? undefined : this.#startTimer(job);
    try {
      if (fault) throw jobFault(fault);
      if (overruns || faults.take('job-stuck', jobId)) await untilStopped(job);
      await expirePartitions(this.#service);
      const { load } = job.resource.configuration;
      const target = load ? loadTarget(load) : queryTarget(this.#service, job);
      const work = () => this.#attempt(job);
      await (target === undefined ? work() : this.#service.locks.hold(target, work));
    } catch (error) {
      await this.#fail(job, job.stopped === undefined ? queryError(error) : stoppedError(job.stopped));
    } finally {
      clearTimeout(timer);
      delete job.interrupt;
      if (job.input) await rm(job.input.file, { force: true });
    }
  }

  #startTimer(job: Job): NodeJS.Timeout | undefined {
    const { jobTimeoutMs } = job.resource.configuration;
    if (jobTimeoutMs === undefined) return undefined;
    return setTimeout(() => this.cancel(job, `Job timed out after ${jobTimeoutMs} ms`), Number(jobTimeoutMs));
  }

  async #attempt(job: Job): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#service.database.transaction((transaction) => this.#execute(job, transaction));
      } catch (error) {
        delete job.results;
        if (attempt === ATTEMPTS || job.stopped !== undefined || !TRANSIENT.test(String(error))) throw error;
      }
    }
  }

  /** The job's end is stored in the same transaction as its rows: a job that is not DONE has changed nothing. */
  async #execute(job: Job, transaction: Transaction): Promise<void> {
    if (job.stopped !== undefined) throw stoppedError(job.stopped);
    job.interrupt = () => transaction.connection.interrupt();
    if (job.resource.configuration.load) await runLoad(this.#service, job, transaction);
    else await runQuery(this.#service, job, transaction);
    const warning = this.#service.faults.take('job-warning', job.resource.jobReference.jobId);
    const resource: JobResource = {
      ...job.resource,
      status: { state: 'DONE', ...(warning ? { errors: [jobFault({ reason: 'backendError', ...warning }).proto] } : {}) },
      statistics: { ...job.resource.statistics, endTime: String(this.#service.now()) },
    };
    await saveResource(transaction, 'job', jobKey(resource.jobReference), { resource, results: job.results });
    transaction.afterCommit(() => {
      job.resource = resource;
    });
  }

  async #fail(job: Job, error: ApiError): Promise<void> {
    const { load: _, ...statistics } = job.resource.statistics;
    const resource: JobResource = {
      ...job.resource,
      status: { state: 'DONE', errorResult: error.proto, errors: [error.proto, ...error.details] },
      statistics: { ...statistics, endTime: String(this.#service.now()) },
    };
    // Memory first: a poller must see the end even if it cannot be stored.
    job.resource = resource;
    await this.#service.database
      .transaction((transaction) => saveResource(transaction, 'job', jobKey(resource.jobReference), { resource }))
      .catch(() => undefined);
  }

  /** Requests cancellation; it may be too late. */
  cancel(job: Job, why = 'User requested cancellation'): void {
    if (job.resource.status.state === 'DONE' || job.stopped !== undefined) return;
    job.stopped = why;
    job.interrupt?.();
  }

  /** Stops running jobs and waits for them. */
  async close(): Promise<void> {
    const jobs = this.#service.jobs.list();
    for (const job of jobs) this.cancel(job);
    await Promise.all(jobs.map((job) => job.done));
  }
}

const stoppedError = (why: string) => new ApiError('stopped', `Job execution was cancelled: ${why}`);

function untilStopped(job: Job): Promise<void> {
  return new Promise((done) => {
    job.interrupt = done;
    if (job.stopped !== undefined) done();
  });
}

function wordsOf(query: string): string[] {
  try {
    return tokenize(query).flatMap((token) => (token.kind === 'name' || token.kind === 'word' ? token.text.split('.') : []));
  } catch {
    return [];
  }
}

/** Drops unreferenced stored tables: expired results and leftovers of interrupted work. */
export async function dropOrphans(service: Service): Promise<void> {
  const datasets = service.catalog.datasets().map((dataset) => dataset.datasetReference.datasetId);
  const wanted = new Set([
    ...datasets.flatMap((id) => service.catalog.tables(id)).map((table) => table.stored),
    ...service.jobs.storedResults(),
  ]);
  await service.database.withConnection(async (connection) => {
    const rows = await queryRows(connection, `SELECT table_name FROM duckdb_tables() WHERE schema_name = 'data'`);
    for (const [name] of rows) if (!wanted.has(String(name))) await connection.run(`DROP TABLE ${storedSql(String(name))}`);
  });
}
