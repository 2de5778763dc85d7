import { findLoad, type LoadId, uploadPage, waitForLoad } from '../../bigquery/load.ts';
import type { TableName } from '../../bigquery/sql/quote.ts';
import type { Context } from '../../context.ts';
import { type Page, savePage } from '../../store/pages.ts';
import type { Run } from '../../store/runs.ts';
import { loadJobId, runLabels } from '../names.ts';
import { retryJob } from '../retry-job.ts';

/** A page to load: its headers and its CSV. */
export interface PageContent {
  rows: number;
  /** null: this is the last page */
  nextLocator: string | null;
  /** the columns, in the order of the CSV */
  columns: readonly string[];
  body: () => AsyncIterable<Buffer>;
  /** bytes that `body` has yielded */
  bytes: () => number;
}

/** Fetches a page and passes it to `send`, within the concurrency limits. Called again after a transient failure of the load job. */
export type PassOn = (send: (content: PageContent) => Promise<void>) => Promise<void>;

/**
 * Loads a page into a staging table. The load job's id makes this idempotent across workers.
 * @throws AppError
 */
export async function loadStagedPage(
  context: Context,
  run: Run,
  known: Page,
  table: TableName,
  passOn: PassOn,
  signal: AbortSignal,
): Promise<Page> {
  const { database } = context;
  const warehouse = context.warehouse.withSignal(signal);
  let page = known;

  const upload = async (load: LoadId, content: PageContent): Promise<void> => {
    // Save the headers before the load job can exist.
    page = await savePage(database, run, page, { rows: content.rows, nextLocator: content.nextLocator });
    await uploadPage(warehouse, { ...load, columns: content.columns, labels: runLabels(run.runId, run.job) }, content.body());
    page = await savePage(database, run, page, { bytes: content.bytes() });
  };

  const job = await retryJob(
    { context, signal },
    page.loadTry,
    async (tryNumber) => {
      page = await savePage(database, run, page, { loadTry: tryNumber });
    },
    async (tryNumber) => {
      const load = { jobId: loadJobId(run.runId, page, tryNumber), table };
      // Only a page whose headers were read can have an earlier load job.
      const before = page.rows === null ? undefined : await findLoad(warehouse, load);
      if (before) return before;
      await passOn((content) => upload(load, content));
      return await waitForLoad(warehouse, load);
    },
  );
  return await savePage(database, run, page, { loaded: job.outputRows });
}
