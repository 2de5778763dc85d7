import { setTimeout as sleep } from 'node:timers/promises';
import type { QueryResultsOptions } from '@google-cloud/bigquery';
import { AppError } from '../errors.ts';
import { translateJobError } from './errors.ts';
import type { Job } from './resources.ts';
import { unlessStatus } from './unless-status.ts';
import type { Warehouse } from './warehouse.ts';

/** What a job that succeeded has done. Rows; those of a kind of job that it was not are 0. */
export interface FinishedJob {
  /** put out by a load job */
  outputRows: number;
  /** made, changed and removed by a MERGE */
  inserted: number;
  updated: number;
  deleted: number;
  /** bytes that the statement is billed */
  bytesBilled: number;
}

/** What became of a job. Passing: a job with another id may succeed. */
export type JobOutcome = { succeeded: true; job: FinishedJob } | { succeeded: false; passing: boolean; error: AppError };

/** A statement that BigQuery bills by the bytes it reads. */
export interface Statement {
  /** of its job */
  id: string;
  sql: string;
  /** tell in the billing export, and at adoption, whose job it is */
  labels: Record<string, string>;
  /** what it may be billed: BigQuery refuses more, for nothing, before it reads anything */
  mostBytes: number;
}

/** A job's id was taken and answered 409 or not at all: for so long it may not be seen yet. */
const INVISIBLE_MS = 60_000;

/** A job that was cancelled has so long to end: BigQuery does not promise that it will. */
const CANCELLED_MS = 60_000;

const MAX_POLL_MS = 10_000;

/**
 * Runs a statement as the job `id`, or adopts that job if it was asked for before, and waits for its end.
 * @returns failed in passing where the id belongs to another statement
 * @throws AppError when BigQuery cannot be asked
 */
export async function runQueryJob(warehouse: Warehouse, statement: Statement): Promise<JobOutcome> {
  const { id, sql } = statement;
  const doing = `run the job ${id}`;
  await askFor(warehouse, statement, doing);
  const job = await waitForJob(warehouse, id);
  if (job.configuration?.query?.query !== sql) return { succeeded: false, passing: true, error: otherStatement(id) };
  return outcomeOf(job, doing);
}

/**
 * Waits for the end of a job that may have been asked for; where it was not, takes its id, so that it never will be.
 * @throws AppError
 */
export async function fenceJobId(warehouse: Warehouse, id: string, labels: Record<string, string>): Promise<void> {
  await askFor(warehouse, { id, sql: 'SELECT 1', labels, mostBytes: 1 }, `close the job ${id}`);
  await waitForJob(warehouse, id);
}

/** Another release worded it otherwise, or closed it: whatever that one did is done, and ours runs under another id. */
function otherStatement(id: string): AppError {
  return new AppError('bigquery_unavailable', `The job ${id} exists, and runs another statement.`, { details: { bigquery_job: id } });
}

async function askFor(warehouse: Warehouse, { id, sql, labels, mostBytes }: Statement, doing: string): Promise<void> {
  const configuration = { labels, query: { query: sql, useLegacySql: false, maximumBytesBilled: String(mostBytes) } };
  await createJob(warehouse, doing, id, configuration);
}

/** Creates a job; where one with this id exists, by us or by a worker that lost this run, that one is as good as ours. */
async function createJob(warehouse: Warehouse, doing: string, jobId: string, configuration: Job['configuration']): Promise<void> {
  const options = { jobId, location: warehouse.location, configuration: { ...configuration, jobTimeoutMs: jobTimeout(warehouse) } };
  await warehouse.call(doing, (client) => unlessStatus(409, undefined, client.createJob(options)));
}

/** After so long BigQuery itself stops a job, though it does not promise to. */
export function jobTimeout({ limits }: Warehouse): string {
  return String(limits.bigqueryJobMs);
}

/** Reads the rows of a query that succeeded less than a day ago. @throws AppError */
export async function readRows<Row>(warehouse: Warehouse, id: string): Promise<Row[]> {
  const rows: Row[] = [];
  let page: QueryResultsOptions | null | undefined = { autoPaginate: false };
  while (page) {
    const options: QueryResultsOptions = page;
    const [found, next] = await warehouse.call(`read the rows of the job ${id}`, (client) =>
      client.job(id, { location: warehouse.location }).getQueryResults(options),
    );
    for (const row of found) rows.push(row as Row);
    page = next;
  }
  return rows;
}

/** Runs a statement that may be run twice, bounded by nothing: what somebody asks, and what is billed nothing. @throws AppError */
export async function query<Row>(warehouse: Warehouse, sql: string, labels: Record<string, string>): Promise<Row[]> {
  const id = `query_${crypto.randomUUID()}`;
  await createJob(warehouse, 'run a statement', id, { labels, query: { query: sql, useLegacySql: false } });
  const outcome = outcomeOf(await waitForJob(warehouse, id), 'run a statement');
  if (!outcome.succeeded) throw outcome.error;
  return await readRows<Row>(warehouse, id);
}

/** Looks a job up. Undefined where there is none by this id. @throws AppError */
export async function findJob(warehouse: Warehouse, id: string): Promise<Job | undefined> {
  const found = await warehouse.call(`look at the job ${id}`, (client) =>
    unlessStatus(404, undefined, client.job(id, { location: warehouse.location }).getMetadata()),
  );
  return found?.[0] as Job | undefined;
}

/**
 * Waits for the end of a job that was asked for; one that takes too long is cancelled, and ends as stopped.
 * @throws AppError when it cannot be seen for a minute, or does not end though it was cancelled
 */
export async function waitForJob(warehouse: Warehouse, id: string): Promise<Job> {
  const { pollMs, bigqueryJobMs, bigqueryCallMs } = warehouse.limits;
  const since = Date.now();
  let cancelledAt: number | undefined;
  for (let pause = pollMs; ; pause = Math.min(pause * 1.5, MAX_POLL_MS)) {
    const job = await findJob(warehouse, id);
    if (job?.status?.state === 'DONE') return job;
    if (!job && Date.now() > since + INVISIBLE_MS) {
      throw new AppError('bigquery_unavailable', `The job ${id} was requested, and BigQuery does not find it.`, {
        details: { bigquery_job: id },
      });
    }
    // Its jobTimeoutMs should have ended it before.
    if (job && cancelledAt === undefined && ageMs(job, since) > bigqueryJobMs + bigqueryCallMs) {
      await cancelJob(warehouse, id);
      cancelledAt = Date.now();
    } else if (cancelledAt !== undefined && Date.now() > cancelledAt + CANCELLED_MS) {
      throw new AppError('bigquery_unavailable', `The job ${id} took too long, was cancelled, and still runs.`, {
        details: { bigquery_job: id },
      });
    }
    await sleep(pause, undefined, { signal: warehouse.signal });
  }
}

/** By BigQuery's clock, and at least as long as it was waited for. */
function ageMs({ statistics }: Job, waitedSince: number): number {
  return Date.now() - Math.min(Number(statistics?.creationTime ?? waitedSince), waitedSince);
}

async function cancelJob(warehouse: Warehouse, id: string): Promise<void> {
  await warehouse.call(`cancel the job ${id}`, (client) => client.job(id, { location: warehouse.location }).cancel());
}

/** Reads how a job ended that is DONE. */
export function outcomeOf(job: Job, doing: string): JobOutcome {
  if (!job.status?.errorResult) return { succeeded: true, job: readStatistics(job) };
  const error = translateJobError(job.status, doing);
  return { succeeded: false, passing: error.recovery === 'retry', error };
}

function readStatistics({ statistics }: Job): FinishedJob {
  const { insertedRowCount, updatedRowCount, deletedRowCount } = statistics?.query?.dmlStats ?? {};
  return {
    outputRows: Number(statistics?.load?.outputRows ?? 0),
    inserted: Number(insertedRowCount ?? 0),
    updated: Number(updatedRowCount ?? 0),
    deleted: Number(deletedRowCount ?? 0),
    bytesBilled: Number(statistics?.query?.totalBytesBilled ?? 0),
  };
}
