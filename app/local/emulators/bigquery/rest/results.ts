import type { Job } from '../jobs/job.ts';
import type { Service } from '../service.ts';
import { quoted, typeOfField } from '../storage/column-type.ts';
import { queryRows } from '../storage/database.ts';
import { storedSql } from '../storage/table.ts';
import { ApiError } from './api-error.ts';
import { readList, rowOf, type TimestampForm } from './cell.ts';

export interface ResultRequest {
  maxResults?: number | undefined;
  startIndex?: number | undefined;
  pageToken?: string | undefined;
  timeoutMs?: number | undefined;
  form: TimestampForm;
}

const MAX_ROWS = 10_000;
const DEFAULT_TIMEOUT_MS = 10_000;

/** The requested timestamp format; by default BigQuery returns seconds as a float. */
export function timestampForm(format: string | null | undefined, useInt64: boolean): TimestampForm {
  if (format === 'INT64' || format === 'ISO8601_STRING') return format;
  return useInt64 ? 'INT64' : 'FLOAT64';
}

/** Waits for the job up to the requested time and responds like jobs.query and jobs.getQueryResults. A failed job is an HTTP error. */
export async function queryResults(service: Service, job: Job, request: ResultRequest): Promise<object> {
  if (!job.resource.configuration.query) throw new ApiError('invalid', `Job ${job.resource.id} is not a query job`);
  await waitFor(job, request.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const { jobReference, status, statistics } = job.resource;
  if (status.state !== 'DONE') return { jobReference, jobComplete: false };
  const { errorResult } = status;
  if (errorResult)
    throw new ApiError(
      errorResult.reason,
      errorResult.message,
      errorResult.location === undefined ? {} : { location: errorResult.location },
    );
  const dml = statistics.query?.dmlStats
    ? { numDmlAffectedRows: statistics.query.numDmlAffectedRows, dmlStats: statistics.query.dmlStats }
    : {};
  const rows = job.results ? await pageOfRows(service, job.results, request) : { totalRows: '0' };
  return {
    etag: job.resource.etag,
    jobReference,
    jobComplete: true,
    totalBytesProcessed: statistics.totalBytesProcessed,
    cacheHit: false,
    ...dml,
    ...rows,
  };
}

async function waitFor(job: Job, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const waited = new Promise<void>((done) => {
    timer = setTimeout(done, timeoutMs);
  });
  await Promise.race([job.done, waited]);
  clearTimeout(timer);
}

async function pageOfRows(service: Service, results: NonNullable<Job['results']>, request: ResultRequest): Promise<object> {
  const start = Number(request.pageToken ?? request.startIndex ?? 0);
  const size = Math.min(request.maxResults ?? MAX_ROWS, MAX_ROWS);
  const types = results.fields.map(typeOfField);
  const { stored, total, names } = await sourceOfRows(service, results);
  const columns = types.map((type, index) => ({ name: names[index]!, type }));
  const rows =
    size === 0
      ? []
      : await service.database.withConnection((connection) =>
          queryRows(connection, `SELECT ${readList(columns)} FROM ${storedSql(stored)} ORDER BY rowid LIMIT ${size} OFFSET ${start}`),
        );
  const more = start + rows.length < total ? { pageToken: String(start + rows.length) } : {};
  const list = rows.length > 0 ? { rows: rows.map((row) => rowOf(row, types, request.form)) } : {};
  return { schema: { fields: results.fields }, totalRows: String(total), ...more, ...list };
}

async function sourceOfRows({ catalog }: Service, results: NonNullable<Job['results']>) {
  if ('stored' in results) return { stored: results.stored, total: results.rows, names: results.fields.map((_, index) => `c${index}`) };
  const entry = catalog.table(results.destination);
  return { stored: entry.stored!, total: await catalog.rowCount(entry), names: results.fields.map((field) => quoted(field.name)) };
}
