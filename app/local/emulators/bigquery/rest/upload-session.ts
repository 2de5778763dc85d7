import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Fault, FaultKind } from '../faults.ts';
import type { Job } from '../jobs/job.ts';
import { ApiError } from './api-error.ts';
import type { Exchange } from './http.ts';

const GRANULE = 256 * 1024;

interface ContentRange {
  /** Undefined: the request has no bytes; it queries the status or finishes the upload. */
  start: number | undefined;
  end: number;
  total: number | undefined;
}

/** One resumable upload: which bytes are stored, and when it is complete. All chunks except the last are multiples of 256 KiB. */
export class UploadSession {
  readonly id = randomUUID();
  readonly metadata: Record<string, unknown>;
  readonly file: string;
  readonly startedAt: number;
  /** Bytes that the client need not send again. */
  stored = 0;
  /** The job, once all bytes have arrived; later requests return the same one. */
  finish: Promise<Job> | undefined;
  #total: number | undefined;

  private constructor(metadata: Record<string, unknown>, total: number | undefined, file: string, startedAt: number) {
    this.startedAt = startedAt;
    this.metadata = metadata;
    this.#total = total;
    this.file = file;
  }

  static async start(folder: string, metadata: Record<string, unknown>, declared: number | undefined, now: number): Promise<UploadSession> {
    const file = join(folder, `upload-${randomUUID()}`);
    await writeFile(file, '', { mode: 0o600 });
    return new UploadSession(metadata, declared, file, now);
  }

  get jobId(): string {
    return (this.metadata.jobReference as { jobId?: string } | undefined)?.jobId ?? '';
  }

  async discard(): Promise<void> {
    await rm(this.file, { force: true });
  }

  /** Handles one PUT. Returns true if the upload is complete. If the connection ends early, the complete granules are kept. */
  async receive(
    { request, socket }: Pick<Exchange, 'request' | 'socket'>,
    fault: (kind: FaultKind) => Fault | undefined,
  ): Promise<boolean> {
    if (this.finish !== undefined) return this.#drained(request);
    const range = contentRange(request);
    if (range.total !== undefined) this.#settleTotal(range.total);
    if (range.start === undefined) {
      await this.#drained(request);
      return range.total !== undefined && this.stored === this.#total;
    }
    const length = range.end - range.start + 1;
    this.#checkChunk(range.start, length, range.total);
    const cut = fault('upload-cut');
    await this.#write(request, range, cut && (cut.keep ?? Math.floor(length / 2)));
    if (cut) socket.destroy();
    if (socket.destroyed) return false;
    const partial = fault('partial-chunk');
    if (partial) this.#forget(range.start, partial.keep ?? Math.floor(length / 2));
    return this.stored === this.#total;
  }

  async #drained(request: IncomingMessage): Promise<boolean> {
    for await (const _ of request);
    return true;
  }

  #settleTotal(total: number): void {
    if (this.#total !== undefined && this.#total !== total)
      throw badRequest(`the total ${total} differs from the earlier ${this.#total} byte(s).`);
    if (total < this.stored) throw badRequest(`the total ${total} is less than the ${this.stored} byte(s) already uploaded.`);
    this.#total = total;
  }

  #checkChunk(start: number, length: number, total: number | undefined): void {
    if (start > this.stored) {
      throw badRequest(
        `According to the Content-Range header, the upload offset is ${start} byte(s), which exceeds already uploaded size of ${this.stored} byte(s).`,
      );
    }
    if (this.#total !== undefined && start + length > this.#total)
      throw badRequest(`The chunk ends after the total of ${this.#total} byte(s).`);
    const isLast = total !== undefined && start + length === total;
    if (isLast || length % GRANULE === 0) return;
    throw badRequest(
      `The number of bytes uploaded is required to be equal or greater than ${GRANULE}, except for the final request (it's recommended to be the exact multiple of ${GRANULE}). The received request contained ${length} bytes, which does not meet this requirement.`,
    );
  }

  async #write(request: IncomingMessage, range: ContentRange, cutAfter: number | undefined): Promise<void> {
    const handle = await open(this.file, 'r+');
    let end: number;
    try {
      end = await this.#writeFresh(request, handle, range, cutAfter);
    } finally {
      await handle.close();
    }
    const isWhole = end === range.end + 1 && cutAfter === undefined;
    if (isWhole) this.stored = Math.max(this.stored, end);
    else this.#forget(range.start!, cutAfter === undefined ? end - range.start! : Math.min(cutAfter, end - range.start!), true);
    if (!isWhole && cutAfter === undefined && request.complete)
      throw badRequest('The request has fewer bytes than its Content-Range header says.');
  }

  /** Writes the bytes that are not stored yet; returns the position after the last received byte. */
  async #writeFresh(
    request: IncomingMessage,
    handle: FileHandle,
    range: ContentRange,
    cutAfter = Number.POSITIVE_INFINITY,
  ): Promise<number> {
    let at = range.start!;
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        if (at + chunk.length > range.end + 1) throw badRequest('The request has more bytes than its Content-Range header says.');
        const fresh = chunk.subarray(Math.max(0, this.stored - at));
        if (fresh.length > 0) await handle.write(fresh, 0, fresh.length, at + chunk.length - fresh.length);
        at += chunk.length;
        if (at - range.start! >= cutAfter) break;
      }
    } catch (error) {
      // The client disconnected; the received bytes are kept.
      if (!request.destroyed || request.complete) throw error;
    }
    return at;
  }

  /** Only complete granules of a chunk are kept. */
  #forget(start: number, kept: number, isInterrupted = false): void {
    const end = Math.floor((start + kept) / GRANULE) * GRANULE;
    this.stored = isInterrupted ? Math.max(this.stored, end) : Math.max(start, end);
  }
}

function contentRange(request: IncomingMessage): ContentRange {
  const header = request.headers['content-range'];
  const length = Number(request.headers['content-length'] ?? Number.NaN);
  // A complete upload in one request needs no header.
  if (header === undefined) {
    if (Number.isNaN(length)) throw badRequest('A request without Content-Range needs Content-Length.');
    return length === 0 ? { start: undefined, end: -1, total: 0 } : { start: 0, end: length - 1, total: length };
  }
  const parts = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(header);
  if (!parts) throw badRequest(`Failed to parse Content-Range header: ${header}`);
  const total = parts[3] === '*' ? undefined : Number(parts[3]);
  if (parts[1] === undefined) return { start: undefined, end: -1, total };
  const [start, end] = [Number(parts[1]), Number(parts[2])];
  const bytes = end - start + 1;
  if (bytes <= 0 || (!Number.isNaN(length) && length !== bytes))
    throw badRequest(`Content-Range ${header} does not fit the request's length of ${length} byte(s).`);
  return { start, end, total };
}

const badRequest = (why: string) => new ApiError('badRequest', `Invalid request. ${why}`);
