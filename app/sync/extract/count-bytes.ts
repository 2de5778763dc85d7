/** Passes bytes through unchanged and counts them, as received and uncompressed. */
export function countBytes(
  source: AsyncIterable<Buffer>,
  gzip: boolean,
): { content: AsyncIterable<Buffer>; bytes: () => number; textBytes: () => number } {
  let bytes = 0;
  let tail: Buffer = Buffer.alloc(0);
  async function* content(): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      bytes += chunk.length;
      tail = chunk.length >= 4 ? chunk.subarray(-4) : Buffer.concat([tail, chunk]).subarray(-4);
      yield chunk;
    }
  }
  return {
    content: content(),
    bytes: () => bytes,
    // gzip ends with the uncompressed length (RFC 1952, ISIZE), so there is no need to decompress.
    textBytes: () => (gzip && tail.length === 4 ? tail.readUInt32LE() : bytes),
  };
}
