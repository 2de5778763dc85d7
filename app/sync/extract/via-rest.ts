import type { TableName } from '../../bigquery/sql/quote.ts';
import { csvLine } from '../../core/csv.ts';
import { findPageSequenceError, type PageHeader } from '../../core/page-sequence.ts';
import { sum } from '../../core/sum.ts';
import { AppError, isAppError } from '../../errors.ts';
import { EXPIRED_LOCATOR, refusalCode } from '../../salesforce/errors.ts';
import { type RestPage, readRestPage } from '../../salesforce/rest.ts';
import { insertPage, type Page } from '../../store/pages.ts';
import type { Slice } from '../../store/slices.ts';
import { type Extraction, type Failed, requestedFields } from './extraction.ts';
import { loadStagedPage } from './load-page.ts';

/** Bytes of text per load job: as much memory as the upload of a Bulk page uses. */
const LOAD_BYTES = 16 * 1024 * 1024;

/** Reads the remaining pages of a REST query and loads all of them, in the CSV format of Bulk. */
export async function extractViaRest(
  extraction: Extraction,
  slice: Slice,
  table: TableName,
  firstPage: RestPage,
): Promise<{ processed: number; pages: Page[] } | Failed> {
  const { context, signal } = extraction;
  const names = requestedFields(extraction, slice);
  const source = readPages(extraction, names, firstPage);
  const pages: Page[] = [];
  try {
    for (let next: RestPage | undefined = await nextPage(source); next; ) {
      const first: RestPage = next;
      // Gather rows under an upload permit: permits are limited by the memory of the process.
      next = await context.uploads.use(signal, async () => {
        const load = await gather(source, names, first);
        pages.push(await loadRows(extraction, slice, table, names, pages.length, load));
        return load.next;
      });
    }
  } catch (error) {
    const reason = unusableResult(error);
    if (!reason) throw error;
    return { reason };
  }
  return { processed: firstPage.totalSize, pages };
}

/** Why the query must be sent again; undefined for all other errors. */
function unusableResult(error: unknown): string | undefined {
  if (!isAppError(error)) return undefined;
  const unusable = error.code === 'count_mismatch' || refusalCode(error) === EXPIRED_LOCATOR;
  return unusable ? error.message.replace(/\.$/, '') : undefined;
}

/** The pages of a query, in order. @throws AppError count_mismatch if they cannot be its complete result */
async function* readPages({ client, signal }: Extraction, names: readonly string[], first: RestPage): AsyncGenerator<RestPage, undefined> {
  const headers: PageHeader[] = [];
  for (let page = first; ; page = await readRestPage(client, page.nextPath, names, signal)) {
    headers.push({ rows: page.rows, nextLocator: page.nextPath });
    const fault = findPageSequenceError(headers, first.totalSize);
    if (fault) throw new AppError('count_mismatch', `${fault}.`);
    yield page;
    if (page.nextPath === null) return;
  }
}

async function nextPage(source: AsyncGenerator<RestPage, undefined>): Promise<RestPage | undefined> {
  return (await source.next()).value;
}

/** Rows of one load. */
interface Gathered {
  parts: Buffer[];
  rows: number;
  /** the first page that did not fit; undefined: none left */
  next: RestPage | undefined;
}

async function gather(source: AsyncGenerator<RestPage, undefined>, names: readonly string[], first: RestPage): Promise<Gathered> {
  const header = Buffer.from(csvLine(names));
  const parts: Buffer[] = [header];
  let [bytes, rows] = [header.length, 0];
  let page: RestPage | undefined = first;
  do {
    parts.push(page.csv);
    bytes += page.csv.length;
    rows += page.rows;
    page = await nextPage(source);
  } while (page && bytes + page.csv.length <= LOAD_BYTES);
  return { parts, rows, next: page };
}

async function loadRows(
  { context, run, signal }: Extraction,
  slice: Slice,
  table: TableName,
  columns: readonly string[],
  number: number,
  { parts, rows }: Gathered,
): Promise<Page> {
  const inserted = await insertPage(context.database, run, {
    slice: slice.ordinal,
    fieldGroup: slice.fieldGroup,
    generation: slice.generation,
    number,
    locator: null,
  });
  const content = { rows, nextLocator: null, columns, bytes: () => sum(parts.map((part) => part.length)), body: () => fromParts(parts) };
  return await loadStagedPage(context, run, inserted, table, (send) => send(content), signal);
}

async function* fromParts(parts: Buffer[]): AsyncGenerator<Buffer> {
  yield* parts;
}
