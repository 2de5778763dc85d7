import { AppError } from '../errors.ts';
import { findJob, type JobOutcome, jobTimeout, outcomeOf, waitForJob } from './jobs.ts';
import type { Job } from './resources.ts';
import type { TableName } from './sql.ts';
import { uploadJob } from './upload.ts';
import { uploadJobAtOnce } from './upload-at-once.ts';
import type { Warehouse } from './warehouse.ts';

/** A page's way into a staging table. */
export interface Load {
  /** made of run, slice, generation, page and try: the same page never loads twice */
  jobId: string;
  table: TableName;
  /** all of the page's columns, in its own order: BigQuery puts them into the table's columns by name */
  columns: readonly string[];
  labels: Record<string, string>;
}

/** What a load job is known by. */
export type LoadId = Pick<Load, 'jobId' | 'table'>;

/** Uploads a page as it came: its load job then exists. @throws AppError; what the content throws passes through */
export async function uploadPage(warehouse: Warehouse, load: Load, content: AsyncIterable<Buffer>): Promise<void> {
  const upload = warehouse.upload === 'multipart' ? uploadJobAtOnce : uploadJob;
  await upload(warehouse, loadJob(warehouse, load), withActivity(warehouse, content));
}

/** A page may come slowly: as long as bytes come, something happens. */
async function* withActivity(warehouse: Warehouse, content: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const part of content) {
    warehouse.recordActivity();
    yield part;
  }
}

/** Uploads a page and waits for its load job's end. @throws AppError; what the content throws passes through */
export async function loadPage(warehouse: Warehouse, load: Load, content: AsyncIterable<Buffer>): Promise<JobOutcome> {
  await uploadPage(warehouse, load, content);
  return await waitForLoad(warehouse, load);
}

/** Waits for the end of a load job that was asked for. @throws AppError */
export async function waitForLoad(warehouse: Warehouse, load: LoadId): Promise<JobOutcome> {
  return adopt(await waitForJob(warehouse, load.jobId), load);
}

/** The outcome of a load job that was requested before, by us or by a worker that lost this run; undefined where there is none. */
export async function findLoad(warehouse: Warehouse, load: LoadId): Promise<JobOutcome | undefined> {
  if (!(await findJob(warehouse, load.jobId))) return undefined;
  return await waitForLoad(warehouse, load);
}

function adopt(job: Job, load: LoadId): JobOutcome {
  const destination = job.configuration?.load?.destinationTable;
  if (destination?.tableId !== load.table.table || destination?.datasetId !== load.table.dataset) {
    throw new AppError('bigquery_refused', `The load job ${load.jobId} exists, and loads into another table.`, {
      details: { bigquery_job: load.jobId },
    });
  }
  const outcome = outcomeOf(job, 'load a page');
  // A table may not be there yet for a load that follows its making at once; one that is gone is made again by the next attempt.
  if (!outcome.succeeded && job.status?.errorResult?.reason === 'notFound') {
    const { message, details } = outcome.error;
    return { succeeded: false, passing: true, error: new AppError('bigquery_unavailable', message, { details }) };
  }
  return outcome;
}

/** What BigQuery is asked for. */
export function loadJob(warehouse: Warehouse, { jobId, table, columns, labels }: Load): Job {
  return {
    jobReference: { projectId: warehouse.project, jobId, location: warehouse.location },
    configuration: {
      labels,
      jobTimeoutMs: jobTimeout(warehouse),
      load: {
        destinationTable: { projectId: table.project, datasetId: table.dataset, tableId: table.table },
        schema: { fields: columns.map((name) => ({ name, type: 'STRING', mode: 'NULLABLE' })) },
        sourceFormat: 'CSV',
        encoding: 'UTF-8',
        fieldDelimiter: ',',
        quote: '"',
        skipLeadingRows: 1,
        allowQuotedNewlines: true,
        // A short or a long row is a broken page: nothing of it may be loaded.
        allowJaggedRows: false,
        ignoreUnknownValues: false,
        maxBadRecords: 0,
        // Values with NUL bytes exist, and would fail the load.
        preserveAsciiControlCharacters: true,
        autodetect: false,
        createDisposition: 'CREATE_NEVER',
        writeDisposition: 'WRITE_APPEND',
      },
    },
  };
}
