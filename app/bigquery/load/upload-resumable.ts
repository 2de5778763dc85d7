import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Dispatcher } from 'undici';
import { AppError } from '../../errors.ts';
import type { Job } from '../resources.ts';
import type { Warehouse } from '../warehouse.ts';
import { type Chunk, ChunkWriter } from './chunk-writer.ts';
import { backOff, discardBody, readErrorResponse, sendUploadRequest } from './upload-request.ts';

/**
 * Google's resumable upload protocol. The client library's own upload is one POST that cannot be resumed.
 * Only the final PUT creates the job, so a truncated source or an abandoned upload loads nothing.
 */

/** How much of a chunk is written to the socket at once: enough for few system calls, and a slow connection still makes progress. */
const WRITE_BYTES = 1024 * 1024;

/** The server's state of an upload, or a failed request. */
type UploadState =
  | { kind: 'more'; received: number }
  | { kind: 'created' }
  | { kind: 'exists' }
  | { kind: 'lost' }
  | { kind: 'failed'; cause: unknown };

/**
 * Uploads `content` and creates `job` from it.
 * @returns created, or exists: a job with this id already existed
 * @throws AppError bigquery_unavailable if the upload is lost and must start over; errors of the source are rethrown
 */
export async function uploadResumable(warehouse: Warehouse, job: Job, content: AsyncIterable<Buffer>): Promise<'created' | 'exists'> {
  let upload: Upload | undefined;
  let result: 'created' | 'exists' | undefined;
  const writer = new ChunkWriter(async (chunk) => {
    // A page that fits in one chunk has a known length from the start.
    upload ??= await Upload.start(warehouse, job, chunk.last ? chunk.bytes.length : undefined);
    const answer = upload ? await upload.send(chunk) : 'exists';
    if (answer === 'more') return;
    result = answer;
    // The rest of the source is not needed.
    if (!chunk.last) writer.destroy();
  });
  try {
    await pipeline(content, writer);
  } catch (error) {
    if (!result) throw error;
  }
  if (result) return result;
  throw new AppError('bigquery_unavailable', 'BigQuery created no job at the end of the upload.');
}

/** One upload session. */
class Upload {
  readonly #warehouse: Warehouse;
  readonly #session: string;

  private constructor(warehouse: Warehouse, session: string) {
    this.#warehouse = warehouse;
    this.#session = session;
  }

  /** Starts a session; undefined if BigQuery reports immediately that a job with this id exists. */
  static async start(warehouse: Warehouse, job: Job, length: number | undefined): Promise<Upload | undefined> {
    const session = await Upload.#requestSession(warehouse, job, length);
    return session === undefined ? undefined : new Upload(warehouse, requireTrustedSession(warehouse, session));
  }

  static async #requestSession(warehouse: Warehouse, job: Job, length: number | undefined): Promise<string | undefined> {
    const headers = {
      'content-type': 'application/json; charset=UTF-8',
      'x-upload-content-type': 'application/octet-stream',
      ...(length !== undefined && { 'x-upload-content-length': String(length) }),
    };
    for (let failures = 1; ; failures++) {
      try {
        const response = await sendUploadRequest(warehouse, `${warehouse.uploadUrl}?uploadType=resumable`, {
          method: 'POST',
          headers,
          body: JSON.stringify(job),
        });
        const session = [response.headers.location].flat()[0];
        if (response.statusCode === 409) return await discardBody(response, undefined);
        if (response.statusCode === 200 && session) return await discardBody(response, session);
        throw await readErrorResponse(response);
      } catch (error) {
        await backOff(warehouse, failures, error);
      }
    }
  }

  /** Sends a chunk until the server has all of it, continuing from the offset the server reports. */
  async send({ bytes, start, last }: Chunk): Promise<'more' | 'created' | 'exists'> {
    const end = start + bytes.length;
    let received = start;
    let failures = 0;
    let probe = false;
    for (;;) {
      const rest = probe ? undefined : bytes.subarray(received - start);
      const answer = await this.#put(received, rest, last ? end : undefined);
      if (answer.kind === 'created' && !last) throw lostUploadError('BigQuery reports an upload as complete before its end');
      if (answer.kind === 'created' || answer.kind === 'exists') return answer.kind;
      if (answer.kind === 'lost') throw lostUploadError('BigQuery no longer knows the upload session');
      if (answer.kind === 'failed') {
        await backOff(this.#warehouse, ++failures, answer.cause);
        // The bytes may have arrived fully or in part: query the status before sending again.
        probe = true;
        continue;
      }
      if (answer.received < start || answer.received > end)
        throw lostUploadError('BigQuery reports an upload offset outside the sent chunk');
      if (answer.received === end && !last) return 'more';
      if (answer.received > received) failures = 0;
      else if (!probe) await backOff(this.#warehouse, ++failures, undefined);
      received = answer.received;
      probe = false;
    }
  }

  /**
   * Sends bytes from `start` on; with `body` undefined, queries how much has arrived.
   * @param total the upload's length, if this is its end
   */
  async #put(start: number, body: Buffer | undefined, total: number | undefined): Promise<UploadState> {
    const length = body?.length ?? 0;
    const bytes = length > 0 ? `${start}-${start + length - 1}` : '*';
    const range = `bytes ${bytes}/${body ? (total ?? '*') : '*'}`;
    const headers = { 'content-length': String(length), 'content-range': range };
    try {
      const response = await sendUploadRequest(this.#warehouse, this.#session, {
        method: 'PUT',
        headers,
        body: length > 0 ? Readable.from(inParts(body!)) : '',
      });
      return await readUploadState(response);
    } catch (error) {
      if (error instanceof AppError && error.recovery !== 'retry') throw error;
      return { kind: 'failed', cause: error };
    }
  }
}

function* inParts(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += WRITE_BYTES) yield bytes.subarray(start, start + WRITE_BYTES);
}

/** The token and the rows go to this URL, so only the endpoint itself or Google may name it. @throws AppError bigquery_unavailable */
export function requireTrustedSession(warehouse: Warehouse, session: string): string {
  const url = URL.parse(session);
  const endpoint = new URL(warehouse.uploadUrl).origin;
  const isGoogle = url?.protocol === 'https:' && url.hostname.endsWith('.googleapis.com');
  if (url && (url.origin === endpoint || isGoogle)) return session;
  throw new AppError(
    'bigquery_unavailable',
    `The upload session is at ${url?.host ?? 'no valid URL'}, which is neither ${endpoint} nor a Google host. Check the proxies before BigQuery.`,
  );
}

async function readUploadState(response: Dispatcher.ResponseData): Promise<UploadState> {
  const { statusCode, headers } = response;
  if (statusCode === 308) {
    const last = /^bytes=0-(\d+)$/.exec([headers.range].flat()[0] ?? '')?.[1];
    return await discardBody(response, { kind: 'more', received: last === undefined ? 0 : Number(last) + 1 });
  }
  if (statusCode === 200 || statusCode === 201) return await discardBody(response, { kind: 'created' });
  if (statusCode === 409) return await discardBody(response, { kind: 'exists' });
  if (statusCode === 404 || statusCode === 410) return await discardBody(response, { kind: 'lost' });
  throw await readErrorResponse(response);
}

function lostUploadError(reason: string): AppError {
  return new AppError('bigquery_unavailable', `${reason}. The upload must start over.`);
}
