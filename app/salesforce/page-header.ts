import { Readable } from 'node:stream';
import { constants, gunzipSync } from 'node:zlib';
import { csvLine } from '../core/csv.ts';
import { AppError } from '../errors.ts';

/** Enough for the names of 800 columns, however badly they compress. */
const MAX_BYTES = 256 * 1024;

/** Compressed, the names of some fifty columns. */
const FIRST_BYTES = 1024;

/** A result page whose header line was read. */
export interface PageContent {
  /** the requested columns in the order in which the page has them */
  columns: string[];
  /** the whole page, as it came */
  content: AsyncIterable<Buffer>;
}

/**
 * Reads the header line of a result page, whose bytes are passed on as they are. Only the first of them are inflated. A page must have the
 * requested columns, and may have them in any order.
 * @param rows what the page's headers say: a page of none may come without a body, and is then passed on as its header line
 * @throws AppError salesforce_refused for a page with other columns
 */
export async function readHeader(
  body: AsyncIterable<Buffer>,
  gzip: boolean,
  requested: readonly string[],
  rows: number,
): Promise<PageContent> {
  const chunks = body[Symbol.asyncIterator]();
  try {
    let start: Buffer = Buffer.alloc(0);
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
      start = Buffer.concat([start, next.value]);
      const line = firstLine(start, gzip);
      if (line === undefined && start.length < MAX_BYTES) continue;
      return { columns: columnsOf(line ?? '', requested), content: followedBy(start, chunks) };
    }
    if (rows === 0 && inflate(start, gzip).length === 0) return headerOnly(requested);
    throw new AppError('salesforce_unavailable', 'A result page ended before its header line did.');
  } catch (error) {
    await chunks.return?.();
    throw error;
  }
}

function headerOnly(columns: readonly string[]): PageContent {
  return { columns: [...columns], content: Readable.from([Buffer.from(csvLine(columns))]) };
}

async function* followedBy(start: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield start;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  } finally {
    // Where the page is not read to its end, its source is closed.
    await chunks.return?.();
  }
}

/** Of the first bytes only: the line is short, and a whole chunk is a hundred times as much text. */
function firstLine(bytes: Buffer, gzip: boolean): string | undefined {
  for (let length = FIRST_BYTES; ; length *= 4) {
    const start = bytes.subarray(0, length);
    const text = inflate(start, gzip);
    const end = text.indexOf('\n');
    if (end >= 0) return text.subarray(0, end).toString('utf8').replace(/\r$/, '');
    if (length >= bytes.length) return undefined;
  }
}

/** The text of a page's beginning. */
function inflate(start: Buffer, gzip: boolean): Buffer {
  // A flush in place of a finish: the input is a beginning only.
  return gzip && start.length > 0 ? gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH }) : start;
}

/** The requested columns in a header line's order. */
function columnsOf(line: string, requested: readonly string[]): string[] {
  // Salesforce sends no byte order mark, and BigQuery may not read what follows one.
  if (line.startsWith('\uFEFF')) {
    throw new AppError('salesforce_unavailable', 'A result page begins with a byte order mark. Check that no proxy changes it.');
  }
  // Field names hold neither quotes nor commas; their case may follow the query or the schema.
  const names = line.split(',').map((name) => name.replace(/^"|"$/g, '').toLowerCase());
  const spelled = new Map(requested.map((column) => [column.toLowerCase(), column]));
  const columns = names.flatMap((name) => spelled.get(name) ?? []);
  if (columns.length === names.length && new Set(columns).size === requested.length && names.length === requested.length) return columns;
  throw new AppError('salesforce_refused', 'A result page does not have the requested columns.', {
    details: { asked: requested.length, given: names.length },
  });
}
