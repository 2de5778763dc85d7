import { gzipSync } from 'node:zlib';
import { Agent, request } from 'undici';
import { httpStatus } from '../bigquery/errors.ts';
import { findJob } from '../bigquery/jobs.ts';
import { loadJobResource, loadPage } from '../bigquery/load/load.ts';
import { uploadMultipart } from '../bigquery/load/upload-multipart.ts';
import { requireTrustedSession, uploadResumable } from '../bigquery/load/upload-resumable.ts';
import { csvLine } from '../core/csv.ts';
import { type Probe, type ProbeResult, toResult } from './probe.ts';
import { type ScratchDataset, singleChunk } from './scratch-dataset.ts';

/** Minimum size of a chunk other than the last. */
const GRANULE = 256 * 1024;

const COLUMNS = ['Id', 'Value'];

/** The service's assumptions about Google's upload protocols and load job IDs. The first probe decides how the others upload. */
export const UPLOAD_PROBES: readonly Probe<ScratchDataset>[] = [
  // BigQuery, load data with the API, resumable uploads: Google documents chunks of unknown total size, but not for BigQuery.
  {
    assumption: 'A resumable upload accepts chunks of unknown total size, reports its progress with 308, and resumes on another connection',
    workaround: 'BIGQUERY_UPLOAD=multipart',
    run: checkResumableUpload,
  },
  // BigQuery, multipart uploads; BIGQUERY_UPLOAD=multipart relies on it.
  {
    assumption: 'A multipart upload accepts a page in one request of known length',
    consequence: 'BIGQUERY_UPLOAD=multipart does not work here.',
    run: checkMultipartUpload,
  },
  // The documentation lists gzip for files in Cloud Storage but does not mention uploads, which have no setting for it.
  {
    assumption: 'A load job accepts gzipped bytes without any setting, and skips their header line',
    workaround: 'SALESFORCE_GZIP=off',
    run: (scratch) => checkLoadedRows(scratch, gzipSync(page(3)), 3),
  },
  // RFC 1952 allows several gzip members; BigQuery's documentation does not mention them.
  {
    assumption: 'A load job reads gzip with several members to the end',
    workaround: 'SALESFORCE_GZIP=off',
    run: (scratch) => checkLoadedRows(scratch, Buffer.concat([gzipSync(page(3)), gzipSync(row(4))]), 4),
  },
  // BigQuery, resumable uploads: the size limit of the initial request is not documented; Salesforce objects have up to 800 fields.
  { assumption: 'An uploaded job may have a schema of 800 columns', workaround: 'BIGQUERY_UPLOAD=multipart', run: checkWideSchema },
  // BigQuery, generating a job ID: refusing a used ID is documented; whether at the start or the end of an upload is not.
  {
    assumption: 'BigQuery refuses a used load job ID with 409 and loads nothing',
    consequence: 'A page could be loaded twice. Stop the service and report this to the maintainers.',
    run: checkUsedLoadId,
  },
  // Same source; that it includes failed jobs is known from other loaders.
  {
    assumption: 'The ID of a failed load job cannot be reused either',
    consequence: 'Only the number of tries relies on this.',
    run: checkFailedLoadId,
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
async function checkResumableUpload(scratch: ScratchDataset): Promise<ProbeResult> {
  const found = await uploadStepByStep(scratch);
  if (!found.confirmed) scratch.warehouse = scratch.warehouse.withUploadProtocol('multipart');
  return found;
}

async function uploadStepByStep(scratch: ScratchDataset): Promise<ProbeResult> {
  const table = await scratch.table(COLUMNS);
  const load = scratch.load(table, COLUMNS);
  const { warehouse, signal } = scratch;
  const [first, rest] = [LARGE_PAGE.subarray(0, GRANULE), LARGE_PAGE.subarray(GRANULE)];
  const session = await request(`${warehouse.uploadUrl}?uploadType=resumable`, {
    method: 'POST',
    dispatcher: warehouse.dispatcher,
    signal,
    headers: { ...(await warehouse.authHeaders()), 'content-type': 'application/json; charset=UTF-8' },
    body: JSON.stringify(loadJobResource(warehouse, load)),
  });
  await session.body.dump();
  const [location] = [session.headers.location].flat();
  if (session.statusCode !== 200 || !location) return toResult(false, `HTTP ${session.statusCode} instead of an upload session`);
  const url = requireTrustedSession(warehouse, location);

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
    return toResult(sent === has && status === has && isCreated, `chunk ${sent}, status query ${status}, end ${ended}`);
  } finally {
    await elsewhere.close();
  }
}

async function checkMultipartUpload(scratch: ScratchDataset): Promise<ProbeResult> {
  const table = await scratch.table(COLUMNS);
  const warehouse = scratch.warehouse.withUploadProtocol('multipart');
  const loaded = await loadPage(warehouse, scratch.load(table, COLUMNS), singleChunk(LARGE_PAGE));
  if (!loaded.succeeded) throw loaded.error;
  return toResult(loaded.job.outputRows === 300, `${loaded.job.outputRows} of 300 rows`);
}

async function checkLoadedRows(scratch: ScratchDataset, bytes: Buffer, rows: number): Promise<ProbeResult> {
  const loaded = await scratch.loadBytes(await scratch.table(COLUMNS), COLUMNS, bytes);
  if (!loaded.succeeded) throw loaded.error;
  return toResult(loaded.job.outputRows === rows, `${loaded.job.outputRows} of ${rows} rows`);
}

async function checkWideSchema(scratch: ScratchDataset): Promise<ProbeResult> {
  const columns = Array.from({ length: 800 }, (_, index) => `Field_with_a_name_of_forty_characters_${String(index).padStart(3, '0')}`);
  const table = await scratch.table(columns);
  const load = scratch.load(table, columns);
  const size = JSON.stringify(loadJobResource(scratch.warehouse, load)).length;
  const loaded = await loadPage(scratch.warehouse, load, singleChunk(Buffer.from(csvLine(columns) + csvLine(columns))));
  if (!loaded.succeeded) throw loaded.error;
  return toResult(loaded.job.outputRows === 1, `a job of ${size} bytes`);
}

async function checkUsedLoadId(scratch: ScratchDataset): Promise<ProbeResult> {
  const table = await scratch.table(COLUMNS);
  const load = scratch.load(table, COLUMNS);
  await loadPage(scratch.warehouse, load, singleChunk(Buffer.from(page(3))));
  const again = await uploadAgain(scratch, load);
  const { numRows } = (await scratch.metadata(table)) ?? {};
  return toResult(again === 'exists' && numRows === '3', `${again}, ${numRows} of 3 rows`);
}

async function checkFailedLoadId(scratch: ScratchDataset): Promise<ProbeResult> {
  const load = scratch.load(await scratch.table(COLUMNS), COLUMNS);
  const short = Buffer.from(`${csvLine(COLUMNS)}"1"\n`);
  const failed = await loadPage(scratch.warehouse, load, singleChunk(short));
  if (failed.succeeded) return toResult(false, 'a short row was loaded');
  const again = await uploadAgain(scratch, load);
  return toResult(again === 'exists', again);
}

/** @returns created, exists or an HTTP status */
async function uploadAgain(scratch: ScratchDataset, load: ReturnType<ScratchDataset['load']>): Promise<string> {
  const upload = scratch.warehouse.upload === 'multipart' ? uploadMultipart : uploadResumable;
  try {
    return await upload(scratch.warehouse, loadJobResource(scratch.warehouse, load), singleChunk(Buffer.from(page(3))));
  } catch (error) {
    return String(httpStatus(error) ?? 'no response');
  }
}
