import type { TableName } from '../bigquery/sql.ts';
import { columnNames } from '../core/columns.ts';
import { csvLine } from '../core/csv.ts';
import { type RestPage, readRestPage } from '../salesforce/rest.ts';
import { beginPage, type Page } from '../store/pages.ts';
import type { Slice } from '../store/slices.ts';
import { loadStagedPage } from './load-staged-page.ts';
import type { Extraction } from './stage-slice.ts';

/** Text of one load job, in bytes. */
const LOAD_BYTES = 50 * 1024 * 1024;

/** Reads all pages of a REST query, the first of which was read already, and loads them as the CSV that Bulk would have given. */
export async function stageByRest(
  extraction: Extraction,
  slice: Slice,
  table: TableName,
  firstPage: RestPage,
): Promise<{ processed: number; pages: Page[] }> {
  const { client, columns, signal } = extraction;
  const names = columnNames(columns);
  const header = Buffer.from(csvLine(names));
  const pages: Page[] = [];
  let [parts, bytes, rows]: [Buffer[], number, number] = [[header], header.length, 0];
  for (let page: RestPage | undefined = firstPage; page; ) {
    parts.push(page.csv);
    bytes += page.csv.length;
    rows += page.rows;
    const next: RestPage | undefined = page.nextPath ? await readRestPage(client, page.nextPath, names, signal) : undefined;
    if (!next || bytes + next.csv.length > LOAD_BYTES) {
      pages.push(await loadRows(extraction, slice, table, pages.length, parts, rows));
      [parts, bytes, rows] = [[header], header.length, 0];
    }
    page = next;
  }
  return { processed: firstPage.totalSize, pages };
}

async function loadRows(
  { context, run, columns, signal }: Extraction,
  slice: Slice,
  table: TableName,
  number: number,
  parts: Buffer[],
  rows: number,
): Promise<Page> {
  const begun = await beginPage(context.database, run, { slice: slice.ordinal, generation: slice.generation, number, locator: null });
  const content = {
    rows,
    nextLocator: null,
    bytes: () => parts.reduce((total, part) => total + part.length, 0),
    body: () => fromParts(parts),
  };
  return await context.uploads.use(signal, () => loadStagedPage(context, run, columns, begun, table, async () => content, signal));
}

async function* fromParts(parts: Buffer[]): AsyncGenerator<Buffer> {
  yield* parts;
}
