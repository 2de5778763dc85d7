import { Readable } from 'node:stream';
import type { TableName } from '../../bigquery/sql/quote.ts';
import { csvLine, csvLines } from '../../core/csv.ts';
import { groupsOf } from '../../core/fields/field-groups.ts';
import { RowFactsCounter } from '../../core/fields/row-facts.ts';
import { findPageSequenceError, type PageHeader } from '../../core/runs/page-sequence.ts';
import { AppError, isAppError } from '../../errors.ts';
import { EXPIRED_LOCATOR, refusalCode } from '../../salesforce/errors.ts';
import { type RestPage, readRestPage } from '../../salesforce/rest.ts';
import { insertPage, type Page, savePage } from '../../store/runs/pages.ts';
import type { Slice } from '../../store/runs/slices.ts';
import { type Extraction, type ReadRows, requestedFields, type Unusable } from './extraction.ts';
import { loadPage, type OpenPage } from './load-page.ts';

/** Bytes of text per load job, which are in memory until it has finished: as many as the upload of a Bulk page buffers. */
export const BATCH_BYTES = 16 * 1024 * 1024;

/** Reads the remaining pages of a REST query and loads all of them, in the CSV format of Bulk. */
export async function extractViaRest(
  extraction: Extraction,
  slice: Slice,
  table: TableName,
  firstPage: RestPage,
): Promise<ReadRows | Unusable> {
  const pages: Page[] = [];
  const counter = startCounting(extraction, slice);
  try {
    for await (const batch of gatherBatches(extraction, slice, firstPage, counter)) {
      pages.push(await loadBatch(extraction, slice, table, pages.length, batch));
    }
    return { kind: 'read', processed: firstPage.totalSize, pages, facts: counter?.facts() };
  } catch (error) {
    const reason = unusableResult(error);
    if (!reason) throw error;
    return { kind: 'mismatched', reason };
  }
}

/** Why the query must be sent again; undefined for all other errors. */
function unusableResult(error: unknown): string | undefined {
  if (!isAppError(error)) return undefined;
  const unusable = error.code === 'count_mismatch' || refusalCode(error) === EXPIRED_LOCATOR;
  return unusable ? error.message.replace(/\.$/, '') : undefined;
}

/** Rows of one load. */
interface Batch {
  /** the CSV, with a header line */
  parts: Buffer[];
  rows: number;
}

/** Undefined if BigQuery has to count the rows anyway: there are other field groups, or rows without a cursor. */
function startCounting({ run, columns }: Extraction, { generation, nullCursor, cursorTo }: Slice): RowFactsCounter | undefined {
  const { cursorField } = run.job;
  if (cursorField === null || nullCursor || groupsOf(columns).length > 1) return undefined;
  return new RowFactsCounter({ generation, columns, cursorField, cursorTo });
}

/** Gathers the rows of a query into batches. Each is gathered and loaded under an upload permit, because it is kept in memory. */
async function* gatherBatches(
  extraction: Extraction,
  slice: Slice,
  firstPage: RestPage,
  counter: RowFactsCounter | undefined,
): AsyncGenerator<Batch, void> {
  const { context, signal } = extraction;
  const names = requestedFields(extraction, slice);
  const header = Buffer.from(csvLine(names));
  const source = readPages(extraction, names, firstPage, counter);
  for (let page = await nextPage(source); page; ) {
    using _permit = await context.uploads.acquire(signal, context.warehouse.recordActivity);
    const parts: Buffer[] = [header];
    let [bytes, rows] = [header.length, 0];
    do {
      parts.push(page.csv);
      bytes += page.csv.length;
      rows += page.rows;
      page = await nextPage(source);
    } while (page && bytes + page.csv.length <= BATCH_BYTES);
    yield { parts, rows };
  }
}

/** A page in Bulk's CSV format, without a header line. */
interface CsvPage {
  csv: Buffer;
  rows: number;
}

/** The pages of a query, in order. @throws AppError count_mismatch if they cannot be its complete result */
async function* readPages(
  { client, signal }: Extraction,
  names: readonly string[],
  first: RestPage,
  counter: RowFactsCounter | undefined,
): AsyncGenerator<CsvPage, undefined> {
  const headers: PageHeader[] = [];
  for (let page = first; ; page = await readRestPage(client, page.nextPath, names, signal)) {
    headers.push({ rows: page.rows.length, nextLocator: page.nextPath });
    const fault = findPageSequenceError(headers, first.totalSize);
    if (fault) throw new AppError('count_mismatch', `${fault}.`);
    for (const row of page.rows) counter?.add(row);
    yield { csv: csvLines(page.rows), rows: page.rows.length };
    if (page.nextPath === null) return;
  }
}

async function nextPage(source: AsyncGenerator<CsvPage, undefined>): Promise<CsvPage | undefined> {
  return (await source.next()).value;
}

async function loadBatch(extraction: Extraction, slice: Slice, table: TableName, number: number, batch: Batch): Promise<Page> {
  const { context, run } = extraction;
  const { ordinal, fieldGroup, generation } = slice;
  const key = { slice: ordinal, fieldGroup, generation, number, locator: null };
  const inserted = await insertPage(context.database, run, key);
  const page = await savePage(context.database, run, inserted, { rows: batch.rows });
  const open = (): OpenPage => ({ rows: batch.rows, gzip: false, body: Readable.from(batch.parts), [Symbol.dispose]: () => {} });
  const loaded = await loadPage(extraction, slice, table, { page, opened: open(), reopen: async () => open(), isResumable: false });
  return loaded.page;
}
