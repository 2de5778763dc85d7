import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { redactMessage } from '../core/redact.ts';
import { AppError } from '../errors.ts';
import type { SalesforceClient } from './client.ts';
import { refusalCode, translateSalesforceError } from './errors.ts';
import { type FieldRefusal, parseFieldRefusal } from './field-refusal.ts';

/** The status of a Bulk API 2.0 query job. An unknown state means that it is still running. */
export interface BulkJob {
  id: string;
  state: string;
  /** rows; grows while it runs */
  processed: number;
  /** it failed or got stuck because the query was too large for one job */
  tooLarge: boolean;
  /** why it failed, if Salesforce says so; values are redacted */
  message: string | null;
  /** set if it failed because of the fields it selects */
  fieldRefusal?: FieldRefusal | undefined;
}

/** A result page with an unread body. The caller must read the body to the end or destroy it. */
export interface ResultPage {
  /** from the page's header */
  rows: number;
  /** null: this was the last page */
  nextLocator: string | null;
  /** the CSV with a header line, gzipped if `gzip` */
  body: Readable;
  gzip: boolean;
}

/** Maximum poll interval for a running job; each poll is an API call. */
const MAX_POLL_MS = 30_000;

/** The code of "the job is not terminated", which Salesforce returns if a running job is deleted. */
const NOT_TERMINATED = 'API_ERROR';

/** Failures of a query job that a smaller query avoids. */
const TOO_LARGE = /QUERY_TIMEOUT|[Rr]etried more than|Failed to write query result/;

/** Creates a query job for all rows, including deleted rows. @returns the job's id @throws AppError */
export async function createQueryJob(client: SalesforceClient, soql: string, objectName: string): Promise<string> {
  const body = { operation: 'queryAll', query: soql, contentType: 'CSV', columnDelimiter: 'COMMA', lineEnding: 'LF' };
  const job = await client.call(`query ${objectName}`, (connection) =>
    connection.request<{ id?: unknown } | null>({
      method: 'POST',
      url: `/services/data/v${client.version}/jobs/query`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  );
  if (typeof job?.id === 'string' && job.id !== '') return job.id;
  throw new AppError('salesforce_unavailable', `Could not query ${objectName}: Salesforce returned a malformed Bulk job.`);
}

/** Gets a job. @throws AppError salesforce_refused (NOT_FOUND) if it no longer exists */
export async function getQueryJob(client: SalesforceClient, id: string): Promise<BulkJob> {
  const job = await client.call('get a Bulk job', (connection) => connection.request<Record<string, unknown> | null>(jobPath(client, id)));
  const { state, numberRecordsProcessed, errorMessage } = job ?? {};
  const processed = numberRecordsProcessed ?? 0;
  const message = errorMessage ?? '';
  if (typeof job?.id !== 'string' || typeof state !== 'string' || typeof processed !== 'number' || typeof message !== 'string') {
    throw new AppError('salesforce_unavailable', 'Salesforce returned a malformed Bulk job.');
  }
  return {
    id: job.id,
    state,
    processed,
    tooLarge: TOO_LARGE.test(message),
    message: redactMessage(message) || null,
    fieldRefusal: parseFieldRefusal(message),
  };
}

/**
 * Waits for a job to finish. Aborts it if it is still running at `deadline`.
 * @returns the job: complete, failed or aborted
 * @throws AppError
 */
export async function waitForQueryJob(client: SalesforceClient, id: string, deadline: Date, signal: AbortSignal): Promise<BulkJob> {
  // Not the time of day, which may be set while we wait.
  const until = performance.now() + deadline.getTime() - Date.now();
  for (let pauseMs = client.pollMs; ; pauseMs = Math.min(pauseMs * 1.5, MAX_POLL_MS)) {
    const job = await getQueryJob(client, id);
    if (hasFinished(job)) return job;
    if (performance.now() > until) return await abortStuckJob(client, id);
    await sleep(pauseMs, undefined, { signal });
  }
}

function hasFinished({ state }: BulkJob): boolean {
  return ['JobComplete', 'Failed', 'Aborted'].includes(state);
}

async function abortStuckJob(client: SalesforceClient, id: string): Promise<BulkJob> {
  try {
    await abortQueryJob(client, id);
  } catch (error) {
    // It may have just finished, and a finished job cannot be aborted.
    const job = await getQueryJob(client, id);
    if (!hasFinished(job)) throw error;
    return job;
  }
  return { id, state: 'Aborted', processed: 0, tooLarge: true, message: 'the job did not finish in time' };
}

/** Aborts a running job. @throws AppError */
export async function abortQueryJob(client: SalesforceClient, id: string): Promise<void> {
  await client.call('abort a Bulk job', (connection) =>
    connection.request({
      method: 'PATCH',
      url: jobPath(client, id),
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ state: 'Aborted' }),
    }),
  );
}

/** Deletes a job; aborts it first if it is still running. A job that no longer exists is fine. @throws AppError */
export async function deleteQueryJob(client: SalesforceClient, id: string): Promise<void> {
  const deleteJob = (): Promise<unknown> =>
    client.call('delete a Bulk job', (connection) => connection.request({ method: 'DELETE', url: jobPath(client, id) }));
  try {
    await deleteJob();
  } catch (error) {
    const code = refusalCode(error);
    if (code === 'NOT_FOUND') return;
    if (code !== NOT_TERMINATED) throw error;
    await abortQueryJob(client, id);
    await deleteJob();
  }
}

/**
 * Fetches a result page. The same locator returns the same page as long as the job exists.
 * @param locator null for the first page
 * @throws AppError; a page without a row count or locator header is an error, never the last page
 */
export async function fetchPage(
  client: SalesforceClient,
  id: string,
  locator: string | null,
  maxRecords: number,
  signal: AbortSignal,
): Promise<ResultPage> {
  const query = new URLSearchParams({ maxRecords: String(maxRecords), ...(locator !== null && { locator }) });
  const response = await client.fetch('fetch a result page', `${jobPath(client, id)}/results?${query}`, signal, { accept: 'text/csv' });
  const header = (name: string): string => [response.headers[name]].flat()[0] ?? '';
  const body = withTranslatedErrors(response.body);
  const [next, rows, encoding] = [header('sforce-locator'), header('sforce-numberofrecords'), header('content-encoding')];
  const gzip = ENCODINGS.get(encoding.trim().toLowerCase());
  if (next === '' || !/^\d{1,15}$/.test(rows) || gzip === undefined) {
    body.destroy();
    throw new AppError(
      'salesforce_unavailable',
      'Salesforce returned a result page without the Sforce-Locator or Sforce-NumberOfRecords header, or in an unknown encoding. Check that no proxy changes them.',
    );
  }
  return { rows: Number(rows), nextLocator: next === 'null' ? null : next, body, gzip };
}

/** Whether a content encoding is gzip, for those that can be loaded (RFC 9110, 8.4.1). */
const ENCODINGS = new Map([
  ['', false],
  ['identity', false],
  ['gzip', true],
  ['x-gzip', true],
]);

/**
 * Translates download errors: a broken connection, an idle timeout. Another stream around the body would double the cost of reading it. A
 * body that is destroyed before anything reads it emits an error as well, which would end the process without a listener.
 */
function withTranslatedErrors(body: Readable): Readable {
  const destroy = body.destroy.bind(body);
  body.destroy = (error) => destroy(error && translateSalesforceError(error, 'read a result page'));
  return body.on('error', () => {});
}

function jobPath(client: SalesforceClient, id: string): string {
  return `/services/data/v${client.version}/jobs/query/${encodeURIComponent(id)}`;
}
