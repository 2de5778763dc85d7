import type { TableName } from '../../bigquery/sql/quote.ts';
import { mapConcurrently } from '../../core/map-concurrently.ts';
import { nextPageRows } from '../../core/runs/next-page-rows.ts';
import { isAppError } from '../../errors.ts';
import { type BulkJob, createQueryJob, waitForQueryJob } from '../../salesforce/bulk.ts';
import { EXPIRED_LOCATOR, refusalCode } from '../../salesforce/errors.ts';
import { refusedQueryError } from '../../salesforce/field-refusal.ts';
import { type RowRange, selectRows } from '../../salesforce/soql.ts';
import { saveBulkRefused } from '../../store/jobs/jobs.ts';
import type { Page } from '../../store/runs/pages.ts';
import { type Slice, saveBulkJob, saveSlice } from '../../store/runs/slices.ts';
import { bulkPages } from './bulk-pages.ts';
import { type Extraction, type ReadRows, requestedFields, type Unusable } from './extraction.ts';
import { loadPage } from './load-page.ts';
import { requireQuota } from './require-quota.ts';

/** Concurrent loads per table: BigQuery allows about five updates of a table per ten seconds. */
const MAX_CONCURRENT_LOADS = 3;

/** Our state for a Bulk job that no longer exists. */
const MISSING = 'NotFound';

/** Bulk's error code for an object that it never supports. */
const NEVER = 'INVALIDENTITY';

/** Bulk's error codes for an object that it refuses; an admin can resolve the second. */
const OBJECT_REFUSED_CODES = new Set([NEVER, 'FEATURENOTENABLED']);

/** A Bulk job whose result can be read. */
interface CompleteJob {
  kind: 'complete';
  slice: Slice;
  /** rows of the whole result */
  processed: number;
}

/** Why Bulk did not read the slice's rows. */
export type BulkFailure =
  /** it refuses the object */
  | { kind: 'bulk-refused'; code: string }
  /** the Bulk job did not complete; `tooLarge`: a smaller query may */
  | { kind: 'bulk-failed'; reason: string; tooLarge: boolean };

/**
 * Runs the slice's query with Bulk API 2.0 and loads its result pages, several at a time, except those that an earlier attempt has loaded.
 */
export async function extractViaBulk(
  extraction: Extraction,
  planned: Slice,
  table: TableName,
  range: RowRange,
): Promise<ReadRows | BulkFailure | Unusable> {
  const job = await runBulkJob(extraction, planned, range);
  if (job.kind !== 'complete') return job;
  const { processed } = job;
  try {
    const { slice, pages } = await loadFirstPages(extraction, job.slice, table, processed);
    const others = await mapConcurrently(
      MAX_CONCURRENT_LOADS,
      extraction.signal,
      (signal) => bulkPages({ ...extraction, signal }, slice, pages, processed),
      (page, signal) => loadPage({ ...extraction, signal }, slice, table, page),
    );
    return { kind: 'read', processed, pages: [...pages, ...others.map(({ page }) => page)] };
  } catch (error) {
    const reason = unusableResult(error);
    if (!reason) throw error;
    return { kind: 'mismatched', reason };
  }
}

/** Runs the slice's Bulk job, or waits for the one that an earlier attempt created. */
async function runBulkJob(extraction: Extraction, planned: Slice, range: RowRange): Promise<CompleteJob | BulkFailure | Unusable> {
  const created = await createJob(extraction, planned, range);
  if (created.kind !== 'created') return created;
  const { slice } = created;
  const { id, state, processed, message, tooLarge, fieldRefusal } = await waitForBulkJob(extraction, slice);
  if (state === 'JobComplete') return { kind: 'complete', slice, processed };
  if (state === 'Failed' && fieldRefusal) throw refusedQueryError(extraction.run.job.objectName, fieldRefusal);
  const reason = `Bulk job ${id} ended in state ${state}${message === null ? '' : `: ${message}`}`;
  if (state === MISSING) return { kind: 'mismatched', reason };
  // Salesforce does not always say why a job failed. If this is not the first generation, the slice may be too large.
  return { kind: 'bulk-failed', reason, tooLarge: tooLarge || (state === 'Failed' && slice.generation > 1) };
}

/**
 * Creates the slice's Bulk job, unless it has one. Only the response connects its id with its query, which neither the list of jobs nor a
 * job shows. If the response is lost, the job could belong to another client of the same user, so it is neither adopted nor deleted: it
 * finishes, and Salesforce deletes it after a week. Records a permanent refusal with the import job.
 */
async function createJob(extraction: Extraction, slice: Slice, range: RowRange): Promise<{ kind: 'created'; slice: Slice } | BulkFailure> {
  if (slice.bulkJobId !== null) return { kind: 'created', slice };
  const { context, client, run } = extraction;
  await requireQuota(context, run);
  try {
    const id = await createQueryJob(client, selectRows(range, requestedFields(extraction, slice)), run.job.objectName);
    return { kind: 'created', slice: await saveBulkJob(context.database, run, slice.ordinal, id) };
  } catch (error) {
    const code = refusalCode(error);
    if (!code || !OBJECT_REFUSED_CODES.has(code)) throw error;
    if (code === NEVER) await saveBulkRefused(context.database, run.job.id, code);
    return { kind: 'bulk-refused', code };
  }
}

/** A missing job (deleted by an admin, or older than a week) counts as failed: its rows are requested again. */
async function waitForBulkJob({ context, client, signal }: Extraction, { bulkJobId, bulkRequestedAt }: Slice): Promise<BulkJob> {
  const id = bulkJobId!;
  try {
    return await waitForQueryJob(client, id, new Date(bulkRequestedAt!.getTime() + context.limits.bulkJobMs), signal);
  } catch (error) {
    if (refusalCode(error) === 'NOT_FOUND') return { id, state: MISSING, processed: 0, tooLarge: false, message: null };
    throw error;
  }
}

/**
 * Loads pages one at a time until one shows how wide the rows are: usually only the first page. Saves how many rows the following pages
 * should have, so that another attempt uses the same number.
 */
async function loadFirstPages(
  extraction: Extraction,
  slice: Slice,
  table: TableName,
  processed: number,
): Promise<{ slice: Slice; pages: Page[] }> {
  const { context, run } = extraction;
  const pages: Page[] = [];
  if (slice.pageRows !== null) return { slice, pages };
  for await (const next of bulkPages(extraction, slice, [], processed)) {
    const { page, textBytes } = await loadPage(extraction, slice, table, next);
    pages.push(page);
    if (textBytes === null) continue;
    const pageRows = nextPageRows(context.limits, page.rows ?? 0, textBytes);
    return { pages, slice: await saveSlice(context.database, run, slice.ordinal, { pageRows }) };
  }
  return { slice, pages };
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
