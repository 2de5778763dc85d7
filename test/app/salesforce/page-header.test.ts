import { gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readHeader } from '../../../app/salesforce/page-header.ts';

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function pass(bytes: Buffer, gzip: boolean, columns: string[], size = 7, rows = 2): Promise<Buffer> {
  const parts: Buffer[] = [];
  const { content } = await readHeader(inPieces(bytes, size), gzip, columns, rows);
  for await (const part of content) parts.push(part);
  return Buffer.concat(parts);
}

const page = '"Id","Name","Account.Name"\n"001","a, ""b""\nc","d"\n';

describe("a result page's header", () => {
  test('lets the very same bytes pass, compressed or not, however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 80 }), fc.boolean(), async (size, gzip) => {
        const bytes = gzip ? gzipSync(page) : Buffer.from(page);
        expect((await pass(bytes, gzip, ['Id', 'Name', 'Account.Name'], size)).equals(bytes)).toBe(true);
      }),
    );
  });

  test('may be written in another case, without quotes, and end in CR LF', async () => {
    await expect(pass(Buffer.from('id,NAME\r\n'), false, ['Id', 'Name'])).resolves.toBeDefined();
  });

  test.each([[['Id', 'Name']], [['Id', 'Name', 'Phone']], [['Id', 'Name', 'Account.Name', 'Phone']]])(
    'stops a page whose columns are not %j',
    async (columns) => {
      await expect(pass(gzipSync(page), true, columns)).rejects.toMatchObject({ code: 'salesforce_refused' });
    },
  );

  test('has the requested columns in any order, as they were requested', async () => {
    const { columns } = await readHeader(inPieces(gzipSync(page), 7), true, ['NAME', 'account.name', 'Id'], 2);
    expect(columns).toEqual(['Id', 'NAME', 'account.name']);
  });

  test('stops a page that has a column twice', async () => {
    await expect(pass(Buffer.from('Id,Id\n'), false, ['Id', 'Name'])).rejects.toMatchObject({ code: 'salesforce_refused' });
  });

  test('stops a page that ends before its header does', async () => {
    await expect(pass(gzipSync(page).subarray(0, 15), true, ['Id', 'Name', 'Account.Name'])).rejects.toMatchObject({ recovery: 'retry' });
    await expect(pass(Buffer.from('"Id"'), false, ['Id'])).rejects.toMatchObject({ recovery: 'retry' });
  });

  test.each([
    ['no bytes', Buffer.alloc(0), false],
    ['no bytes, said to be compressed', Buffer.alloc(0), true],
    ['nothing, compressed', gzipSync(''), true],
  ])('of a page without rows may be missing: %s', async (_what, bytes, gzip) => {
    expect((await pass(bytes, gzip, ['Id', 'Name'], 7, 0)).toString()).toBe('"Id","Name"\n');
    await expect(pass(bytes, gzip, ['Id', 'Name'], 7, 1)).rejects.toMatchObject({ recovery: 'retry' });
  });

  test.each([true, false])('stops a page that begins with a byte order mark, to be fetched again (compressed: %s)', async (gzip) => {
    const marked = Buffer.from(`\uFEFF${page}`);
    const columns = ['Id', 'Name', 'Account.Name'];
    await expect(pass(gzip ? gzipSync(marked) : marked, gzip, columns)).rejects.toMatchObject({ recovery: 'retry' });
  });
});
