// A stand-in for Salesforce's result pages: the same page, as many times as the job's ID says. Arguments: its rows and columns.
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createPage } from './fake-page.ts';
import { PAGE_HEADERS } from './pages.ts';

const PIECE_BYTES = 16 * 1024;

const [rows = 0, columns = 0] = process.argv.slice(2).map(Number);
const page = createPage(rows, columns);

const server = createServer((request, response) => {
  const url = new URL(request.url!, 'http://localhost');
  const pages = Number(/\/jobs\/query\/(\d+)\/results$/.exec(url.pathname)?.[1]);
  const next = Number(url.searchParams.get('locator')) + 1;
  send(response, next < pages ? String(next) : 'null').catch(() => response.destroy());
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
process.send!({ url: `http://127.0.0.1:${port}`, columns: page.columns, bytes: page.body.length });
process.once('disconnect', () => process.exit());

/** Salesforce streams a page without a Content-Length. */
async function send(response: ServerResponse, locator: string): Promise<void> {
  response.writeHead(200, {
    'Content-Type': 'text/csv',
    'Content-Encoding': 'gzip',
    'Transfer-Encoding': 'chunked',
    [PAGE_HEADERS.locator]: locator,
    [PAGE_HEADERS.rows]: rows,
  });
  await pipeline(Readable.from(pieces()), response);
}

function* pieces(): Generator<Buffer> {
  for (let start = 0; start < page.body.length; start += PIECE_BYTES) yield page.body.subarray(start, start + PIECE_BYTES);
}
