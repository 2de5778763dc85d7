import { Writable } from 'node:stream';

/** A multiple of 256 KiB, as Google's resumable upload protocol requires. An upload buffers one chunk. */
export const CHUNK_BYTES = 16 * 1024 * 1024;

/** How much of a page may arrive while a chunk is sent. Then its source waits. */
const WAITING_BYTES = 1024 * 1024;

/** A part of an upload. */
export interface Chunk {
  bytes: Buffer;
  /** offset of its first byte in the upload */
  start: number;
  last: boolean;
}

/** Buffers for the next uploads: allocating one costs more than filling it, and makes V8 collect garbage. */
const spares: Buffer[] = [];

/** How long spares are kept without an upload. */
const SPARE_MS = 30_000;

const freeing = setTimeout(() => spares.splice(0), SPARE_MS).unref();

/**
 * Copies a stream into chunks of CHUNK_BYTES, and sends each before it accepts more. Copying costs less than keeping the stream's own
 * buffers until a chunk is sent: those that survive two minor garbage collections are freed only by a full one.
 */
export class ChunkWriter extends Writable {
  readonly #send: (chunk: Chunk) => Promise<void>;
  readonly #buffer = spares.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  #length = 0;
  #start = 0;

  /** @param send sends a chunk, whose bytes are valid until the promise is fulfilled. The last one is empty only if the stream is */
  constructor(send: (chunk: Chunk) => Promise<void>) {
    super({ highWaterMark: WAITING_BYTES });
    this.#send = send;
  }

  override _write(piece: Buffer, encoding: BufferEncoding, done: (error?: Error) => void): void {
    const copied = piece.copy(this.#buffer, this.#length);
    this.#length += copied;
    if (copied === piece.length) done();
    // More than a chunk has arrived, so this is not the last one, which must not be empty.
    else this.#sendBuffer(false).then(() => this._write(piece.subarray(copied), encoding, done), done);
  }

  override _final(done: (error?: Error) => void): void {
    this.#sendBuffer(true).then(() => {
      spares.push(this.#buffer);
      freeing.refresh();
      done();
    }, done);
  }

  async #sendBuffer(last: boolean): Promise<void> {
    await this.#send({ bytes: this.#buffer.subarray(0, this.#length), start: this.#start, last });
    this.#start += this.#length;
    this.#length = 0;
  }
}
