import type { TableName } from '../../bigquery/sql/quote.ts';
import { nextPageRows } from '../../core/next-page-rows.ts';
import { findPageSequenceError, type PageHeader } from '../../core/page-sequence.ts';
import { AppError, isAppError } from '../../errors.ts';
import { type BulkJob, createQueryJob, fetchPage, waitForQueryJob } from '../../salesforce/bulk.ts';
import { EXPIRED_LOCATOR, refusalCode } from '../../salesforce/errors.ts';
import { refusedQueryError } from '../../salesforce/field-refusal.ts';
import { readPageHeader } from '../../salesforce/page-header.ts';
import { type RowRange, selectRows } from '../../salesforce/soql.ts';
import { saveBulkRefused } from '../../store/jobs.ts';
import { insertPage, type Page, readPages } from '../../store/pages.ts';
import { saveProgress } from '../../store/runs.ts';
import { type Slice, saveSlice } from '../../store/slices.ts';
import { countBytes } from './count-bytes.ts';
import { type Extraction, type Failed, requestedFields } from './extraction.ts';
import { loadStagedPage, type PageContent, type PassOn } from './load-page.ts';
import { requireQuota } from './require-quota.ts';

/** Concurrent loads per table: BigQuery allows about five updates of a table per ten seconds. */
const MAX_CONCURRENT_LOADS = 3;

/** Our state for a Bulk job that no longer exists. */
const MISSING = 'NotFound';

/** Bulk's error code for an object that it never supports. */
const NEVER = 'INVALIDENTITY';

/** Bulk's error codes for an object that it refuses; an admin can resolve the second. */
const OBJECT_REFUSED_CODES = new Set([NEVER, 'FEATURENOTENABLED']);

/** Runs the slice's query with Bulk API 2.0 and loads its result pages, several at a time. */
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
  if (job.state === 'Failed' && job.fieldRefusal) throw refusedQueryError(run.job.objectName, job.fieldRefusal);
  if (job.state !== 'JobComplete') {
    // Salesforce does not always say why a job failed. If this is not the first generation, the slice may be too large.
    const tooLarge = job.tooLarge || (job.state === 'Failed' && slice.generation > 1);
    const why = job.message === null ? '' : `: ${job.message}`;
    return { reason: `Bulk job ${bulkJobId} ended in state ${job.state}${why}`, tooLarge, later: job.state !== MISSING };
  }
  try {
    return { processed: job.processed, pages: await stagePages(extraction, slice, table, job.processed) };
  } catch (error) {
    const reason = unusableResult(error);
    if (!reason) throw error;
    return { reason };
  }
}

/** Salesforce's error codes for results that can no longer be read. */
const UNUSABLE_CODES = new Set([
  // The Bulk job was deleted while its pages were being read.
  'NOT_FOUND',
  EXPIRED_LOCATOR,
  // For example, another API version created the job.
  'API_ERROR',
]);

/** Why the job's results are unusable and its rows must be requested again; undefined for all other errors. */
function unusableResult(error: unknown): string | undefined {
  if (!isAppError(error)) return undefined;
  const code = refusalCode(error);
  // A page that was truncated by a clean close is not valid CSV.
  const isCutOff = error.details.bigquery_reason === 'invalid';
  const unusable = error.code === 'count_mismatch' || (code !== undefined && UNUSABLE_CODES.has(code)) || isCutOff;
  return unusable ? error.message.replace(/\.$/, '') : undefined;
}

/**
 * Creates a Bulk job. Only the response contains its id: if that is lost, the orphaned job finishes and Salesforce deletes it after a week.
 * @returns the job's id; undefined if Bulk refuses the object, which is recorded on the run or, if permanent, on the import job
 */
async function createJob(extraction: Extraction, slice: Slice, range: RowRange): Promise<string | undefined> {
  const { context, client, run } = extraction;
  await requireQuota(context, run.orgId);
  try {
    return await createQueryJob(client, selectRows(range, requestedFields(extraction, slice)), run.job.objectName);
  } catch (error) {
    const code = refusalCode(error);
    if (!code || !OBJECT_REFUSED_CODES.has(code)) throw error;
    run.job.bulkRefused = code;
    if (code === NEVER) await saveBulkRefused(context.database, run.job.id, code);
    return undefined;
  }
}

/** A missing job (deleted by an admin, or older than a week) counts as failed: its rows are requested again. */
async function waitForBulkJob({ context, client, signal }: Extraction, { bulkJobId, bulkAskedAt }: Slice): Promise<BulkJob> {
  const id = bulkJobId!;
  try {
    return await waitForQueryJob(client, id, new Date(bulkAskedAt!.getTime() + context.limits.bulkJobMs), signal);
  } catch (error) {
    if (refusalCode(error) === 'NOT_FOUND') return { id, state: MISSING, processed: 0, tooLarge: false, message: null };
    throw error;
  }
}

/**
 * Stages all result pages of a complete job, except those that an earlier attempt has loaded.
 * @param announced rows of the complete result
 * @throws AppError count_mismatch if the pages cannot be the announced result
 */
async function stagePages(extraction: Extraction, slice: Slice, table: TableName, announced: number): Promise<Page[]> {
  const { context, run } = extraction;
  const known = await readPages(context.database, run.runId, slice);
  const staged: Promise<Page>[] = [];
  const headers: PageHeader[] = [];
  const inFlight = new Set<Promise<unknown>>();
  const failure = new AbortController();
  const signal = AbortSignal.any([extraction.signal, failure.signal]);
  try {
    let { pageRows } = slice;
    for (let locator: string | null | undefined; locator !== null; ) {
      const number = staged.length;
      const key = { slice: slice.ordinal, fieldGroup: slice.fieldGroup, generation: slice.generation, number, locator: locator ?? null };
      const page = known[number] ?? (await insertPage(context.database, run, key));
      const started = startPage({ ...extraction, signal }, slice, page, table, pageRows ?? context.limits.firstPageRows);
      staged.push(started.staged);
      track(inFlight, started.staged);
      const header = await started.header;
      headers.push(header);
      const fault = findPageSequenceError(headers, announced);
      if (fault) throw new AppError('count_mismatch', `${fault}.`);
      locator = header.nextLocator;
      // The first page reveals how wide the rows are; each further page starts once the previous headers are read.
      pageRows ??= await keepWidth(extraction, slice, started);
      while (inFlight.size >= MAX_CONCURRENT_LOADS) await Promise.race(inFlight);
    }
    return await Promise.all(staged);
  } catch (error) {
    failure.abort(error);
    await Promise.allSettled(staged);
    throw error;
  }
}

/** Saves the page width, so that another attempt uses the same. */
async function keepWidth({ context, run }: Extraction, slice: Slice, { staged, width }: StartedPage): Promise<number | null> {
  await staged;
  const pageRows = width() ?? null;
  if (pageRows !== null) await saveSlice(context.database, run, slice.ordinal, { pageRows });
  return pageRows;
}

function track(inFlight: Set<Promise<unknown>>, work: Promise<unknown>): void {
  const entry = work.finally(() => inFlight.delete(entry));
  // The caller that awaits the page gets its error; ignore it here.
  entry.catch(() => {});
  inFlight.add(entry);
}

interface StartedPage {
  staged: Promise<Page>;
  /** known before the page is staged */
  header: Promise<PageHeader>;
  /** rows that the next pages should have; undefined if this page was not read by this attempt */
  width: () => number | undefined;
}

function startPage(extraction: Extraction, slice: Slice, known: Page, table: TableName, maxRecords: number): StartedPage {
  const { context, run, client, signal } = extraction;
  if (known.loaded !== null) {
    return { staged: Promise.resolve(known), header: Promise.resolve(headerOf(known)), width: () => undefined };
  }
  const header = Promise.withResolvers<PageHeader>();
  // The headers were read by an earlier attempt, which may have started later pages from them.
  if (known.rows !== null) header.resolve(headerOf(known));
  let { rows } = known;
  let width: number | undefined;

  // Aborts with the page, so that an unread body does not stay open.
  const over = new AbortController();
  const pageSignal = AbortSignal.any([signal, over.signal]);
  const { pageMs } = context.limits;

  const open = async (): Promise<PageContent> => {
    await requireQuota(context, run.orgId);
    // A trickling body never reaches the idle timeout, and would keep its places forever.
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(pageTooSlow(pageMs)), pageMs);
    over.signal.addEventListener('abort', () => clearTimeout(timer));
    // A page that is fetched again must have the same rows.
    const arriving = AbortSignal.any([pageSignal, late.signal]);
    const page = await fetchPage(client, slice.bulkJobId!, known.locator, rows || maxRecords, arriving);
    rows = page.rows;
    header.resolve(page);
    const { columns, content } = await readPageHeader(page.body, page.gzip, requestedFields(extraction, slice), page.rows);
    const body = countBytes(content, page.gzip);
    return {
      rows: page.rows,
      nextLocator: page.nextLocator,
      columns,
      body: async function* () {
        yield* body.content;
        clearTimeout(timer);
        width = nextPageRows(context.limits, page.rows, body.textBytes());
      },
      bytes: body.bytes,
    };
  };

  // Salesforce's permits are scarcer: do not occupy an upload permit while waiting for one.
  const passOn: PassOn = (send) =>
    context.longRequests(run.orgId).use(signal, () => context.uploads.use(signal, async () => await send(await open())));
  const load = async (): Promise<Page> => {
    const page = await loadStagedPage(context, run, known, table, passOn, signal);
    await saveProgress(context.database, run);
    return page;
  };

  const staged = load().finally(() => over.abort());
  staged.then((page) => header.resolve(headerOf(page)), header.reject);
  return { staged, header: header.promise, width: () => width };
}

function pageTooSlow(ms: number): AppError {
  return new AppError('salesforce_unavailable', `A Bulk result page did not arrive within ${ms / 1000} seconds.`);
}

function headerOf({ rows, nextLocator }: Page): PageHeader {
  return { rows: rows ?? 0, nextLocator };
}
