import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { parse } from 'csv-parse';
import { request } from 'undici';
import type { Move } from './move.ts';
import { openResultPage } from './open-result-page.ts';
import { movePages } from './pages.ts';

const BATCH_CHARACTERS = 64 * 1024;

/** As connectors do it that read every row: inflated, parsed, written as lines of JSON, compressed anew, as quickly as gzip can. */
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

/** A stream that was given each line by itself would cost as much again. */
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
