import { csvLine } from '../core/csv.ts';
import { type Probe, type ProbeResult, toResult } from './probe.ts';
import type { ScratchDataset } from './scratch-dataset.ts';

const COLUMNS = ['Id', 'Value'];

/** The service's assumptions about how a load job reads a page. */
export const LOAD_PROBES: readonly Probe<ScratchDataset>[] = [
  // BigQuery, load options, nullMarker: only another loader documents what a quoted empty value becomes.
  {
    assumption: 'A quoted empty value is loaded as an empty string',
    consequence: 'The service treats both as NULL.',
    run: (scratch) => checkStoredValue(scratch, ''),
  },
  // BigQuery, preserveAsciiControlCharacters: documented to cover U+0000, but loads are reported to fail on it.
  {
    assumption: 'A NUL in a value loads with preserveAsciiControlCharacters',
    consequence: 'Pages with a NUL fail to load. Remove it from the record in Salesforce.',
    run: (scratch) => checkStoredValue(scratch, 'a\0b'),
  },
  // BigQuery, allowQuotedNewlines: the documentation does not say which newlines.
  {
    assumption: 'CR, LF and CR LF in quoted values are preserved',
    consequence: 'Line breaks in text may differ from those in Salesforce.',
    run: (scratch) => checkStoredValue(scratch, 'a\rb\nc\r\nd'),
  },
  // The documentation does not say whether whitespace is trimmed; an old book says that it may be if unquoted.
  {
    assumption: 'Leading and trailing spaces of a quoted value are preserved',
    consequence: 'Text loses its leading and trailing spaces.',
    run: (scratch) => checkStoredValue(scratch, '  a  '),
  },
  // BigQuery, encoding: invalid UTF-8 is documented to be replaced in a file; quoted values are not mentioned.
  {
    assumption: 'Invalid UTF-8 bytes become U+FFFD and do not fail the load',
    consequence: 'Pages with such bytes fail to load.',
    run: checkInvalidUtf8,
  },
  // The documentation does not say whether a newline after the last row adds a row.
  {
    assumption: "A load's outputRows and the table's numRows equal the page's rows exactly, right after the load",
    consequence: 'Windows fail with count_mismatch.',
    run: checkRowCounts,
  },
  // BigQuery, allowJaggedRows and atomic load jobs.
  {
    assumption: 'A page with a short row fails as a whole and loads nothing',
    consequence: 'A malformed page may be loaded in part.',
    run: checkShortRow,
  },
  // BigQuery, createDisposition.
  {
    assumption: 'A load into a missing table fails and does not create it',
    consequence: 'A staging table may reappear without its expiration.',
    run: checkMissingTable,
  },
  // BigQuery, quotas: five table updates in ten seconds. Not documented whether that affects three concurrent loads.
  {
    assumption: 'Three concurrent loads into one table all succeed',
    consequence: 'The service retries them later.',
    run: checkConcurrentLoads,
  },
];

async function checkStoredValue(scratch: ScratchDataset, value: string): Promise<ProbeResult> {
  const stored = await scratch.storedValue(Buffer.from(value));
  return toResult(stored === value, describeValue(stored));
}

async function checkInvalidUtf8(scratch: ScratchDataset): Promise<ProbeResult> {
  const stored = await scratch.storedValue(Buffer.from([0x61, 0xff, 0x62]));
  return toResult(stored === 'a\ufffdb', describeValue(stored));
}

/** The code points of a value that we wrote ourselves. */
function describeValue(stored: unknown): string {
  if (typeof stored !== 'string') return stored === null ? 'NULL' : 'nothing';
  if (stored === '') return 'an empty string';
  return [...stored].map((character) => character.codePointAt(0)!.toString(16).padStart(2, '0')).join(' ');
}

async function checkRowCounts(scratch: ScratchDataset): Promise<ProbeResult> {
  const table = await scratch.table(COLUMNS);
  const loaded = await scratch.loadBytes(table, COLUMNS, page(1_000));
  if (!loaded.succeeded) throw loaded.error;
  const { numRows } = (await scratch.metadata(table)) ?? {};
  return toResult(
    loaded.job.outputRows === 1_000 && numRows === '1000',
    `outputRows ${loaded.job.outputRows}, numRows ${numRows}, of 1000`,
  );
}

async function checkShortRow(scratch: ScratchDataset): Promise<ProbeResult> {
  const table = await scratch.table(COLUMNS);
  const loaded = await scratch.loadBytes(table, COLUMNS, Buffer.concat([page(10), Buffer.from('"short"\n')]));
  const { numRows } = (await scratch.metadata(table)) ?? {};
  const how = loaded.succeeded ? 'it was loaded' : String(loaded.error.details.bigquery_reason);
  return toResult(!loaded.succeeded && !loaded.transient && numRows === '0', `${how}, ${numRows} rows in the table`);
}

async function checkMissingTable(scratch: ScratchDataset): Promise<ProbeResult> {
  const table = scratch.tableName();
  const loaded = await scratch.loadBytes(table, COLUMNS, page(1));
  const exists = (await scratch.metadata(table)) !== undefined;
  const how = loaded.succeeded ? 'it was loaded' : String(loaded.error.details.bigquery_reason);
  return toResult(!loaded.succeeded && !exists, `${how}, and the table ${exists ? 'exists' : 'does not exist'}`);
}

async function checkConcurrentLoads(scratch: ScratchDataset): Promise<ProbeResult> {
  const table = await scratch.table(COLUMNS);
  const loads = await Promise.all([1, 2, 3].map(() => scratch.loadBytes(table, COLUMNS, page(10))));
  const reasons = loads.map((load) => (load.succeeded ? 'succeeded' : String(load.error.details.bigquery_reason)));
  const { numRows } = (await scratch.metadata(table)) ?? {};
  return toResult(loads.every((load) => load.succeeded) && numRows === '30', `${reasons.join(', ')}: ${numRows} of 30 rows`);
}

function page(rows: number): Buffer {
  return Buffer.from(csvLine(COLUMNS) + Array.from({ length: rows }, (_, index) => csvLine([String(index), 'x'])).join(''));
}
