/** A stream of bytes that is counted while it is read. */
export interface CountedBytes {
  content: AsyncIterable<Buffer>;
  /** bytes read so far */
  bytes: () => number;
  /** bytes of text, uncompressed; null until the end is read */
  textBytes: () => number | null;
}

/** Passes bytes through unchanged and counts them, as received and uncompressed. */
export function countBytes(source: AsyncIterable<Buffer>, gzip: boolean): CountedBytes {
  let bytes = 0;
  let ended = false;
  let tail: Buffer = Buffer.alloc(0);
  async function* content(): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      bytes += chunk.length;
      tail = chunk.length >= 4 ? chunk.subarray(-4) : Buffer.concat([tail, chunk]).subarray(-4);
      yield chunk;
    }
    ended = true;
  }
  return {
    content: content(),
    bytes: () => bytes,
    textBytes: () => {
      if (!ended) return null;
      // gzip ends with the uncompressed length (RFC 1952, ISIZE), so there is no need to decompress.
      return gzip && tail.length === 4 ? tail.readUInt32LE() : bytes;
    },
  };
}
