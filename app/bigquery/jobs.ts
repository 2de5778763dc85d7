import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../errors.ts';
import { httpStatus, translateBigQueryError, translateJobError } from './errors.ts';
import type { Job } from './resources.ts';
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

const LONGEST_POLL_MS = 10_000;

/**
 * Runs a statement as the job `id`, or adopts that job if it was asked for before, and waits for its end.
 * @returns failed in passing where the id belongs to another statement
 * @throws AppError when BigQuery cannot be asked
 */
export async function runStatement(warehouse: Warehouse, statement: Statement, signal: AbortSignal): Promise<JobOutcome> {
  const { id, sql } = statement;
  const doing = `run the job ${id}`;
  await askFor(warehouse, statement, doing);
  const job = await waitForJob(warehouse, id, signal);
  if (job.configuration?.query?.query !== sql) return { succeeded: false, passing: true, error: otherStatement(id) };
  return outcomeOf(job, doing);
}

/**
 * Waits for the end of a job that may have been asked for; where it was not, takes its id, so that it never will be.
 * @throws AppError
 */
export async function closeJobId(warehouse: Warehouse, id: string, labels: Record<string, string>, signal: AbortSignal): Promise<void> {
  await askFor(warehouse, { id, sql: 'SELECT 1', labels, mostBytes: 1 }, `close the job ${id}`);
  await waitForJob(warehouse, id, signal);
}

/** Another release worded it otherwise, or closed it: whatever that one did is done, and ours runs under another id. */
function otherStatement(id: string): AppError {
  return new AppError('bigquery_unavailable', `The job ${id} exists, and runs another statement.`, { details: { bigquery_job: id } });
}

async function askFor(warehouse: Warehouse, { id, sql, labels, mostBytes }: Statement, doing: string): Promise<void> {
  try {
    await warehouse.client.createJob({
      jobId: id,
      location: warehouse.location,
      configuration: { labels, query: { query: sql, useLegacySql: false, maximumBytesBilled: String(mostBytes) } },
    });
  } catch (error) {
    // Asked for before, by us or by a worker that lost this run: the job is as good as ours.
    if (httpStatus(error) !== 409) throw translateBigQueryError(error, doing);
  }
}

/** Reads the rows of a query that succeeded less than a day ago. @throws AppError */
export async function readRows<Row>(warehouse: Warehouse, id: string): Promise<Row[]> {
  try {
    const [rows] = await warehouse.client.job(id, { location: warehouse.location }).getQueryResults();
    return rows as Row[];
  } catch (error) {
    throw translateBigQueryError(error, `read the rows of the job ${id}`);
  }
}

/** Runs a statement that may be run twice, bounded by nothing: what somebody asks, and what is billed nothing. @throws AppError */
export async function query<Row>(warehouse: Warehouse, sql: string, labels: Record<string, string>): Promise<Row[]> {
  try {
    const [rows] = await warehouse.client.query({ query: sql, location: warehouse.location, useLegacySql: false, labels });
    return rows as Row[];
  } catch (error) {
    throw translateBigQueryError(error, 'run a statement');
  }
}

/** Looks a job up. Undefined where there is none by this id. @throws AppError */
export async function findJob(warehouse: Warehouse, id: string): Promise<Job | undefined> {
  try {
    const [job] = await warehouse.client.job(id, { location: warehouse.location }).getMetadata();
    return job as Job;
  } catch (error) {
    if (httpStatus(error) === 404) return undefined;
    throw translateBigQueryError(error, `look at the job ${id}`);
  }
}

/** Waits for the end of a job that was asked for. @throws AppError when it cannot be seen for a minute */
export async function waitForJob(warehouse: Warehouse, id: string, signal: AbortSignal): Promise<Job> {
  const visibleBy = Date.now() + INVISIBLE_MS;
  for (let pause = warehouse.pollMs; ; pause = Math.min(pause * 1.5, LONGEST_POLL_MS)) {
    const job = await findJob(warehouse, id);
    if (job?.status?.state === 'DONE') return job;
    if (!job && Date.now() > visibleBy) {
      throw new AppError('bigquery_unavailable', `The job ${id} was requested, and BigQuery does not find it.`, {
        details: { bigquery_job: id },
      });
    }
    await sleep(pause, undefined, { signal });
  }
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
