import { constants, gunzipSync } from 'node:zlib';
import { AppError } from '../errors.ts';

/** Enough for the names of 800 columns, however badly they compress. */
const MOST_BYTES = 256 * 1024;

/**
 * Passes a result page's bytes on as they are, after its header line was held against the columns that were asked for.
 * Only the first bytes are inflated. A page with another header must not be loaded: its values would stand in wrong columns.
 * @throws AppError salesforce_refused
 */
export async function* withCheckedHeader(body: AsyncIterable<Buffer>, gzip: boolean, columns: readonly string[]): AsyncGenerator<Buffer> {
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
  if (held) throw new AppError('salesforce_unavailable', 'A result page ended before its header line did.');
}

function firstLine(bytes: Buffer, gzip: boolean): string | undefined {
  // A flush in place of a finish: the input is a beginning only.
  const text = gzip ? gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }) : bytes;
  const end = text.indexOf('\n');
  return end < 0 ? undefined : text.subarray(0, end).toString('utf8').replace(/\r$/, '');
}

function requireColumns(line: string, columns: readonly string[]): void {
  // Field names hold neither quotes nor commas; their case may follow the query or the schema.
  const names = line.split(',').map((name) => name.replace(/^"|"$/g, '').toLowerCase());
  const agrees = names.length === columns.length && columns.every((column, index) => column.toLowerCase() === names[index]);
  if (!agrees) {
    throw new AppError('salesforce_refused', 'A result page has other columns than were asked for.', {
      details: { asked: columns.length, given: names.length },
    });
  }
}
