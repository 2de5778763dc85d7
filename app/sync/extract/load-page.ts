import { findLoad, type LoadId, uploadPage, waitForLoad } from '../../bigquery/load.ts';
import type { TableName } from '../../bigquery/sql.ts';
import type { Context } from '../../context.ts';
import { type Page, savePage } from '../../store/pages.ts';
import type { Run } from '../../store/runs.ts';
import { loadJobId, runLabels } from '../names.ts';
import { retryJob } from '../retry-job.ts';

/** A page that is about to be loaded: what is known of it, and its CSV. */
export interface PageContent {
  rows: number;
  /** null: this is the last */
  nextLocator: string | null;
  /** the columns, in the order in which the CSV has them */
  columns: readonly string[];
  body: () => AsyncIterable<Buffer>;
  /** bytes that `body` has given */
  bytes: () => number;
}

/** Gets a page and hands it to `send`, in the places that this takes; asked again where its load job failed in passing. */
export type PassOn = (send: (content: PageContent) => Promise<void>) => Promise<void>;

/**
 * Loads a page into a staging table, under ids that make it load once, whoever loads it.
 * @throws AppError
 */
export async function loadStagedPage(
  context: Context,
  run: Run,
  begun: Page,
  table: TableName,
  passOn: PassOn,
  signal: AbortSignal,
): Promise<Page> {
  const { database } = context;
  const warehouse = context.warehouse.during(signal);
  let page = begun;

  const upload = async (load: LoadId, content: PageContent): Promise<void> => {
    // What is known of the page is kept before its job can exist.
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
      // Only a page whose headers were read can have a job from before.
      const before = page.rows === null ? undefined : await findLoad(warehouse, load);
      if (before) return before;
      await passOn((content) => upload(load, content));
      return await waitForLoad(warehouse, load);
    },
  );
  return await savePage(database, run, page, { loaded: job.outputRows });
}
