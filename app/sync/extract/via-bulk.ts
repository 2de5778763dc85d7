import type { TableName } from '../../bigquery/sql.ts';
import { findPageFault, type PageHeader } from '../../core/page-sequence.ts';
import { nextPageRows } from '../../core/page-width.ts';
import { AppError, isAppError } from '../../errors.ts';
import { type BulkJob, createQueryJob, fetchPage, waitForQueryJob } from '../../salesforce/bulk.ts';
import { LOST_LOCATOR, refusalCode } from '../../salesforce/errors.ts';
import { refusedQuery } from '../../salesforce/field-refusal.ts';
import { readHeader } from '../../salesforce/page-header.ts';
import { type RowRange, selectRows } from '../../salesforce/soql.ts';
import { saveBulkRefused } from '../../store/jobs.ts';
import { insertPage, type Page, readPages } from '../../store/pages.ts';
import { saveProgress } from '../../store/runs.ts';
import { type Slice, saveSlice } from '../../store/slices.ts';
import { countBytes } from './count-bytes.ts';
import { type Extraction, type Failed, requestedFields } from './extraction.ts';
import { loadStagedPage, type PageContent, type PassOn } from './load-page.ts';
import { requireQuota } from './require-quota.ts';

/** Loads into one table at a time: BigQuery takes about five changes of a table in ten seconds. */
const PAGES_AT_ONCE = 3;

/** The state of a Bulk job that Salesforce no longer knows. */
const VANISHED = 'NotFound';

/** The code with which Bulk says that it never reads this object. */
const NEVER = 'INVALIDENTITY';

/** Codes with which Bulk refuses an object, the second as long as an admin leaves it so. */
const OBJECT_REFUSED = new Set([NEVER, 'FEATURENOTENABLED']);

/** Has Bulk API 2.0 run the slice's query, and passes its result pages on, several at once. */
export async function extractViaBulk(
  extraction: Extraction,
  planned: Slice,
  table: TableName,
  range: RowRange,
): Promise<{ processed: number; pages: Page[] } | Failed> {
  const { context, run } = extraction;
  const bulkJobId = planned.bulkJobId ?? (await createJob(extraction, planned, range));
  if (!bulkJobId) return { reason: 'Bulk refuses the object', interrupted: true };
  const slice = await saveSlice(context.database, run, planned.ordinal, { bulkJobId });
  const job = await waitForBulkJob(extraction, slice);
  if (job.state === 'Failed' && job.fieldRefusal) throw refusedQuery(run.job.objectName, job.fieldRefusal);
  if (job.state !== 'JobComplete') {
    // Salesforce need not say why a job failed: where the slice was asked for before, it may be too much.
    const tooLarge = job.tooLarge || (job.state === 'Failed' && slice.generation > 1);
    const why = job.message === null ? '' : `: ${job.message}`;
    return { reason: `the Bulk job ${bulkJobId} ended as ${job.state}${why}`, tooLarge, later: job.state !== VANISHED };
  }
  try {
    return { processed: job.processed, pages: await stagePages(extraction, slice, table, job.processed) };
  } catch (error) {
    const reason = unusableResult(error);
    if (!reason) throw error;
    return { reason };
  }
}

/** Codes with which Salesforce refuses a job's results. */
const UNUSABLE = new Set([
  // The Bulk job vanished while its pages were read.
  'NOT_FOUND',
  LOST_LOCATOR,
  // Among others, another version of the API created the job.
  'API_ERROR',
]);

/** Why the job's results are of no use, so that its rows are to be asked for anew; undefined for all other errors. */
function unusableResult(error: unknown): string | undefined {
  if (!isAppError(error)) return undefined;
  const code = refusalCode(error);
  // A page that was cut off and closed cleanly on its way is no CSV.
  const isCutOff = error.details.bigquery_reason === 'invalid';
  const unusable = error.code === 'count_mismatch' || (code !== undefined && UNUSABLE.has(code)) || isCutOff;
  return unusable ? error.message.replace(/\.$/, '') : undefined;
}

/**
 * Asks for a job. Salesforce gives its id only with the answer: one whose answer was lost runs to its end for nobody, and goes in a week.
 * @returns the job's id; undefined where Bulk does not read the object, which is remembered: of the job where it stays so
 */
async function createJob(extraction: Extraction, slice: Slice, range: RowRange): Promise<string | undefined> {
  const { context, client, run } = extraction;
  await requireQuota(context, run.orgId);
  try {
    return await createQueryJob(client, selectRows(range, requestedFields(extraction, slice)), run.job.objectName);
  } catch (error) {
    const code = refusalCode(error);
    if (!code || !OBJECT_REFUSED.has(code)) throw error;
    run.job.bulkRefused = code;
    if (code === NEVER) await saveBulkRefused(context.database, run.job.id, code);
    return undefined;
  }
}

/** A job that vanished (deleted by an admin, or older than a week) is as good as failed: its rows are asked for anew. */
async function waitForBulkJob({ context, client, signal }: Extraction, { bulkJobId, bulkAskedAt }: Slice): Promise<BulkJob> {
  const id = bulkJobId!;
  try {
    return await waitForQueryJob(client, id, new Date(bulkAskedAt!.getTime() + context.limits.bulkJobMs), signal);
  } catch (error) {
    if (refusalCode(error) === 'NOT_FOUND') return { id, state: VANISHED, processed: 0, tooLarge: false, message: null };
    throw error;
  }
}

/**
 * Stages all result pages of a complete job; those that an earlier attempt has loaded are there.
 * @param announced rows of the whole result
 * @throws AppError count_mismatch where the pages cannot be the announced result
 */
async function stagePages(extraction: Extraction, slice: Slice, table: TableName, announced: number): Promise<Page[]> {
  const { context, run } = extraction;
  const begun = await readPages(context.database, run.runId, slice);
  const staged: Promise<Page>[] = [];
  const headers: PageHeader[] = [];
  const underWay = new Set<Promise<unknown>>();
  const failure = new AbortController();
  const signal = AbortSignal.any([extraction.signal, failure.signal]);
  try {
    let { pageRows } = slice;
    for (let locator: string | null | undefined; locator !== null; ) {
      const number = staged.length;
      const key = { slice: slice.ordinal, fieldGroup: slice.fieldGroup, generation: slice.generation, number, locator: locator ?? null };
      const page = begun[number] ?? (await insertPage(context.database, run, key));
      const started = startPage({ ...extraction, signal }, slice, page, table, pageRows ?? context.limits.firstPageRows);
      staged.push(started.staged);
      track(underWay, started.staged);
      const header = await started.header;
      headers.push(header);
      const fault = findPageFault(headers, announced);
      if (fault) throw new AppError('count_mismatch', `${fault}.`);
      locator = header.nextLocator;
      // The first page tells how wide the rows are; the others follow each other as soon as their headers are read.
      pageRows ??= await keepWidth(extraction, slice, started);
      while (underWay.size >= PAGES_AT_ONCE) await Promise.race(underWay);
    }
    return await Promise.all(staged);
  } catch (error) {
    failure.abort(error);
    await Promise.allSettled(staged);
    throw error;
  }
}

/** Another attempt goes on with pages of this width. */
async function keepWidth({ context, run }: Extraction, slice: Slice, { staged, width }: StartedPage): Promise<number | null> {
  await staged;
  const pageRows = width() ?? null;
  if (pageRows !== null) await saveSlice(context.database, run, slice.ordinal, { pageRows });
  return pageRows;
}

function track(underWay: Set<Promise<unknown>>, work: Promise<unknown>): void {
  const entry = work.finally(() => underWay.delete(entry));
  // Whoever waits for the page gets its error; this copy of it is nobody's.
  entry.catch(() => {});
  underWay.add(entry);
}

interface StartedPage {
  staged: Promise<Page>;
  /** known before the page is staged */
  header: Promise<PageHeader>;
  /** rows that the next pages should have; undefined where this page was not read now */
  width: () => number | undefined;
}

function startPage(extraction: Extraction, slice: Slice, begun: Page, table: TableName, maxRecords: number): StartedPage {
  const { context, run, client, signal } = extraction;
  if (begun.loaded !== null) {
    return { staged: Promise.resolve(begun), header: Promise.resolve(headerOf(begun)), width: () => undefined };
  }
  const header = Promise.withResolvers<PageHeader>();
  // Headers that were read before: the pages after this one were perhaps begun by them.
  if (begun.rows !== null) header.resolve(headerOf(begun));
  let { rows } = begun;
  let width: number | undefined;

  // Ends with the page, so that a body which nobody came to read does not stay open.
  const over = new AbortController();
  const untilOver = AbortSignal.any([signal, over.signal]);

  const open = async (): Promise<PageContent> => {
    await requireQuota(context, run.orgId);
    // A page that is fetched again must end where it ended.
    const page = await fetchPage(client, slice.bulkJobId!, begun.locator, rows || maxRecords, untilOver);
    rows = page.rows;
    header.resolve(page);
    const { columns, content } = await readHeader(page.body, page.gzip, requestedFields(extraction, slice), page.rows);
    const body = countBytes(content, page.gzip);
    return {
      rows: page.rows,
      nextLocator: page.nextLocator,
      columns,
      body: async function* () {
        yield* body.content;
        width = nextPageRows(context.limits, page.rows, body.textBytes());
      },
      bytes: body.bytes,
    };
  };

  // Salesforce's places are the scarcer ones: a place for an upload is not held while one of them is waited for.
  const passOn: PassOn = (send) =>
    context.longRequests(run.orgId).use(signal, () => context.uploads.use(signal, async () => await send(await open())));
  const load = async (): Promise<Page> => {
    const page = await loadStagedPage(context, run, begun, table, passOn, signal);
    await saveProgress(context.database, run);
    return page;
  };

  const staged = load().finally(() => over.abort());
  staged.then((page) => header.resolve(headerOf(page)), header.reject);
  return { staged, header: header.promise, width: () => width };
}

function headerOf({ rows, nextLocator }: Page): PageHeader {
  return { rows: rows ?? 0, nextLocator };
}
