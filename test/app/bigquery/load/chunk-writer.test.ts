import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test } from '@jest/globals';
import { CHUNK_BYTES, type Chunk, ChunkWriter } from '../../../../app/bigquery/load/chunk-writer.ts';

const PIECE_BYTES = 1024 * 1024 + 7;

/** Bytes that differ from piece to piece. */
function* pieces(length: number): Generator<Buffer> {
  for (let start = 0, value = 1; start < length; start += PIECE_BYTES, value++)
    yield Buffer.alloc(Math.min(PIECE_BYTES, length - start), value);
}

describe('a stream in chunks', () => {
  test.each([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 12_345])(
    'arrives complete, and only the last chunk is smaller: %i bytes',
    async (length) => {
      const sent: Chunk[] = [];
      const writer = new ChunkWriter(async (chunk) => {
        sent.push({ ...chunk, bytes: Buffer.from(chunk.bytes) });
      });
      await pipeline(Readable.from(pieces(length)), writer);
      const received = Buffer.concat(sent.map(({ bytes }) => bytes));
      expect(received.equals(Buffer.concat([...pieces(length)]))).toBe(true);
      expect(sent.map(({ start, last }) => ({ start, last }))).toEqual(
        sent.map((_, index) => ({ start: index * CHUNK_BYTES, last: index === sent.length - 1 })),
      );
      expect(sent.slice(0, -1).every(({ bytes }) => bytes.length === CHUNK_BYTES)).toBe(true);
      expect(sent.at(-1)!.bytes.length > 0).toBe(length > 0);
    },
  );

  test('waits while a chunk is sent', async () => {
    let read = 0;
    function* counted(): Generator<Buffer> {
      for (const piece of pieces(10 * CHUNK_BYTES)) {
        read += piece.length;
        yield piece;
      }
    }
    const sending = Promise.withResolvers<void>();
    const stop = new AbortController();
    const writer = new ChunkWriter(() => {
      sending.resolve();
      return new Promise(() => {});
    });
    const piped = pipeline(Readable.from(counted()), writer, { signal: stop.signal });
    await sending.promise;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(read).toBeLessThan(CHUNK_BYTES + 5 * PIECE_BYTES);
    stop.abort();
    await expect(piped).rejects.toThrow('aborted');
  });

  test('fails if a chunk cannot be sent, whose bytes are then not used again', async () => {
    const failed: Buffer[] = [];
    const failing = new ChunkWriter(async ({ bytes }) => {
      failed.push(bytes);
      throw new Error('not sent');
    });
    await expect(pipeline(Readable.from([Buffer.from('first')]), failing)).rejects.toThrow('not sent');
    await pipeline(Readable.from([Buffer.from('second')]), new ChunkWriter(async () => {}));
    expect(failed.map(String)).toEqual(['first']);
  });
});
