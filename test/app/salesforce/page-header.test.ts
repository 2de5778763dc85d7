import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readPageHeader } from '../../../app/salesforce/page-header.ts';

function inPieces(bytes: Buffer, size: number): Readable {
  const starts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => index * size);
  return Readable.from(starts.map((start) => bytes.subarray(start, start + size)));
}

async function passThrough(bytes: Buffer, gzip: boolean, columns: string[], size = 7, rows = 2): Promise<Buffer> {
  const parts: Buffer[] = [];
  const { content } = await readPageHeader(inPieces(bytes, size), gzip, columns, rows);
  for await (const part of content) parts.push(part);
  return Buffer.concat(parts);
}

const page = '"Id","Name","Account.Name"\n"001","a, ""b""\nc","d"\n';

describe("a result page's header", () => {
  test('passes the bytes through unchanged, compressed or not, in chunks of any size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 80 }), fc.boolean(), async (size, gzip) => {
        const bytes = gzip ? gzipSync(page) : Buffer.from(page);
        expect((await passThrough(bytes, gzip, ['Id', 'Name', 'Account.Name'], size)).equals(bytes)).toBe(true);
      }),
    );
  });

  test('may be cut anywhere into gzip members, some empty, and into chunks', async () => {
    const cuts = fc.array(fc.nat({ max: page.length }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(cuts, fc.integer({ min: 1, max: 200 }), async (at, size) => {
        const ends = [...at, page.length].sort((one, other) => one - other);
        const bytes = Buffer.concat(ends.map((end, index) => gzipSync(page.slice(ends[index - 1] ?? 0, end))));
        expect((await passThrough(bytes, true, ['Id', 'Name', 'Account.Name'], size)).equals(bytes)).toBe(true);
      }),
    );
  });

  test('may be longer than what is inflated at first, also if it hardly compresses', async () => {
    const columns = Array.from({ length: 800 }, (_, index) => `${randomBytes(15).toString('hex')}_${index}`);
    const wide = gzipSync(`${columns.join(',')}\n`);
    for (const size of [1_023, 1_024, 1_025, 100_000]) expect((await passThrough(wide, true, columns, size)).equals(wide)).toBe(true);
  });

  test('may be in another case, unquoted, and end in CR LF', async () => {
    await expect(passThrough(Buffer.from('id,NAME\r\n'), false, ['Id', 'Name'])).resolves.toBeDefined();
  });

  test.each([[['Id', 'Name']], [['Id', 'Name', 'Phone']], [['Id', 'Name', 'Account.Name', 'Phone']]])(
    'rejects a page whose columns are not %j',
    async (columns) => {
      await expect(passThrough(gzipSync(page), true, columns)).rejects.toMatchObject({ code: 'salesforce_refused' });
    },
  );

  test("returns the requested names in the page's order", async () => {
    const { columns } = await readPageHeader(inPieces(gzipSync(page), 7), true, ['NAME', 'account.name', 'Id'], 2);
    expect(columns).toEqual(['Id', 'NAME', 'account.name']);
  });

  test('rejects a page with a repeated column', async () => {
    await expect(passThrough(Buffer.from('Id,Id\n'), false, ['Id', 'Name'])).rejects.toMatchObject({ code: 'salesforce_refused' });
  });

  test('rejects a page that ends within its header', async () => {
    await expect(passThrough(gzipSync(page).subarray(0, 15), true, ['Id', 'Name', 'Account.Name'])).rejects.toMatchObject({
      recovery: 'retry',
    });
    await expect(passThrough(Buffer.from('"Id"'), false, ['Id'])).rejects.toMatchObject({ recovery: 'retry' });
  });

  test.each([
    ['no bytes', Buffer.alloc(0), false],
    ['no bytes, declared as gzip', Buffer.alloc(0), true],
    ['an empty gzip', gzipSync(''), true],
  ])('may be missing from a page without rows: %s', async (_what, bytes, gzip) => {
    expect((await passThrough(bytes, gzip, ['Id', 'Name'], 7, 0)).toString()).toBe('"Id","Name"\n');
    await expect(passThrough(bytes, gzip, ['Id', 'Name'], 7, 1)).rejects.toMatchObject({ recovery: 'retry' });
  });

  test.each([true, false])('rejects a page that starts with a byte order mark, to be retried (compressed: %s)', async (gzip) => {
    const marked = Buffer.from(`\uFEFF${page}`);
    const columns = ['Id', 'Name', 'Account.Name'];
    await expect(passThrough(gzip ? gzipSync(marked) : marked, gzip, columns)).rejects.toMatchObject({ recovery: 'retry' });
  });
});
