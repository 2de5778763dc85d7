import type { Readable } from 'node:stream';
import type { JobOutcome } from '../../bigquery/jobs.ts';
import { findLoad, type LoadId, uploadPage, waitForLoad } from '../../bigquery/load/load.ts';
import type { TableName } from '../../bigquery/sql/quote.ts';
import { readPageHeader } from '../../salesforce/page-header.ts';
import { type Page, savePage } from '../../store/runs/pages.ts';
import { saveProgress } from '../../store/runs/runs.ts';
import type { Slice } from '../../store/runs/slices.ts';
import { loadJobId, runLabels } from '../names.ts';
import { retryJob } from '../retry-job.ts';
import { countBytes } from './count-bytes.ts';
import { type Extraction, requestedFields } from './extraction.ts';

/** The unread CSV of a page. Disposing of it ends its request and releases its permits. */
export interface OpenPage extends Disposable {
  readonly rows: number;
  /** with a header line, gzipped if `gzip` */
  readonly body: Readable;
  readonly gzip: boolean;
}

/** A page to load. */
export interface PageToLoad {
  readonly page: Page;
  /** its CSV, for the first try; undefined: not requested, because an earlier attempt may have loaded it */
  readonly opened: OpenPage | undefined;
  /** requests its CSV for a further try */
  readonly reopen: () => Promise<OpenPage>;
  /** whether a later attempt can use the loaded page, which makes it progress of the run */
  readonly isResumable: boolean;
}

export interface LoadedPage {
  readonly page: Page;
  /** bytes of text; null: an earlier attempt has uploaded it */
  readonly textBytes: number | null;
}

/**
 * Loads a page into a staging table, and disposes of its CSV. The load job's id makes this idempotent across workers.
 * @throws AppError
 */
export async function loadPage(
  extraction: Extraction,
  slice: Slice,
  table: TableName,
  { page, opened, reopen, isResumable }: PageToLoad,
): Promise<LoadedPage> {
  if (page.loaded !== null) return { page, textBytes: null };
  const { context, run, signal } = extraction;
  const warehouse = context.warehouse.withSignal(signal);
  let textBytes: number | null = null;
  const loadOnce = async (tryNumber: number): Promise<JobOutcome> => {
    const load = { jobId: loadJobId(run.runId, page, tryNumber), table };
    const unread = tryNumber === page.loadTry ? opened : undefined;
    // Only a page whose headers were read before can have a load job.
    const earlier = unread ? undefined : await findLoad(warehouse, load);
    if (earlier) return earlier;
    textBytes = await upload(extraction, slice, load, page, unread ?? (await reopen()));
    return await waitForLoad(warehouse, load);
  };
  const { job } = await context.metrics.time('load', () =>
    retryJob(extraction, page.loadTry, (loadTry) => savePage(context.database, run, page, { loadTry }), loadOnce),
  );
  const loaded = await savePage(context.database, run, page, { loaded: job.outputRows });
  if (isResumable) await saveProgress(context.database, run);
  return { page: loaded, textBytes };
}

/** Uploads a page, which creates its load job. @returns its bytes of text; null if the job existed already */
async function upload(extraction: Extraction, slice: Slice, load: LoadId, page: Page, opened: OpenPage): Promise<number | null> {
  using source = opened;
  const { context, run, signal } = extraction;
  const { columns, content } = await readPageHeader(source.body, source.gzip, requestedFields(extraction, slice), source.rows);
  const counted = countBytes(content, source.gzip);
  const labels = runLabels(run.runId, run.job);
  await uploadPage(context.warehouse.withSignal(signal), { ...load, columns, labels }, content);
  await savePage(context.database, run, page, { bytes: counted.bytes() });
  return counted.textBytes();
}
