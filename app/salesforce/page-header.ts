import { constants, gunzipSync } from 'node:zlib';
import { csvLine } from '../core/csv.ts';
import { AppError } from '../errors.ts';

/** Enough for the names of 800 columns, however badly they compress. */
const MOST_BYTES = 256 * 1024;

/** Compressed, the names of some fifty columns. */
const FIRST_BYTES = 1024;

/**
 * Passes a result page's bytes on as they are, after its header line was held against the columns that were asked for.
 * Only the first bytes are inflated. A page with another header must not be loaded: its values would stand in wrong columns.
 * @param rows what the page's headers say: a page of none may come without a body, and is then passed on as its header line
 * @throws AppError salesforce_refused
 */
export async function* withCheckedHeader(
  body: AsyncIterable<Buffer>,
  gzip: boolean,
  columns: readonly string[],
  rows: number,
): AsyncGenerator<Buffer> {
  let held: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of body) {
    if (!held) {
      yield chunk;
      continue;
    }
    held = Buffer.concat([held, chunk]);
    const line = firstLine(held, gzip);
    if (line === undefined && held.length < MOST_BYTES) continue;
    requireColumns(line ?? '', columns);
    yield held;
    held = undefined;
  }
  if (!held) return;
  if (rows > 0 || inflate(held, gzip).length > 0) {
    throw new AppError('salesforce_unavailable', 'A result page ended before its header line did.');
  }
  yield Buffer.from(csvLine(columns));
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

function requireColumns(line: string, columns: readonly string[]): void {
  // Salesforce sends no byte order mark, and BigQuery may not read what follows one.
  if (line.startsWith('\uFEFF')) {
    throw new AppError('salesforce_unavailable', 'A result page begins with a byte order mark. Check that no proxy changes it.');
  }
  // Field names hold neither quotes nor commas; their case may follow the query or the schema.
  const names = line.split(',').map((name) => name.replace(/^"|"$/g, '').toLowerCase());
  const agrees = names.length === columns.length && columns.every((column, index) => column.toLowerCase() === names[index]);
  if (!agrees) {
    throw new AppError('salesforce_refused', 'A result page does not have the requested columns.', {
      details: { asked: columns.length, given: names.length },
    });
  }
}
