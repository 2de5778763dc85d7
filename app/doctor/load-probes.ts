import { csvLine } from '../core/csv.ts';
import { type Answer, answer, type Probe } from './probe.ts';
import type { Scratch } from './scratch.ts';

const COLUMNS = ['Id', 'Value'];

/** What the service takes for granted of how a load job reads a page. */
export const LOAD_PROBES: readonly Probe<Scratch>[] = [
  // BigQuery, load options, nullMarker: what a quoted empty value becomes is documented by another loader only.
  {
    what: 'A quoted empty value is loaded as an empty text',
    ifNot: 'It is taken for NULL either way.',
    try: (scratch) => keeps(scratch, ''),
  },
  // BigQuery, preserveAsciiControlCharacters: that it covers U+0000 is said there, and held against reports of failing loads.
  {
    what: 'A NUL in a value is loaded, with preserveAsciiControlCharacters',
    ifNot: 'Pages with NUL in a text fail: take it out of the record in Salesforce.',
    try: (scratch) => keeps(scratch, 'a\0b'),
  },
  // BigQuery, allowQuotedNewlines: the documentation names newlines, not which.
  {
    what: 'CR, LF and CR LF between quotes stay as they are',
    ifNot: 'Line breaks in texts may differ from those in Salesforce.',
    try: (scratch) => keeps(scratch, 'a\rb\nc\r\nd'),
  },
  // BigQuery's documentation does not say whether blanks are trimmed; an old book says those without quotes may be.
  {
    what: 'Blanks at the ends of a quoted value stay',
    ifNot: 'Texts lose the blanks at their ends.',
    try: (scratch) => keeps(scratch, '  a  '),
  },
  // BigQuery, encoding: that bytes which are not UTF-8 are replaced is documented for the file, not said of quoted values.
  {
    what: 'Bytes that are not UTF-8 become U+FFFD and fail nothing',
    ifNot: 'Pages with such bytes fail.',
    try: replacesBytes,
  },
  // BigQuery's documentation does not say whether a line end after the last row makes one more.
  {
    what: "A load's outputRows and the table's numRows are the page's rows, at once and exactly",
    ifNot: 'Windows fail by count_mismatch.',
    try: countsRows,
  },
  // BigQuery, allowJaggedRows and atomic load jobs.
  { what: 'A page with a short row fails as a whole and leaves nothing', ifNot: 'A broken page may be loaded in part.', try: failsWhole },
  // BigQuery, createDisposition.
  {
    what: 'A load into a table that is gone fails and does not make it',
    ifNot: 'A staging table may come back without its expiry.',
    try: createsNever,
  },
  // BigQuery, quotas: five changes of a table in ten seconds; whether they refuse three loads at once is not documented.
  {
    what: 'Three loads at once into one table all succeed',
    ifNot: 'They are tried again, later.',
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

/** The code points of our own texts. */
function shape(stored: unknown): string {
  if (typeof stored !== 'string') return stored === null ? 'NULL' : 'nothing';
  if (stored === '') return 'an empty text';
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
  return answer(!loaded.succeeded && !loaded.passing && numRows === '0', `${how}, ${numRows} rows left`);
}

async function createsNever(scratch: Scratch): Promise<Answer> {
  const table = scratch.tableName();
  const loaded = await scratch.loadBytes(table, COLUMNS, page(1));
  const made = (await scratch.metadata(table)) !== undefined;
  const how = loaded.succeeded ? 'it was loaded' : String(loaded.error.details.bigquery_reason);
  return answer(!loaded.succeeded && !made, `${how}, ${made ? 'and there is a table' : 'and there is no table'}`);
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
