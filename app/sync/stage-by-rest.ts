import type { TableName } from '../bigquery/sql.ts';
import { fieldNames } from '../core/columns.ts';
import { csvLine } from '../core/csv.ts';
import { sum } from '../core/sum.ts';
import { LOST_LOCATOR, refusalCode } from '../salesforce/errors.ts';
import { type RestPage, readRestPage } from '../salesforce/rest.ts';
import { beginPage, type Page } from '../store/pages.ts';
import type { Slice } from '../store/slices.ts';
import { loadStagedPage } from './load-staged-page.ts';
import type { Extraction, Failed } from './stage-slice.ts';

/** Text of one load job, in bytes: as much as an upload of a Bulk page holds in memory. */
const LOAD_BYTES = 16 * 1024 * 1024;

/** Reads all pages of a REST query, the first of which was read already, and loads them as the CSV that Bulk would have given. */
export async function stageByRest(
  extraction: Extraction,
  slice: Slice,
  table: TableName,
  firstPage: RestPage,
): Promise<{ processed: number; pages: Page[] } | Failed> {
  const { context, signal } = extraction;
  const pages: Page[] = [];
  let next: RestPage | undefined = firstPage;
  try {
    while (next) {
      const first: RestPage = next;
      // Rows are gathered in an upload's place: there are as many as the process has memory for.
      await context.uploads.use(signal, async () => {
        const load = await gather(extraction, first);
        pages.push(await loadRows(extraction, slice, table, pages.length, load));
        next = load.next;
      });
    }
  } catch (error) {
    if (refusalCode(error) !== LOST_LOCATOR) throw error;
    return { reason: 'Salesforce no longer takes the locator of a page' };
  }
  return { processed: firstPage.totalSize, pages };
}

/** Rows of one load. */
interface Gathered {
  parts: Buffer[];
  rows: number;
  /** the page that did not fit; undefined: there is none */
  next: RestPage | undefined;
}

async function gather({ client, columns, signal }: Extraction, first: RestPage): Promise<Gathered> {
  const names = fieldNames(columns);
  const header = Buffer.from(csvLine(names));
  const parts: Buffer[] = [header];
  let [bytes, rows] = [header.length, 0];
  for (let page: RestPage | undefined = first; page; ) {
    parts.push(page.csv);
    bytes += page.csv.length;
    rows += page.rows;
    page = page.nextPath ? await readRestPage(client, page.nextPath, names, signal) : undefined;
    if (page && bytes + page.csv.length > LOAD_BYTES) return { parts, rows, next: page };
  }
  return { parts, rows, next: undefined };
}

async function loadRows(
  { context, run, columns, signal }: Extraction,
  slice: Slice,
  table: TableName,
  number: number,
  { parts, rows }: Gathered,
): Promise<Page> {
  const begun = await beginPage(context.database, run, { slice: slice.ordinal, generation: slice.generation, number, locator: null });
  const content = { rows, nextLocator: null, bytes: () => sum(parts.map((part) => part.length)), body: () => fromParts(parts) };
  return await loadStagedPage(context, run, columns, begun, table, (send) => send(content), signal);
}

async function* fromParts(parts: Buffer[]): AsyncGenerator<Buffer> {
  yield* parts;
}
