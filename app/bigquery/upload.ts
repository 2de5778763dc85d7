import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { sum } from '../core/sum.ts';
import { AppError } from '../errors.ts';
import type { Job } from './resources.ts';
import { discard, pauseAfter, readError, sendUpload } from './upload-request.ts';
import type { Warehouse } from './warehouse.ts';

/**
 * Google's resumable upload protocol. The client library's own upload is one POST that cannot be resumed.
 * A job comes into being only with the final PUT, so a source that ends too early, or an upload given up, loads nothing.
 */

/** A multiple of 256 KiB, as the protocol wants. An upload holds two chunks: one under way, one being filled. */
export const CHUNK_BYTES = 16 * 1024 * 1024;

/** What the server has of an upload, or that it gave no usable answer. */
type Answer =
  | { kind: 'more'; received: number }
  | { kind: 'made' }
  | { kind: 'exists' }
  | { kind: 'gone' }
  | { kind: 'failed'; cause: unknown };

interface Chunk {
  /** its bytes, in the pieces in which they came: joining them would cost more than sending them does */
  parts: readonly Buffer[];
  length: number;
  /** offset of its first byte in the upload */
  start: number;
  last: boolean;
}

/**
 * Uploads `content` and makes `job` of it.
 * @returns made, or exists: a job with this id was there before
 * @throws AppError bigquery_unavailable when the upload is lost and has to begin anew; what the source throws passes through
 */
export async function uploadJob(warehouse: Warehouse, job: Job, content: AsyncIterable<Buffer>): Promise<'made' | 'exists'> {
  let upload: Upload | undefined;
  for await (const chunk of inChunks(content)) {
    // A page that fits one chunk is uploaded with its length known from the start.
    upload ??= await Upload.begin(warehouse, job, chunk.last ? chunk.length : undefined);
    if (!upload) return 'exists';
    const answer = await upload.send(chunk);
    if (answer === 'made' || answer === 'exists') return answer;
  }
  throw new AppError('bigquery_unavailable', 'The upload ended and BigQuery made no job of it.');
}

/** Cuts a stream into chunks of CHUNK_BYTES, holding one back so that the last is known as such. */
async function* inChunks(content: AsyncIterable<Buffer>): AsyncGenerator<Chunk> {
  let parts: Buffer[] = [];
  let length = 0;
  let start = 0;
  for await (const part of content) {
    parts.push(part);
    length += part.length;
    // Strictly more than a chunk: what is left over may be the last one, and the last one is never empty.
    while (length > CHUNK_BYTES) {
      yield { parts: between(parts, 0, CHUNK_BYTES), length: CHUNK_BYTES, start, last: false };
      parts = between(parts, CHUNK_BYTES, length);
      start += CHUNK_BYTES;
      length -= CHUNK_BYTES;
    }
  }
  yield { parts, length, start, last: true };
}

/** The bytes from one offset up to another, in the pieces in which they are. */
function between(parts: readonly Buffer[], from: number, to: number): Buffer[] {
  const found: Buffer[] = [];
  let start = 0;
  for (const part of parts) {
    const piece = part.subarray(Math.max(0, from - start), Math.max(0, to - start));
    if (piece.length > 0) found.push(piece);
    start += part.length;
  }
  return found;
}

/** One upload session. */
class Upload {
  readonly #warehouse: Warehouse;
  readonly #session: string;

  private constructor(warehouse: Warehouse, session: string) {
    this.#warehouse = warehouse;
    this.#session = session;
  }

  /** Begins a session; undefined where a job with this id exists already and BigQuery says so at once. */
  static async begin(warehouse: Warehouse, job: Job, length: number | undefined): Promise<Upload | undefined> {
    const headers = {
      'content-type': 'application/json; charset=UTF-8',
      'x-upload-content-type': 'application/octet-stream',
      ...(length !== undefined && { 'x-upload-content-length': String(length) }),
    };
    for (let failures = 1; ; failures++) {
      try {
        const response = await sendUpload(warehouse, `${warehouse.uploadUrl}?uploadType=resumable`, {
          method: 'POST',
          headers,
          body: JSON.stringify(job),
        });
        const session = [response.headers.location].flat()[0];
        if (response.statusCode === 409) return await discard(response, undefined);
        if (response.statusCode === 200 && session) return await discard(response, new Upload(warehouse, session));
        throw await readError(response);
      } catch (error) {
        await pauseAfter(warehouse, failures, error);
      }
    }
  }

  /** Sends a chunk until the server has all of it, continuing from what the server says it has. */
  async send(chunk: Chunk): Promise<'more' | 'made' | 'exists'> {
    const end = chunk.start + chunk.length;
    let received = chunk.start;
    let failures = 0;
    let probe = false;
    for (;;) {
      const rest = probe ? undefined : between(chunk.parts, received - chunk.start, chunk.length);
      const answer = await this.#put(received, rest, chunk.last ? end : undefined);
      if (answer.kind === 'made' || answer.kind === 'exists') return answer.kind;
      if (answer.kind === 'gone') throw lost('BigQuery has forgotten the upload');
      if (answer.kind === 'failed') {
        await pauseAfter(this.#warehouse, ++failures, answer.cause);
        // What was on its way may have arrived, all or part of it: ask before sending again.
        probe = true;
        continue;
      }
      if (answer.received < chunk.start || answer.received > end) throw lost('BigQuery holds another part of the upload than was sent');
      if (answer.received === end && !chunk.last) return 'more';
      if (answer.received > received) failures = 0;
      else if (!probe) await pauseAfter(this.#warehouse, ++failures, undefined);
      received = answer.received;
      probe = false;
    }
  }

  /**
   * Sends bytes from `start` on, or asks with `body` undefined what has arrived.
   * @param total the upload's length, where this is its end
   */
  async #put(start: number, body: readonly Buffer[] | undefined, total: number | undefined): Promise<Answer> {
    const length = sum((body ?? []).map((part) => part.length));
    const bytes = length > 0 ? `${start}-${start + length - 1}` : '*';
    const range = `bytes ${bytes}/${body ? (total ?? '*') : '*'}`;
    const headers = { 'content-length': String(length), 'content-range': range };
    try {
      const response = await sendUpload(this.#warehouse, this.#session, {
        method: 'PUT',
        headers,
        body: length > 0 ? Readable.from(body!) : '',
      });
      return await readAnswer(response);
    } catch (error) {
      if (error instanceof AppError && error.recovery !== 'retry') throw error;
      return { kind: 'failed', cause: error };
    }
  }
}

async function readAnswer(response: Dispatcher.ResponseData): Promise<Answer> {
  const { statusCode, headers } = response;
  if (statusCode === 308) {
    const last = /^bytes=0-(\d+)$/.exec([headers.range].flat()[0] ?? '')?.[1];
    return await discard(response, { kind: 'more', received: last === undefined ? 0 : Number(last) + 1 });
  }
  if (statusCode === 200 || statusCode === 201) return await discard(response, { kind: 'made' });
  if (statusCode === 409) return await discard(response, { kind: 'exists' });
  if (statusCode === 404 || statusCode === 410) return await discard(response, { kind: 'gone' });
  throw await readError(response);
}

function lost(reason: string): AppError {
  return new AppError('bigquery_unavailable', `${reason}: it has to begin anew.`);
}
