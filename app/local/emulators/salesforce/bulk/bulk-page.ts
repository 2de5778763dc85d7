import { createHash } from 'node:crypto';
import { csvLine, csvText, DELIMITERS, LINE_ENDINGS } from '../csv.ts';
import { SalesforceError } from '../rest/salesforce-error.ts';
import type { BulkJob } from './bulk-jobs.ts';

/** The server's default if a client sets no maxRecords. */
const PAGE_ROWS = 50_000;
/** Small enough to stay out of V8's large object space, where it would outlive its use. */
const CHUNK_CHARACTERS = 16 * 1024;

/** A page of a job's result. */
export interface BulkPage {
  from: number;
  to: number;
  /** Locator of the next page; the text `null` on the last one. */
  locator: string;
}

/** Finds a page. Throws if the locator or maxRecords is invalid. */
export function bulkPage(job: BulkJob, locator: string | undefined, maxRecords: string | undefined): BulkPage {
  const rows = maxRecords === undefined ? PAGE_ROWS : Number(maxRecords);
  if (!Number.isInteger(rows) || rows < 1) throw new SalesforceError(400, 'CLIENTINPUTERROR', `Invalid maxRecords: ${maxRecords}`, true);
  const total = job.found?.length ?? 0;
  const from = locator === undefined ? 0 : offsetOf(job, locator);
  const to = Math.min(total, from + rows);
  return { from, to, locator: to < total ? locatorOf(job, to) : 'null' };
}

/** The text of a page in pieces, header row first. */
export function* bulkPageText(job: BulkJob, page: BulkPage): Generator<string> {
  const { columns } = job.query;
  const delimiter = DELIMITERS[job.columnDelimiter];
  const lineEnding = LINE_ENDINGS[job.lineEnding];
  let text = csvLine(
    columns.map((column) => column.names.join('.')),
    delimiter,
    lineEnding,
  );
  for (const row of job.found?.rows(page.from, page.to) ?? []) {
    text += csvLine(
      columns.map((column) => csvText(column.field, column.read(row))),
      delimiter,
      lineEnding,
    );
    if (text.length < CHUNK_CHARACTERS) continue;
    yield text;
    text = '';
  }
  yield text;
}

/** Clients must treat locators as opaque, so ours start with meaningless bytes; `+` and `/` occur. */
function locatorOf(job: BulkJob, offset: number): string {
  const seal = createHash('sha256').update(`${job.id} ${offset}`).digest().subarray(0, 12);
  return Buffer.concat([seal, Buffer.from(String(offset))])
    .toString('base64')
    .replaceAll('=', '');
}

function offsetOf(job: BulkJob, locator: string): number {
  const offset = Number(Buffer.from(locator, 'base64').subarray(12).toString());
  if (locatorOf(job, offset) === locator) return offset;
  throw new SalesforceError(400, 'INVALID_QUERY_LOCATOR', 'invalid query locator', true);
}
