import { csvLine } from '../core/csv.ts';
import { type Answer, answer, type Probe } from './probe.ts';
import type { Scratch } from './scratch.ts';

const COLUMNS = ['Id', 'Value'];

/** The service's assumptions about how a load job reads a page. */
export const LOAD_PROBES: readonly Probe<Scratch>[] = [
  // BigQuery, load options, nullMarker: only another loader documents what a quoted empty value becomes.
  {
    what: 'A quoted empty value is loaded as an empty string',
    ifNot: 'The service treats both as NULL.',
    try: (scratch) => keeps(scratch, ''),
  },
  // BigQuery, preserveAsciiControlCharacters: documented to cover U+0000, but loads are reported to fail on it.
  {
    what: 'A NUL in a value loads with preserveAsciiControlCharacters',
    ifNot: 'Pages with a NUL fail to load. Remove it from the record in Salesforce.',
    try: (scratch) => keeps(scratch, 'a\0b'),
  },
  // BigQuery, allowQuotedNewlines: the documentation does not say which newlines.
  {
    what: 'CR, LF and CR LF in quoted values are preserved',
    ifNot: 'Line breaks in text may differ from those in Salesforce.',
    try: (scratch) => keeps(scratch, 'a\rb\nc\r\nd'),
  },
  // The documentation does not say whether whitespace is trimmed; an old book says that it may be if unquoted.
  {
    what: 'Leading and trailing spaces of a quoted value are preserved',
    ifNot: 'Text loses its leading and trailing spaces.',
    try: (scratch) => keeps(scratch, '  a  '),
  },
  // BigQuery, encoding: invalid UTF-8 is documented to be replaced in a file; quoted values are not mentioned.
  {
    what: 'Invalid UTF-8 bytes become U+FFFD and do not fail the load',
    ifNot: 'Pages with such bytes fail to load.',
    try: replacesBytes,
  },
  // The documentation does not say whether a newline after the last row adds a row.
  {
    what: "A load's outputRows and the table's numRows equal the page's rows exactly, right after the load",
    ifNot: 'Windows fail with count_mismatch.',
    try: countsRows,
  },
  // BigQuery, allowJaggedRows and atomic load jobs.
  { what: 'A page with a short row fails as a whole and loads nothing', ifNot: 'A malformed page may be loaded in part.', try: failsWhole },
  // BigQuery, createDisposition.
  {
    what: 'A load into a missing table fails and does not create it',
    ifNot: 'A staging table may reappear without its expiration.',
    try: createsNever,
  },
  // BigQuery, quotas: five table updates in ten seconds. Not documented whether that affects three concurrent loads.
  {
    what: 'Three concurrent loads into one table all succeed',
    ifNot: 'The service retries them later.',
    try: threeAtOnce,
  },
];

async function keeps(scratch: Scratch, value: string): Promise<Answer> {
  const stored = await scratch.storedValue(Buffer.from(value));
  return answer(stored === value, shape(stored));
}

async function replacesBytes(scratch: Scratch): Promise<Answer> {
  const stored = await scratch.storedValue(Buffer.from([0x61, 0xff, 0x62]));
  return answer(stored === 'a\ufffdb', shape(stored));
}

/** The code points of a value that we wrote ourselves. */
function shape(stored: unknown): string {
  if (typeof stored !== 'string') return stored === null ? 'NULL' : 'nothing';
  if (stored === '') return 'an empty string';
  return [...stored].map((character) => character.codePointAt(0)!.toString(16).padStart(2, '0')).join(' ');
}

async function countsRows(scratch: Scratch): Promise<Answer> {
  const table = await scratch.table(COLUMNS);
  const loaded = await scratch.loadBytes(table, COLUMNS, page(1_000));
  if (!loaded.succeeded) throw loaded.error;
  const { numRows } = (await scratch.metadata(table)) ?? {};
  return answer(loaded.job.outputRows === 1_000 && numRows === '1000', `outputRows ${loaded.job.outputRows}, numRows ${numRows}, of 1000`);
}

async function failsWhole(scratch: Scratch): Promise<Answer> {
  const table = await scratch.table(COLUMNS);
  const loaded = await scratch.loadBytes(table, COLUMNS, Buffer.concat([page(10), Buffer.from('"short"\n')]));
  const { numRows } = (await scratch.metadata(table)) ?? {};
  const how = loaded.succeeded ? 'it was loaded' : String(loaded.error.details.bigquery_reason);
  return answer(!loaded.succeeded && !loaded.passing && numRows === '0', `${how}, ${numRows} rows in the table`);
}

async function createsNever(scratch: Scratch): Promise<Answer> {
  const table = scratch.tableName();
  const loaded = await scratch.loadBytes(table, COLUMNS, page(1));
  const exists = (await scratch.metadata(table)) !== undefined;
  const how = loaded.succeeded ? 'it was loaded' : String(loaded.error.details.bigquery_reason);
  return answer(!loaded.succeeded && !exists, `${how}, and the table ${exists ? 'exists' : 'does not exist'}`);
}

async function threeAtOnce(scratch: Scratch): Promise<Answer> {
  const table = await scratch.table(COLUMNS);
  const loads = await Promise.all([1, 2, 3].map(() => scratch.loadBytes(table, COLUMNS, page(10))));
  const reasons = loads.map((load) => (load.succeeded ? 'succeeded' : String(load.error.details.bigquery_reason)));
  const { numRows } = (await scratch.metadata(table)) ?? {};
  return answer(loads.every((load) => load.succeeded) && numRows === '30', `${reasons.join(', ')}: ${numRows} of 30 rows`);
}

function page(rows: number): Buffer {
  return Buffer.from(csvLine(COLUMNS) + Array.from({ length: rows }, (_, index) => csvLine([String(index), 'x'])).join(''));
}
