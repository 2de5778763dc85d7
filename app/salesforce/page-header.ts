import { finished, Readable } from 'node:stream';
import { constants, gunzipSync } from 'node:zlib';
import { csvLine } from '../core/csv.ts';
import { AppError } from '../errors.ts';

/** Enough for the names of 800 columns, even if they barely compress. */
const MAX_BYTES = 256 * 1024;

/** About fifty column names, compressed. */
const FIRST_BYTES = 1024;

/** A result page whose header line has been read. */
export interface PageContent {
  /** the requested columns in the page's order */
  columns: string[];
  /** the whole page as received */
  content: Readable;
}

/**
 * Reads the header line of a result page and leaves its bytes unread, inflating only the first of them. A page must have exactly the
 * requested columns, in any order.
 * @param rows from the page's headers; an empty page may have no body, in which case the content is a header line only
 * @throws AppError salesforce_refused if the columns differ, salesforce_unavailable if the page is malformed
 */
export async function readPageHeader(body: Readable, gzip: boolean, requested: readonly string[], rows: number): Promise<PageContent> {
  try {
    let start: Buffer = Buffer.alloc(0);
    do {
      for (let piece = body.read() as Buffer | null; piece; piece = body.read() as Buffer | null) {
        start = start.length === 0 ? piece : Buffer.concat([start, piece]);
        const line = firstLine(start, gzip);
        if (line === undefined && start.length < MAX_BYTES) continue;
        const columns = columnsOf(line ?? '', requested);
        // In the same tick as the read, before the body can end.
        body.unshift(start);
        return { columns, content: body };
      }
    } while (await hasMore(body));
    if (rows === 0 && inflate(start, gzip).length === 0) return headerOnlyPage(requested);
    throw new AppError('salesforce_unavailable', 'Salesforce returned a result page with an incomplete header line.');
  } catch (error) {
    // An unread body that is destroyed emits an error, which is fatal without a listener.
    body.on('error', () => {}).destroy();
    throw error;
  }
}

/** Waits for more bytes. @returns false at the end @throws the body's error */
async function hasMore(body: Readable): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const readable = (): void => resolve(true);
  const stopWatching = finished(body, { writable: false }, (error) => (error ? reject(error) : resolve(false)));
  body.once('readable', readable);
  try {
    return await promise;
  } finally {
    stopWatching();
    body.off('readable', readable);
  }
}

function headerOnlyPage(columns: readonly string[]): PageContent {
  return { columns: [...columns], content: Readable.from([Buffer.from(csvLine(columns))]) };
}

/** Inflates as little as possible: the line is short, and a whole chunk inflates to a hundred times as much text. */
function firstLine(bytes: Buffer, gzip: boolean): string | undefined {
  for (let length = FIRST_BYTES; ; length *= 4) {
    const start = bytes.subarray(0, length);
    const text = inflate(start, gzip);
    const end = text.indexOf('\n');
    if (end >= 0) return text.subarray(0, end).toString('utf8').replace(/\r$/, '');
    if (length >= bytes.length) return undefined;
  }
}

/** The text of the start of a page. */
function inflate(start: Buffer, gzip: boolean): Buffer {
  if (!gzip || start.length === 0) return start;
  try {
    // Flush instead of finish, because the input is truncated.
    return gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (error) {
    throw new AppError('salesforce_unavailable', 'Salesforce returned a malformed result page: it is not valid gzip.', { cause: error });
  }
}

/** The requested columns in the order of a header line. */
function columnsOf(line: string, requested: readonly string[]): string[] {
  // Salesforce sends no byte order mark, and BigQuery may not handle one.
  if (line.startsWith('\uFEFF')) {
    throw new AppError('salesforce_unavailable', 'A result page starts with a byte order mark. Check that no proxy modifies it.');
  }
  // Field names contain neither quotes nor commas; their case may follow the query or the schema.
  const names = line.split(',').map((name) => name.replace(/^"|"$/g, '').toLowerCase());
  const spelled = new Map(requested.map((column) => [column.toLowerCase(), column]));
  const columns = names.flatMap((name) => spelled.get(name) ?? []);
  if (columns.length === names.length && new Set(columns).size === requested.length && names.length === requested.length) return columns;
  throw new AppError('salesforce_refused', 'Salesforce returned a result page with columns other than those requested.', {
    details: { requested: requested.length, returned: names.length },
  });
}
