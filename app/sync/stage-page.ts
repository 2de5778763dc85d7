import type { JobOutcome } from '../bigquery/jobs.ts';
import { findLoad, type Load, loadPage } from '../bigquery/load.ts';
import type { TableName } from '../bigquery/sql.ts';
import { fetchPage } from '../salesforce/bulk.ts';
import { withCheckedHeader } from '../salesforce/page-header.ts';
import { beginPage, type Page, readPages, savePage } from '../store/pages.ts';
import type { Slice } from '../store/slices.ts';
import { loadJobId, runLabels } from './names.ts';
import type { Extraction } from './stage-slice.ts';
import { untilSucceeded } from './until-succeeded.ts';

/** Rows asked for in one page. */
const PAGE_ROWS = 50_000;

/** Brings all result pages of a complete Bulk job into the staging table, going on after the last one that is there. */
export async function stagePages(extraction: Extraction, slice: Slice, table: TableName): Promise<Page[]> {
  const { context, run } = extraction;
  const begun = await readPages(context.database, run.runId, slice);
  const pages: Page[] = [];
  let locator: string | null = null;
  do {
    const number = pages.length;
    const page: Page =
      begun[number] ?? (await beginPage(context.database, run, { slice: slice.ordinal, generation: slice.generation, number, locator }));
    const staged: Page = page.loaded === null ? await stagePage(extraction, slice, page, table) : page;
    pages.push(staged);
    locator = staged.nextLocator;
  } while (locator !== null);
  return pages;
}

async function stagePage(extraction: Extraction, slice: Slice, begun: Page, table: TableName): Promise<Page> {
  const { context, run, columns, signal } = extraction;
  const { database, warehouse } = context;
  let page = begun;
  const loadFor = (tryNumber: number): Load => ({
    jobId: loadJobId(run.runId, page, tryNumber),
    table,
    columns: columns.map((column) => column.name),
    labels: runLabels(run.runId, run.job),
  });

  /** Passes the page from Salesforce to BigQuery as it comes. What is known of it is kept before its job can exist. */
  const passOn = async (load: Load): Promise<JobOutcome> => {
    const fetched = await fetchPage(extraction.client, slice.bulkJobId!, page.locator, PAGE_ROWS, signal);
    page = await savePage(database, run, page, { rows: fetched.rows, nextLocator: fetched.nextLocator });
    const counted = countBytes(withCheckedHeader(fetched.body, fetched.gzip, load.columns));
    const outcome = await loadPage(warehouse, load, counted.body, signal);
    page = await savePage(database, run, page, { bytes: counted.bytes() });
    return outcome;
  };

  const job = await untilSucceeded(
    page.loadTry,
    async (tryNumber) => {
      page = await savePage(database, run, page, { loadTry: tryNumber });
    },
    async (tryNumber) => {
      const load = loadFor(tryNumber);
      // Only a page whose headers were read can have a job from before.
      const before = page.rows === null ? undefined : await findLoad(warehouse, load, signal);
      return before ?? (await passOn(load));
    },
  );
  return await savePage(database, run, page, { loaded: job.outputRows });
}

function countBytes(body: AsyncIterable<Buffer>): { body: AsyncIterable<Buffer>; bytes: () => number } {
  let bytes = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of body) {
      bytes += chunk.length;
      yield chunk;
    }
  }
  return { body: counted(), bytes: () => bytes };
}
