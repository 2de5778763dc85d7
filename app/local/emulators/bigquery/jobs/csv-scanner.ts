import { isUtf8 } from 'node:buffer';
import { Transform, type TransformCallback } from 'node:stream';
import { ApiError } from '../rest/api-error.ts';

export interface CsvRules {
  delimiter: string;
  /** Empty: values are never quoted. */
  quote: string;
  skipLeadingRows: number;
  allowQuotedNewlines: boolean;
  preserveAsciiControlCharacters: boolean;
  /** Names of the columns; every row must have this many values. */
  columns: string[];
}

const [LF, CR, NUL] = [0x0a, 0x0d, 0x00];
const STATE = { fieldStart: 0, unquoted: 1, quoted: 2, quoteInQuoted: 3 } as const;
type State = (typeof STATE)[keyof typeof STATE];

/**
 * Rewrites CSV for DuckDB, with records ended by LF and without the leading rows, and fails where BigQuery's parser does:
 * rows of the wrong width, unclosed quotes or quotes inside a value, and line breaks in quotes or NUL bytes that are not allowed.
 * Empty lines are dropped; whether BigQuery does so too is not confirmed.
 */
export class CsvScanner extends Transform {
  /** Counts of the output. */
  records = 0;
  maxRecordLength = 0;
  readonly #rules: CsvRules;
  readonly #delimiter: number;
  readonly #quote: number;
  #state: State = STATE.fieldStart;
  #fields = 1;
  #line = 1;
  #recordLine = 1;
  #position = 0;
  #recordStart = 0;
  #skip: number;
  #afterCr = false;

  constructor(rules: CsvRules) {
    super();
    this.#rules = rules;
    this.#delimiter = rules.delimiter.charCodeAt(0);
    this.#quote = rules.quote === '' ? -1 : rules.quote.charCodeAt(0);
    this.#skip = rules.skipLeadingRows;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      this.#scan(chunk);
      this.#position += chunk.length;
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    try {
      if (this.#state === STATE.quoted) throw this.#failure('Missing close quote character (").', this.#position);
      if (this.#position > this.#recordStart) {
        const kept = this.#endRecord(this.#position);
        if (kept) this.push('\n');
      }
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  #scan(chunk: Buffer): void {
    let from = 0;
    const flush = (to: number) => {
      if (this.#skip === 0 && to > from) this.push(chunk.subarray(from, to));
    };
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at]!;
      const isBreak = byte === LF || byte === CR;
      if (isBreak && this.#state !== STATE.quoted) {
        flush(at);
        from = at + 1;
        this.#lineBreak(byte, this.#position + at);
        continue;
      }
      this.#afterCr = false;
      if (byte === LF || byte === NUL) this.#checkByte(byte, this.#position + at);
      this.#step(byte, this.#position + at);
    }
    flush(chunk.length);
  }

  /** CR, LF and CR LF all end a record outside quotes. */
  #lineBreak(byte: number, at: number): void {
    if (byte === LF && this.#afterCr) {
      this.#afterCr = false;
      this.#recordStart = at + 1;
      return;
    }
    this.#afterCr = byte === CR;
    this.#line += 1;
    const isEmpty = at === this.#recordStart;
    const kept = !isEmpty && this.#endRecord(at);
    if (kept) this.push('\n');
    this.#recordStart = at + 1;
    this.#recordLine = this.#line;
    this.#fields = 1;
    this.#state = STATE.fieldStart;
  }

  #endRecord(at: number): boolean {
    if (this.#skip > 0) {
      this.#skip -= 1;
      return false;
    }
    const { columns } = this.#rules;
    if (this.#fields < columns.length)
      throw this.#failure(`Too few columns in row: expected ${columns.length} but got ${this.#fields}.`, at);
    if (this.#fields > columns.length)
      throw this.#failure(`Too many values in row: expected ${columns.length} but got ${this.#fields}.`, at);
    this.records += 1;
    this.maxRecordLength = Math.max(this.maxRecordLength, at - this.#recordStart);
    return true;
  }

  #checkByte(byte: number, at: number): void {
    if (byte === NUL && !this.#rules.preserveAsciiControlCharacters) throw this.#failure('Bad character (ASCII 0) encountered.', at);
    if (byte !== LF) return;
    this.#line += 1;
    if (!this.#rules.allowQuotedNewlines) throw this.#failure('Missing close quote character (").', at);
  }

  #step(byte: number, at: number): void {
    if (this.#state === STATE.quoted) {
      if (byte === this.#quote) this.#state = STATE.quoteInQuoted;
    } else if (byte === this.#delimiter) {
      this.#fields += 1;
      this.#state = STATE.fieldStart;
    } else if (this.#state === STATE.quoteInQuoted) {
      if (byte !== this.#quote) throw this.#failure('Data between close quote character (") and field separator.', at);
      this.#state = STATE.quoted;
    } else if (byte === this.#quote) {
      if (this.#state !== STATE.fieldStart) throw this.#failure('Quote character (") inside a value that is not quoted.', at);
      this.#state = STATE.quoted;
    } else this.#state = STATE.unquoted;
  }

  #failure(what: string, at: number): ApiError {
    const column = Math.min(this.#fields, this.#rules.columns.length) - 1;
    const place = `line_number: ${this.#recordLine} byte_offset_to_start_of_line: ${this.#recordStart}`;
    const named = `column_index: ${column} column_name: "${this.#rules.columns[column] ?? ''}" column_type: STRING`;
    return tooManyErrors(`${what}; ${place} ${named} File: uploaded, byte ${at}`, this.records + 1);
  }
}

/** The final error of a load with a bad row, because no bad rows are allowed. */
export function tooManyErrors(detail: string, rows: number): ApiError {
  const summary = `Error while reading data, error message: CSV processing encountered too many errors, giving up. Rows: ${rows}; errors: 1; max bad: 0; error percent: 0`;
  const final = `Error while reading data, error message: CSV table encountered too many errors, giving up. Rows: ${rows}; errors: 1. Please look into the errors[] collection for more details.`;
  const details = [summary, `Error while reading data, error message: ${detail}`].map((message) => ({ reason: 'invalid', message }));
  return new ApiError('invalid', final, { details });
}

/** Invalid UTF-8 silently becomes U+FFFD, as in BigQuery. */
export class Utf8Repair extends Transform {
  #rest = Buffer.alloc(0);

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    const whole = bytes.length - unfinishedBytes(bytes);
    this.#rest = Buffer.from(bytes.subarray(whole));
    done(null, repaired(bytes.subarray(0, whole)));
  }

  override _flush(done: TransformCallback): void {
    done(null, repaired(this.#rest));
  }
}

const repaired = (bytes: Buffer) => (isUtf8(bytes) ? bytes : Buffer.from(bytes.toString('utf8')));

/** The number of trailing bytes that start a character which continues in the next chunk. */
function unfinishedBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return back < (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) ? back : 0;
  }
  return 0;
}
