import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { countBytes } from '../../../app/sync/extract/count-bytes.ts';

const text = `"Id"\n${'"001000000000001AAA"\n'.repeat(500)}`;
const zipped = gzipSync(text);

async function counted(bytes: Buffer, gzip: boolean, size: number): Promise<{ bytes: number; textBytes: number | null }> {
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
  const source = Readable.from(pieces);
  const count = countBytes(source, gzip);
  expect(count.textBytes()).toBeNull();
  await pipeline(source, new Writable({ write: (_piece, _encoding, done) => done() }));
  return { bytes: count.bytes(), textBytes: count.textBytes() };
}

test.each([1, 2, 3, 5, 7, 64 * 1024])('bytes are counted in pieces of %i', async (size) => {
  expect(await counted(Buffer.from(text), false, size)).toEqual({ bytes: text.length, textBytes: text.length });
  expect(await counted(zipped, true, size)).toEqual({ bytes: zipped.length, textBytes: text.length });
});

test('a gzip of several members has at least as much text as bytes, so that the next page is not a thousand times as large', async () => {
  const members = Buffer.concat([gzipSync(text.slice(0, 5)), zipped, gzipSync('')]);
  expect(await counted(members, true, 1_000)).toEqual({ bytes: members.length, textBytes: members.length });
});
