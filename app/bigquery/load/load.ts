import { Readable } from 'node:stream';
import { AppError } from '../../errors.ts';
import { findJob, type JobOutcome, jobTimeoutMs, toOutcome, waitForJob } from '../jobs.ts';
import type { Job } from '../resources.ts';
import type { TableName } from '../sql/quote.ts';
import type { Warehouse } from '../warehouse.ts';
import { uploadMultipart } from './upload-multipart.ts';
import { uploadResumable } from './upload-resumable.ts';

/** The load of a page into a staging table. */
export interface Load {
  /** composed of run, slice, generation, page and try, so that a page never loads twice */
  jobId: string;
  table: TableName;
  /** the page's columns in its own order: BigQuery matches them to the table's columns by name */
  columns: readonly string[];
  labels: Record<string, string>;
}

/** Identifies a load job. */
export type LoadId = Pick<Load, 'jobId' | 'table'>;

/** Uploads a page unchanged, which creates its load job. @throws AppError; errors of the content are rethrown */
export async function uploadPage(warehouse: Warehouse, load: Load, content: AsyncIterable<Buffer>): Promise<void> {
  const upload = warehouse.upload === 'multipart' ? uploadMultipart : uploadResumable;
  const stream = content instanceof Readable ? content : Readable.from(content);
  recordActivityOf(warehouse, stream);
  await upload(warehouse, loadJobResource(warehouse, load), stream);
}

/** A body that brings fewer bytes makes no progress: a trickle would keep its run forever. */
const ACTIVITY_BYTES = 64 * 1024;

/** Records activity as a page arrives, because a slow page still makes progress. */
function recordActivityOf(warehouse: Warehouse, content: Readable): void {
  let uncounted = 0;
  // Paused, so that the listener alone does not start it.
  content.pause().on('data', (part: Buffer) => {
    uncounted += part.length;
    if (uncounted < ACTIVITY_BYTES) return;
    uncounted = 0;
    warehouse.recordActivity();
  });
}

/** Uploads a page and waits for its load job to finish. @throws AppError; errors of the content are rethrown */
export async function loadPage(warehouse: Warehouse, load: Load, content: AsyncIterable<Buffer>): Promise<JobOutcome> {
  await uploadPage(warehouse, load, content);
  return await waitForLoad(warehouse, load);
}

/** Waits for a requested load job to finish. @throws AppError */
export async function waitForLoad(warehouse: Warehouse, load: LoadId): Promise<JobOutcome> {
  return adopt(await waitForJob(warehouse, load.jobId), load);
}

/** The outcome of an existing load job, from us or a worker that lost this run; undefined if there is none. */
export async function findLoad(warehouse: Warehouse, load: LoadId): Promise<JobOutcome | undefined> {
  if (!(await findJob(warehouse, load.jobId))) return undefined;
  return await waitForLoad(warehouse, load);
}

function adopt(job: Job, load: LoadId): JobOutcome {
  const destination = job.configuration?.load?.destinationTable;
  if (destination?.tableId !== load.table.table || destination?.datasetId !== load.table.dataset) {
    throw new AppError('bigquery_refused', `Load job ${load.jobId} already exists with a different destination table.`, {
      details: { bigquery_job: load.jobId },
    });
  }
  const outcome = toOutcome(job, 'load a page');
  // A table may not be visible right after its creation; the next attempt creates a missing one again.
  if (!outcome.succeeded && job.status?.errorResult?.reason === 'notFound') {
    const { message, details } = outcome.error;
    return { succeeded: false, transient: true, error: new AppError('bigquery_unavailable', message, { details }) };
  }
  return outcome;
}

/** The load job as a BigQuery resource. */
export function loadJobResource(warehouse: Warehouse, { jobId, table, columns, labels }: Load): Job {
  return {
    jobReference: { projectId: warehouse.project, jobId, location: warehouse.location },
    configuration: {
      labels,
      jobTimeoutMs: jobTimeoutMs(warehouse),
      load: {
        destinationTable: { projectId: table.project, datasetId: table.dataset, tableId: table.table },
        schema: { fields: columns.map((name) => ({ name, type: 'STRING', mode: 'NULLABLE' })) },
        sourceFormat: 'CSV',
        encoding: 'UTF-8',
        fieldDelimiter: ',',
        quote: '"',
        skipLeadingRows: 1,
        allowQuotedNewlines: true,
        // A short or long row means a malformed page: load nothing of it.
        allowJaggedRows: false,
        ignoreUnknownValues: false,
        maxBadRecords: 0,
        // Values may contain NUL bytes, which would otherwise fail the load.
        preserveAsciiControlCharacters: true,
        autodetect: false,
        createDisposition: 'CREATE_NEVER',
        writeDisposition: 'WRITE_APPEND',
      },
    },
  };
}
