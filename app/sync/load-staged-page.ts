import type { JobOutcome } from '../bigquery/jobs.ts';
import { findLoad, type Load, loadPage } from '../bigquery/load.ts';
import type { TableName } from '../bigquery/sql.ts';
import type { Context } from '../context.ts';
import { type Column, columnNames } from '../core/columns.ts';
import { type Page, savePage } from '../store/pages.ts';
import { noteProgress, type Run } from '../store/runs.ts';
import { loadJobId, runLabels } from './names.ts';
import { untilSucceeded } from './until-succeeded.ts';

/** A page that is about to be loaded: what is known of it, and its CSV. */
export interface PageContent {
  rows: number;
  /** null: this is the last */
  nextLocator: string | null;
  body: () => AsyncIterable<Buffer>;
  /** bytes that `body` has given */
  bytes: () => number;
}

/**
 * Loads a page into a staging table, under ids that make it load once, whoever loads it.
 * @param open gets the page; asked again where its load job failed in passing
 * @throws AppError
 */
export async function loadStagedPage(
  context: Context,
  run: Run,
  columns: readonly Column[],
  begun: Page,
  table: TableName,
  open: () => Promise<PageContent>,
  signal: AbortSignal,
): Promise<Page> {
  const { database, warehouse } = context;
  let page = begun;

  /** What is known of the page is kept before its job can exist. */
  const passOn = async (load: Load): Promise<JobOutcome> => {
    const content = await open();
    page = await savePage(database, run, page, { rows: content.rows, nextLocator: content.nextLocator });
    const outcome = await loadPage(warehouse, load, content.body(), signal);
    page = await savePage(database, run, page, { bytes: content.bytes() });
    return outcome;
  };

  const job = await untilSucceeded(
    page.loadTry,
    async (tryNumber) => {
      page = await savePage(database, run, page, { loadTry: tryNumber });
    },
    async (tryNumber) => {
      const load = {
        jobId: loadJobId(run.runId, page, tryNumber),
        table,
        columns: columnNames(columns),
        labels: runLabels(run.runId, run.job),
      };
      // Only a page whose headers were read can have a job from before.
      const before = page.rows === null ? undefined : await findLoad(warehouse, load, signal);
      return before ?? (await passOn(load));
    },
  );
  await noteProgress(database, run);
  return await savePage(database, run, page, { loaded: job.outputRows });
}
