import { setTimeout as sleep } from 'node:timers/promises';
import type { QueryResultsOptions } from '@google-cloud/bigquery';
import { AppError } from '../errors.ts';
import { translateJobError } from './errors.ts';
import { fallbackOnStatus } from './fallback-on-status.ts';
import type { Job } from './resources.ts';
import type { TableName } from './sql/quote.ts';
import type { Warehouse } from './warehouse.ts';

/** Statistics of a job that succeeded, in rows. Those of another kind of job are 0. */
export interface JobStatistics {
  /** written by a load job */
  outputRows: number;
  /** rows that a MERGE inserted, updated and deleted */
  inserted: number;
  updated: number;
  deleted: number;
  /** bytes billed for the statement */
  bytesBilled: number;
}

/** The outcome of a job. After a transient failure, the same job with another id may succeed. */
export type JobOutcome = { succeeded: true; job: JobStatistics } | { succeeded: false; transient: boolean; error: AppError };

/** A statement, which BigQuery bills by the bytes it reads. */
export interface Statement {
  /** the id of its query job */
  id: string;
  sql: string;
  /** identify the job's owner in the billing export and at adoption */
  labels: Record<string, string>;
  /** maximum bytes billed: BigQuery refuses a larger statement before reading anything, at no cost */
  maxBytesBilled: number;
  /** the table whose rows the query's result replaces, at once; its metadata and its policies stay. undefined: no table's */
  replaces?: TableName | undefined;
  /** the value of the parameter `salt`; undefined: the statement has no parameter */
  salt?: string | undefined;
}

/** After a 409 or a lost response, a job may be invisible for this long. */
const MAX_INVISIBLE_MS = 60_000;

/** How long a cancelled job may take to stop. BigQuery does not guarantee that it does. */
const MAX_CANCEL_MS = 60_000;

const MAX_POLL_MS = 10_000;

/** Unlike WRITE_TRUNCATE, keeps the table's schema, descriptions, policy tags and row access policies. */
const REPLACE_ROWS = 'WRITE_TRUNCATE_DATA';

/**
 * Runs a statement as the job `id`, or adopts that job if it already exists, and waits for it to finish.
 * @returns a transient failure if the id belongs to another statement
 * @throws AppError if a call to BigQuery fails
 */
export async function runQueryJob(warehouse: Warehouse, statement: Statement): Promise<JobOutcome> {
  const { id } = statement;
  const doing = `run the job ${id}`;
  await requestJob(warehouse, statement, doing);
  const job = await waitForJob(warehouse, id);
  if (!isSameStatement(job, statement)) return { succeeded: false, transient: true, error: differentStatementError(id) };
  return toOutcome(job, doing);
}

/**
 * Fences a job id: waits for the job to finish if it exists, and otherwise takes its id so that it can never start.
 * @throws AppError
 */
export async function fenceJobId(warehouse: Warehouse, id: string, labels: Record<string, string>): Promise<void> {
  await requestFence(warehouse, id, labels);
  await waitForJob(warehouse, id);
}

/** Fences a job id like `fenceJobId`, but does not wait for its job. @returns whether the job has finished @throws AppError */
export async function tryFenceJobId(warehouse: Warehouse, id: string, labels: Record<string, string>): Promise<boolean> {
  await requestFence(warehouse, id, labels);
  return (await findJob(warehouse, id))?.status?.state === 'DONE';
}

async function requestFence(warehouse: Warehouse, id: string, labels: Record<string, string>): Promise<void> {
  await requestJob(warehouse, { id, sql: 'SELECT 1', labels, maxBytesBilled: 1 }, `fence the job ${id}`);
}

/** Without a table to replace, BigQuery chooses a destination by itself. */
function isSameStatement({ configuration }: Job, { sql, replaces, salt }: Statement): boolean {
  const { query, queryParameters, destinationTable, writeDisposition } = configuration?.query ?? {};
  if (query !== sql || queryParameters?.[0]?.parameterValue?.value !== salt) return false;
  if (!replaces) return true;
  const { datasetId, tableId } = destinationTable ?? {};
  return datasetId === replaces.dataset && tableId === replaces.table && writeDisposition === REPLACE_ROWS;
}

/** Another release used a different statement, or fenced the id. That job is done; ours will run under another id. */
function differentStatementError(id: string): AppError {
  return new AppError('bigquery_unavailable', `Job ${id} already exists with a different statement.`, { details: { bigquery_job: id } });
}

async function requestJob(warehouse: Warehouse, statement: Statement, doing: string): Promise<void> {
  const { id, sql, labels, maxBytesBilled, replaces, salt } = statement;
  const query = {
    query: sql,
    useLegacySql: false,
    maximumBytesBilled: String(maxBytesBilled),
    ...(replaces && replacing(replaces)),
    ...(salt !== undefined && saltParameter(salt)),
  };
  const configuration = { labels, query };
  await createJob(warehouse, doing, id, configuration);
}

/** Not in the statement's text: that is in audit logs, and in the messages of errors. */
function saltParameter(salt: string) {
  return {
    parameterMode: 'NAMED',
    queryParameters: [{ name: 'salt', parameterType: { type: 'STRING' }, parameterValue: { value: salt } }],
  };
}

/**
 * Replaces the rows of a table and nothing else (BigQuery docs, "writeDisposition"). Every column of a query's result is NULLABLE, so a
 * REQUIRED one, which is only Id, becomes NULLABLE.
 */
function replacing({ project, dataset, table }: TableName) {
  return {
    destinationTable: { projectId: project, datasetId: dataset, tableId: table },
    createDisposition: 'CREATE_NEVER',
    writeDisposition: REPLACE_ROWS,
    schemaUpdateOptions: ['ALLOW_FIELD_RELAXATION'],
  };
}

/** Creates a job. An existing job with this id is equivalent: it is ours, or from a worker that lost this run. */
async function createJob(warehouse: Warehouse, doing: string, jobId: string, configuration: Job['configuration']): Promise<void> {
  const options = { jobId, location: warehouse.location, configuration: { ...configuration, jobTimeoutMs: jobTimeoutMs(warehouse) } };
  await warehouse.call(doing, (client) => fallbackOnStatus(409, undefined, client.createJob(options)));
}

/** BigQuery tries to stop a job after this time, but does not guarantee it. */
export function jobTimeoutMs({ limits }: Warehouse): string {
  return String(limits.bigqueryJobMs);
}

/** Reads the rows of a query that succeeded within the last day. @throws AppError */
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

/** Runs an idempotent statement without a byte limit: for statements that cost little or nothing. @throws AppError */
export async function query<Row>(warehouse: Warehouse, sql: string, labels: Record<string, string>): Promise<Row[]> {
  const id = `query_${crypto.randomUUID()}`;
  await createJob(warehouse, 'run a statement', id, { labels, query: { query: sql, useLegacySql: false } });
  const outcome = toOutcome(await waitForJob(warehouse, id), 'run a statement');
  if (!outcome.succeeded) throw outcome.error;
  return await readRows<Row>(warehouse, id);
}

/** Gets a job; undefined if it does not exist, or the response is not a job. @throws AppError */
export async function findJob(warehouse: Warehouse, id: string): Promise<Job | undefined> {
  const location = encodeURIComponent(warehouse.location);
  const found = await warehouse.get<Job | null>(`get the job ${id}`, `jobs/${encodeURIComponent(id)}?location=${location}`);
  return typeof found?.status?.state === 'string' ? found : undefined;
}

/**
 * Waits for a requested job to finish. Cancels it if it takes too long; it then ends with reason `stopped`.
 * @throws AppError if it stays invisible for a minute, or keeps running after it was cancelled
 */
export async function waitForJob(warehouse: Warehouse, id: string): Promise<Job> {
  const { pollMs, bigqueryJobMs, bigqueryCallMs } = warehouse.limits;
  // Not the time of day, which may be set while we wait.
  const startedAt = performance.now();
  let createdAt: number | undefined;
  let cancelledAt: number | undefined;
  for (let pauseMs = pollMs; ; pauseMs = Math.min(pauseMs * 1.5, MAX_POLL_MS)) {
    const job = await findJob(warehouse, id);
    if (job?.status?.state === 'DONE') return job;
    const now = performance.now();
    createdAt ??= job && Math.min(startedAt, now - ageMs(job));
    if (!job && now > startedAt + MAX_INVISIBLE_MS) {
      throw new AppError('bigquery_unavailable', `BigQuery cannot find the requested job ${id}.`, {
        details: { bigquery_job: id },
      });
    }
    // Its jobTimeoutMs should have stopped it earlier.
    if (job && cancelledAt === undefined && now > createdAt! + bigqueryJobMs + bigqueryCallMs) {
      await cancelJob(warehouse, id);
      cancelledAt = performance.now();
    } else if (cancelledAt !== undefined && now > cancelledAt + MAX_CANCEL_MS) {
      throw new AppError('bigquery_unavailable', `Job ${id} took too long and is still running after it was cancelled.`, {
        details: { bigquery_job: id },
      });
    }
    await sleep(pauseMs, undefined, { signal: warehouse.signal });
  }
}

/** The job's age by BigQuery's clock: another worker may have requested it. */
function ageMs({ statistics }: Job): number {
  return Date.now() - Number(statistics?.creationTime ?? Date.now());
}

async function cancelJob(warehouse: Warehouse, id: string): Promise<void> {
  await warehouse.call(`cancel the job ${id}`, (client) => client.job(id, { location: warehouse.location }).cancel());
}

/** The outcome of a job that is DONE. */
export function toOutcome(job: Job, doing: string): JobOutcome {
  if (!job.status?.errorResult) return { succeeded: true, job: readStatistics(job) };
  const error = translateJobError(job.status, doing);
  return { succeeded: false, transient: error.recovery === 'retry', error };
}

function readStatistics({ statistics }: Job): JobStatistics {
  const { insertedRowCount, updatedRowCount, deletedRowCount } = statistics?.query?.dmlStats ?? {};
  return {
    outputRows: Number(statistics?.load?.outputRows ?? 0),
    inserted: Number(insertedRowCount ?? 0),
    updated: Number(updatedRowCount ?? 0),
    deleted: Number(deletedRowCount ?? 0),
    bytesBilled: Number(statistics?.query?.totalBytesBilled ?? 0),
  };
}
