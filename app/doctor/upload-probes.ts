import { gzipSync } from 'node:zlib';
import { Agent, request } from 'undici';
import { httpStatus } from '../bigquery/errors.ts';
import { findJob } from '../bigquery/jobs.ts';
import { loadJob, loadPage } from '../bigquery/load.ts';
import { trustedSession, uploadJob } from '../bigquery/upload.ts';
import { uploadJobAtOnce } from '../bigquery/upload-at-once.ts';
import { csvLine } from '../core/csv.ts';
import { type Answer, answer, type Probe } from './probe.ts';
import { once, type Scratch } from './scratch.ts';

/** Minimum size of a chunk other than the last. */
const GRANULE = 256 * 1024;

const COLUMNS = ['Id', 'Value'];

/** The service's assumptions about Google's upload protocols and load job IDs. The first probe decides how the others upload. */
export const UPLOAD_PROBES: readonly Probe<Scratch>[] = [
  // BigQuery, load data with the API, resumable uploads: Google documents chunks of unknown total size, but not for BigQuery.
  {
    what: 'A resumable upload accepts chunks of unknown total size, reports its progress with 308, and resumes on another connection',
    switch: 'BIGQUERY_UPLOAD=multipart',
    try: resumable,
  },
  // BigQuery, multipart uploads; BIGQUERY_UPLOAD=multipart relies on it.
  {
    what: 'A multipart upload accepts a page in one request of known length',
    ifNot: 'BIGQUERY_UPLOAD=multipart does not work here.',
    try: atOnce,
  },
  // The documentation lists gzip for files in Cloud Storage but does not mention uploads, which have no setting for it.
  {
    what: 'A load job accepts gzipped bytes without any setting, and skips their header line',
    switch: 'SALESFORCE_GZIP=off',
    try: (scratch) => loadsRows(scratch, gzipSync(page(3)), 3),
  },
  // RFC 1952 allows several gzip members; BigQuery's documentation does not mention them.
  {
    what: 'A load job reads gzip with several members to the end',
    switch: 'SALESFORCE_GZIP=off',
    try: (scratch) => loadsRows(scratch, Buffer.concat([gzipSync(page(3)), gzipSync(row(4))]), 4),
  },
  // BigQuery, resumable uploads: the size limit of the initial request is not documented; Salesforce objects have up to 800 fields.
  { what: 'An uploaded job may have a schema of 800 columns', switch: 'BIGQUERY_UPLOAD=multipart', try: wideSchema },
  // BigQuery, generating a job ID: refusing a used ID is documented; whether at the start or the end of an upload is not.
  {
    what: 'BigQuery refuses a used load job ID with 409 and loads nothing',
    ifNot: 'A page could be loaded twice. Stop the service and report this to the maintainers.',
    try: loadsOnce,
  },
  // Same source; that it includes failed jobs is known from other loaders.
  {
    what: 'The ID of a failed load job cannot be reused either',
    ifNot: 'Only the number of tries relies on this.',
    try: failedIdIsUsed,
  },
];

function row(id: number): string {
  return csvLine([String(id), 'x'.repeat(id)]);
}

function page(rows: number): string {
  return csvLine(COLUMNS) + Array.from({ length: rows }, (_, index) => row(index + 1)).join('');
}

/** A little more than one chunk: two requests with a status query between them. */
const LARGE_PAGE = Buffer.from(csvLine(COLUMNS) + csvLine(['1', 'x'.repeat(1_000)]).repeat(300));

/** Runs the protocol step by step, because the service's own upload recovers from errors silently. */
async function resumable(scratch: Scratch): Promise<Answer> {
  const found = await byHand(scratch);
  if (!found.holds) scratch.warehouse = scratch.warehouse.uploadingBy('multipart');
  return found;
}

async function byHand(scratch: Scratch): Promise<Answer> {
  const table = await scratch.table(COLUMNS);
  const load = scratch.load(table, COLUMNS);
  const { warehouse, signal } = scratch;
  const [first, rest] = [LARGE_PAGE.subarray(0, GRANULE), LARGE_PAGE.subarray(GRANULE)];
  const session = await request(`${warehouse.uploadUrl}?uploadType=resumable`, {
    method: 'POST',
    dispatcher: warehouse.dispatcher,
    signal,
    headers: { ...(await warehouse.authHeaders()), 'content-type': 'application/json; charset=UTF-8' },
    body: JSON.stringify(loadJob(warehouse, load)),
  });
  await session.body.dump();
  const [location] = [session.headers.location].flat();
  if (session.statusCode !== 200 || !location) return answer(false, `HTTP ${session.statusCode} instead of an upload session`);
  const url = trustedSession(warehouse, location);

  // Like another process: with only the session URL.
  const elsewhere = new Agent();
  const put = async (dispatcher: Agent | typeof warehouse.dispatcher, range: string, body: Buffer) => {
    const headers = { ...(await warehouse.authHeaders()), 'content-length': String(body.length), 'content-range': `bytes ${range}` };
    const response = await request(url, { method: 'PUT', dispatcher, signal, headers, body });
    await response.body.dump();
    return `${response.statusCode} ${[response.headers.range].flat()[0] ?? ''}`.trim();
  };
  try {
    const sent = await put(warehouse.dispatcher, `0-${GRANULE - 1}/*`, first);
    const status = await put(elsewhere, '*/*', Buffer.alloc(0));
    const ended = await put(elsewhere, `${GRANULE}-${LARGE_PAGE.length - 1}/${LARGE_PAGE.length}`, rest);
    const has = `308 bytes=0-${GRANULE - 1}`;
    const isCreated = /^20[01]/.test(ended) && (await findJob(warehouse, load.jobId)) !== undefined;
    return answer(sent === has && status === has && isCreated, `chunk ${sent}, status query ${status}, end ${ended}`);
  } finally {
    await elsewhere.close();
  }
}

async function atOnce(scratch: Scratch): Promise<Answer> {
  const table = await scratch.table(COLUMNS);
  const warehouse = scratch.warehouse.uploadingBy('multipart');
  const loaded = await loadPage(warehouse, scratch.load(table, COLUMNS), once(LARGE_PAGE));
  if (!loaded.succeeded) throw loaded.error;
  return answer(loaded.job.outputRows === 300, `${loaded.job.outputRows} of 300 rows`);
}

async function loadsRows(scratch: Scratch, bytes: Buffer, rows: number): Promise<Answer> {
  const loaded = await scratch.loadBytes(await scratch.table(COLUMNS), COLUMNS, bytes);
  if (!loaded.succeeded) throw loaded.error;
  return answer(loaded.job.outputRows === rows, `${loaded.job.outputRows} of ${rows} rows`);
}

async function wideSchema(scratch: Scratch): Promise<Answer> {
  const columns = Array.from({ length: 800 }, (_, index) => `Field_with_a_name_of_forty_characters_${String(index).padStart(3, '0')}`);
  const table = await scratch.table(columns);
  const load = scratch.load(table, columns);
  const size = JSON.stringify(loadJob(scratch.warehouse, load)).length;
  const loaded = await loadPage(scratch.warehouse, load, once(Buffer.from(csvLine(columns) + csvLine(columns))));
  if (!loaded.succeeded) throw loaded.error;
  return answer(loaded.job.outputRows === 1, `a job of ${size} bytes`);
}

async function loadsOnce(scratch: Scratch): Promise<Answer> {
  const table = await scratch.table(COLUMNS);
  const load = scratch.load(table, COLUMNS);
  await loadPage(scratch.warehouse, load, once(Buffer.from(page(3))));
  const again = await uploadAgain(scratch, load);
  const { numRows } = (await scratch.metadata(table)) ?? {};
  return answer(again === 'exists' && numRows === '3', `${again}, ${numRows} of 3 rows`);
}

async function failedIdIsUsed(scratch: Scratch): Promise<Answer> {
  const load = scratch.load(await scratch.table(COLUMNS), COLUMNS);
  const short = Buffer.from(`${csvLine(COLUMNS)}"1"\n`);
  const failed = await loadPage(scratch.warehouse, load, once(short));
  if (failed.succeeded) return answer(false, 'a short row was loaded');
  const again = await uploadAgain(scratch, load);
  return answer(again === 'exists', again);
}

/** @returns created, exists or an HTTP status */
async function uploadAgain(scratch: Scratch, load: ReturnType<Scratch['load']>): Promise<string> {
  const upload = scratch.warehouse.upload === 'multipart' ? uploadJobAtOnce : uploadJob;
  try {
    return await upload(scratch.warehouse, loadJob(scratch.warehouse, load), once(Buffer.from(page(3))));
  } catch (error) {
    return String(httpStatus(error) ?? 'no response');
  }
}
