import { MAX_QUERIES, type PageQuery } from '../../salesforce/composite.ts';
import { queryPath, type RestPage, type RowCount, readFirstRestPage } from '../../salesforce/rest.ts';
import type { Extraction } from './extraction.ts';
import { readPages } from './read-pages.ts';

/**
 * Reads the first page of a query in a call of its own: a composite one if the query is too long for a URI. Remembers an object whose page
 * takes more than its share of a call with others. If Bulk has to read the rows, only their number is parsed.
 * @returns undefined if it is too long, and the org does not accept composite calls
 * @throws AppError
 */
export async function readPageAlone(extraction: Extraction, query: PageQuery): Promise<RestPage | RowCount | undefined> {
  const { context, run } = extraction;
  const startedAt = performance.now();
  let bytes = 0;
  try {
    const page = await readPage(extraction, query);
    bytes = page?.bytes ?? 0;
    return page;
  } finally {
    const { compositeMs, compositeBytes } = context.limits;
    const exceeds = performance.now() - startedAt > compositeMs / MAX_QUERIES || bytes > compositeBytes / MAX_QUERIES;
    if (exceeds) context.composite.saveAlone(run.job.connectionId, query.objectName);
  }
}

async function readPage({ context, client, run, signal }: Extraction, query: PageQuery): Promise<RestPage | RowCount | undefined> {
  const { connectionId, bulkRefused } = run.job;
  const path = queryPath(client, query.soql);
  const maxRows = bulkRefused ? Number.POSITIVE_INFINITY : context.limits.restRows;
  if (path) return await readFirstRestPage(client, path, query.columns, maxRows, signal);
  if (!context.composite.isAllowed(connectionId)) return undefined;
  const replies = await readPages(context, client, connectionId, [query], { signal, totalMs: context.limits.idleMs });
  if (!replies) return undefined;
  const [reply] = replies;
  if (reply!.kind === 'page') return reply!.page;
  throw reply!.error;
}
