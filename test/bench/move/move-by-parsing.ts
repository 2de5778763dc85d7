import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { parse } from 'csv-parse';
import { request } from 'undici';
import type { Move } from './move.ts';
import { openResultPage } from './open-result-page.ts';
import { movePages } from './pages.ts';

const BATCH_CHARACTERS = 64 * 1024;

/** What connectors do that parse every row: decompress, parse, write JSON lines, compress again with gzip's fastest level. */
export const move: Move = async (errand, dispatcher) => {
  return await movePages(async (locator) => {
    const { body, ...page } = await openResultPage(errand, locator, dispatcher);
    const put = async (): Promise<void> => {
      const compressed = createGzip({ level: 1 });
      const uploaded = request(`${errand.sinkUrl}/plain`, { dispatcher, method: 'PUT', body: compressed });
      await pipeline(body, createGunzip(), parse({ columns: true }), inBatches, compressed);
      await (await uploaded).body.dump();
    };
    return { ...page, move: put };
  });
};

/** Writing each line to the stream separately would double the cost. */
async function* inBatches(records: AsyncIterable<object>): AsyncGenerator<string> {
  let lines = '';
  for await (const record of records) {
    lines += `${JSON.stringify(record)}\n`;
    if (lines.length < BATCH_CHARACTERS) continue;
    yield lines;
    lines = '';
  }
  yield lines;
}
