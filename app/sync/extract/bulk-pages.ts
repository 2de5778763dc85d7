import { findPageSequenceError, type PageHeader } from '../../core/runs/page-sequence.ts';
import { AppError } from '../../errors.ts';
import { fetchPage } from '../../salesforce/bulk.ts';
import { insertPage, type Page, readPages, savePage } from '../../store/runs/pages.ts';
import type { Slice } from '../../store/runs/slices.ts';
import type { Extraction } from './extraction.ts';
import type { OpenPage, PageToLoad } from './load-page.ts';
import { requireQuota } from './require-quota.ts';

/**
 * The result pages of a complete Bulk job, in order. Requests a page only when it is pulled, with the locator from the headers of the
 * previous one, whose body may still be unread. The caller must dispose of each page that is yielded open.
 * @param before the pages before them
 * @param announced rows of the complete result
 * @throws AppError count_mismatch if the pages cannot be the announced result
 */
export async function* bulkPages(
  extraction: Extraction,
  slice: Slice,
  before: readonly Page[],
  announced: number,
): AsyncGenerator<PageToLoad, void> {
  const { context, run } = extraction;
  const known = await readPages(context.database, run.runId, slice);
  const pages = [...before];
  while (pages.at(-1)?.nextLocator !== null) {
    const page = known[pages.length] ?? (await insertNextPage(extraction, slice, pages));
    // If an earlier attempt has read the headers, there may be a load job, too.
    const next = page.rows === null ? await fetchBulkPage(extraction, slice, page) : { page, opened: undefined };
    pages.push(next.page);
    const fault = findPageSequenceError(pages.map(headerOf), announced);
    if (fault) {
      next.opened?.[Symbol.dispose]();
      throw new AppError('count_mismatch', `${fault}.`);
    }
    const reopen = async (): Promise<OpenPage> => (await fetchBulkPage(extraction, slice, next.page)).opened;
    yield { ...next, reopen, isResumable: true };
  }
}

async function insertNextPage({ context, run }: Extraction, slice: Slice, pages: readonly Page[]): Promise<Page> {
  return await insertPage(context.database, run, {
    slice: slice.ordinal,
    fieldGroup: slice.fieldGroup,
    generation: slice.generation,
    number: pages.length,
    locator: pages.at(-1)?.nextLocator ?? null,
  });
}

/** Requests a page under a long-request permit and an upload permit, which its open body keeps, and saves its headers. */
async function fetchBulkPage(extraction: Extraction, slice: Slice, page: Page): Promise<{ page: Page; opened: OpenPage }> {
  const { context, client, run, signal } = extraction;
  const { firstPageRows, pageMs } = context.limits;
  using held = new DisposableStack();
  // Salesforce's permits are scarcer: do not occupy an upload permit while waiting for one.
  const { recordActivity } = context.warehouse;
  const place = held.use(await context.longRequests.acquire(run.orgId, signal, recordActivity));
  held.use(await context.uploads.acquire(signal, recordActivity));
  await requireQuota(context, run);
  const request = new AbortController();
  // A trickling body never reaches the idle timeout, and would keep its permits forever.
  const timer = setTimeout(() => request.abort(pageTooSlow(pageMs)), pageMs);
  held.defer(() => clearTimeout(timer));
  // Closes a body that was not read to the end.
  held.defer(() => request.abort());
  // A page that is requested again must have the same rows.
  const maxRecords = page.rows || (slice.pageRows ?? firstPageRows);
  const fetched = await fetchPage(
    client,
    slice.bulkJobId!,
    page.locator,
    maxRecords,
    AbortSignal.any([signal, request.signal, place.signal]),
  );
  const saved = await savePage(context.database, run, page, { rows: fetched.rows, nextLocator: fetched.nextLocator });
  const kept = held.move();
  return { page: saved, opened: { ...fetched, [Symbol.dispose]: () => kept.dispose() } };
}

function pageTooSlow(ms: number): AppError {
  return new AppError('salesforce_unavailable', `A Bulk result page did not arrive within ${ms / 1000} seconds.`);
}

function headerOf({ rows, nextLocator }: Page): PageHeader {
  return { rows: rows ?? 0, nextLocator };
}
