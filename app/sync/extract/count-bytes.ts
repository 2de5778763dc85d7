import type { Readable } from 'node:stream';

/** What has been read of a stream. */
export interface CountedBytes {
  /** bytes read so far */
  bytes: () => number;
  /** bytes of text, uncompressed: at least so many; null until the end is read */
  textBytes: () => number | null;
}

/** Counts the bytes of a stream while another function reads it, as received and uncompressed. */
export function countBytes(source: Readable, gzip: boolean): CountedBytes {
  let bytes = 0;
  let ended = false;
  let tail: Buffer = Buffer.alloc(4);
  // Paused, so that the listener alone does not start it.
  source.pause().on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    // Copied, because a slice would keep the whole chunk in memory.
    if (chunk.length >= 4) chunk.copy(tail, 0, chunk.length - 4);
    else tail = Buffer.concat([tail, chunk]).subarray(-4);
  });
  source.once('end', () => {
    ended = true;
  });
  return {
    bytes: () => bytes,
    textBytes: () => {
      if (!ended) return null;
      // gzip ends with the uncompressed length (RFC 1952, ISIZE), so there is no need to decompress. It is the length of the last of several
      // members, and wraps at 4 GiB.
      return gzip && bytes >= 4 ? Math.max(tail.readUInt32LE(), bytes) : bytes;
    },
  };
}
