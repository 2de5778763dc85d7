import { createReadStream, createWriteStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { DuckDBConnection } from '@duckdb/node-api';
import { ApiError } from '../rest/api-error.ts';
import { isApiError } from '../rest/http.ts';
import type { Service } from '../service.ts';
import { type ColumnType, type Field, quoted, text, typeOfField, typeText } from '../storage/column-type.ts';
import { queryRows, type Transaction } from '../storage/database.ts';
import { openDestination } from '../storage/destination.ts';
import { storedSql, tableKey } from '../storage/table.ts';
import { type CsvRules, CsvScanner, tooManyErrors, Utf8Repair } from './csv-scanner.ts';
import type { Job, LoadConfiguration } from './job.ts';

/** Settings that would change what is loaded, with the values that are equivalent to omitting them. */
const UNKNOWN_SETTINGS: Record<string, unknown[]> = {
  autodetect: [false],
  allowJaggedRows: [false],
  ignoreUnknownValues: [false],
  maxBadRecords: [0, '0'],
  encoding: ['UTF-8', 'UTF8'],
  nullMarker: [''],
  nullMarkers: [],
  sourceColumnMatch: ['POSITION', 'SOURCE_COLUMN_MATCH_UNSPECIFIED'],
  schemaUpdateOptions: [],
  timePartitioning: [],
  clustering: [],
  sourceUris: [],
  dateFormat: [],
  datetimeFormat: [],
  timeFormat: [],
  timestampFormat: [],
  timeZone: ['UTC'],
};

/** Immediately rejects loads that the emulator does not support. Throws `invalid`, which the upload returns. */
export function checkLoad(load: LoadConfiguration): void {
  const { datasetId, tableId } = load.destinationTable ?? {};
  if (!datasetId || !tableId) throw new ApiError('required', 'Required parameter is missing: destinationTable');
  if ((load.sourceFormat ?? 'CSV').toUpperCase() !== 'CSV')
    throw new ApiError('invalid', `The local BigQuery loads only CSV, not ${load.sourceFormat}`);
  for (const [name, same] of Object.entries(UNKNOWN_SETTINGS)) {
    const value = load[name];
    const isAbsent = value === undefined || value === null || (Array.isArray(value) && value.length === 0);
    if (!isAbsent && !same.includes(value))
      throw new ApiError('invalid', `The local BigQuery does not support ${name}: ${JSON.stringify(value)} in a load`);
  }
}

/** Loads the uploaded file into the job's table, all or nothing, and fills in the job's statistics. */
export async function runLoad(service: Service, job: Job, transaction: Transaction): Promise<void> {
  const load = job.resource.configuration.load!;
  const reference = { datasetId: load.destinationTable!.datasetId!, tableId: load.destinationTable!.tableId! };
  service.catalog.datasetIn(reference.datasetId, job.resource.jobReference.location);
  const entry = await openDestination(service, transaction, reference, load.schema?.fields, load);
  const fields = load.schema?.fields ?? entry.resource.schema.fields;
  const plain = `${job.input!.file}.csv`;
  try {
    await failOnGzip(service, job);
    const scanned = await scan(job.input!.file, plain, rulesOf(load, fields));
    if (scanned.records > 0) await insertRows(transaction.connection, entry.stored!, fields, plain, load, scanned);
    const properties = service.catalog.findTable(reference) ? {} : (load.destinationTableProperties ?? {});
    await service.catalog.putTable(transaction, { ...entry, resource: { ...entry.resource, ...properties } });
    job.resource.statistics.load = {
      inputFiles: '1',
      inputFileBytes: String((await stat(job.input!.file)).size),
      outputRows: String(scanned.records),
      outputBytes: String(scanned.bytes),
      badRecords: '0',
    };
  } finally {
    await rm(plain, { force: true });
  }
}

/** The table that a load changes. */
export const loadTarget = (load: LoadConfiguration) =>
  tableKey({ datasetId: load.destinationTable!.datasetId!, tableId: load.destinationTable!.tableId! });

function rulesOf(load: LoadConfiguration, fields: Field[]): CsvRules {
  const delimiter =
    load.fieldDelimiter === undefined || load.fieldDelimiter === '' ? ',' : load.fieldDelimiter.replace(/^(\\t|tab)$/i, '\t');
  const quote = load.quote ?? '"';
  for (const [name, sign] of Object.entries({ fieldDelimiter: delimiter, quote })) {
    if (sign.length > 1 || sign > '\x7f')
      throw new ApiError('invalid', `The local BigQuery supports only a single ASCII character as ${name}, not ${JSON.stringify(sign)}`);
  }
  return {
    delimiter,
    quote,
    skipLeadingRows: Number(load.skipLeadingRows ?? 0),
    allowQuotedNewlines: load.allowQuotedNewlines === true,
    preserveAsciiControlCharacters: load.preserveAsciiControlCharacters === true,
    columns: fields.map((field) => field.name),
  };
}

interface Scanned {
  records: number;
  bytes: number;
  maxRecordLength: number;
}

/** Decompresses gzip, detected by its first bytes, whatever its name. */
async function scan(from: string, to: string, rules: CsvRules): Promise<Scanned> {
  const scanner = new CsvScanner(rules);
  const source = createReadStream(from);
  const output = createWriteStream(to);
  try {
    if (await isGzip(from)) await pipeline(source, createGunzip(), new Utf8Repair(), scanner, output);
    else await pipeline(source, new Utf8Repair(), scanner, output);
  } catch (error) {
    if (isApiError(error)) throw error;
    const { message } = error as Error;
    throw new ApiError('invalid', `Error while reading data, error message: the file cannot be read as gzip: ${message}`, { cause: error });
  }
  return { records: scanner.records, bytes: output.bytesWritten, maxRecordLength: scanner.maxRecordLength };
}

/** The fault of a BigQuery that does not check the first bytes. */
async function failOnGzip(service: Service, job: Job): Promise<void> {
  if ((await isGzip(job.input!.file)) && service.faults.take('gzip-unknown', job.resource.jobReference.jobId)) {
    throw tooManyErrors('Bad character (ASCII 0) encountered.', 0);
  }
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}

async function insertRows(
  connection: DuckDBConnection,
  stored: string,
  fields: Field[],
  file: string,
  load: LoadConfiguration,
  scanned: Scanned,
): Promise<void> {
  const rules = rulesOf(load, fields);
  const columns = fields.map((_, index) => `'c${index}': 'VARCHAR'`).join(', ');
  const options = [
    `columns = {${columns}}`,
    `auto_detect = false, header = false, strict_mode = true, null_padding = false, parallel = false, compression = 'none'`,
    `delim = ${text(rules.delimiter)}, quote = ${text(rules.quote)}, escape = ${text(rules.quote)}, new_line = '\\n', comment = ''`,
    // A quoted empty value is an empty string, an unquoted one is NULL.
    `nullstr = '', allow_quoted_nulls = false`,
    `max_line_size = ${Math.max(2_000_000, scanned.maxRecordLength + 16)}`,
  ];
  const values = fields.map((field, index) => readColumn(`c${index}`, field, index));
  const names = fields.map((field) => quoted(field.name)).join(', ');
  const sql = `INSERT INTO ${storedSql(stored)} (${names}) SELECT ${values.join(', ')} FROM read_csv(${text(file)}, ${options.join(', ')})`;
  try {
    const [row] = await queryRows(connection, sql);
    if (Number(row?.[0]) !== scanned.records)
      throw new ApiError('internalError', `The local BigQuery read ${row?.[0]} of ${scanned.records} CSV records`);
  } catch (error) {
    throw isApiError(error) ? error : badValue(error as Error, scanned.records);
  }
}

const BAD_VALUE = 'Could not parse ';

/** Literals that CSV accepts for a BOOL and SQL does not. */
const CSV_BOOL = `CASE WHEN lower(%) IN ('true', 't', 'yes', 'y', '1') THEN true WHEN lower(%) IN ('false', 'f', 'no', 'n', '0') THEN false END`;

function readColumn(column: string, field: Field, position: number): string {
  const type: ColumnType = typeOfField(field);
  if (type.name === 'STRING') return column;
  if (type.name === 'ARRAY' || type.name === 'STRUCT' || type.name === 'NULL')
    throw new ApiError('invalid', `Field ${field.name} is type ${field.type}, which CSV cannot represent`);
  const read =
    type.name === 'BOOL'
      ? CSV_BOOL.replaceAll('%', column)
      : type.name === 'BYTES'
        ? `TRY(from_base64(${column}))`
        : `bq_${type.name.toLowerCase()}(${column})`;
  const message = `${BAD_VALUE}as ${typeText(type)} for field ${field.name} (position ${position}): `;
  return `bq_or_fail(nullif(${column}, ''), ${read}, ${text(message)})`;
}

function badValue(error: Error, rows: number): ApiError {
  const required = /NOT NULL constraint failed: [^.]*\.(.*)/.exec(error.message);
  if (required) return tooManyErrors(`Required column value for column ${required[1]} is missing`, rows);
  const at = error.message.indexOf(BAD_VALUE);
  return tooManyErrors(at >= 0 ? error.message.slice(at) : error.message, rows);
}
