import type { Context } from '../../context.ts';
import type { SalesforceClient } from '../../salesforce/client.ts';
import { isCompositeRefused, type PageQuery, type PageReply, readFirstPages } from '../../salesforce/composite.ts';
import { queryPath, type RestPage, readRestPage } from '../../salesforce/rest.ts';
import type { ReadLimits } from '../../salesforce/transport.ts';
import type { Extraction } from './extraction.ts';

/**
 * Reads the first page of a query in a call of its own: a composite one if the query is too long for a URI.
 * @returns undefined if it is too long, and the org does not accept composite calls
 * @throws AppError
 */
export async function readPageAlone(extraction: Extraction, query: PageQuery): Promise<RestPage | undefined> {
  const { context, client, run, signal } = extraction;
  const { connectionId } = run.job;
  const path = queryPath(client, query.soql);
  if (path) return await readRestPage(client, path, query.columns, signal);
  if (!context.composite.isAllowed(connectionId)) return undefined;
  const replies = await readPages(context, client, connectionId, [query], { signal, totalMs: context.limits.idleMs });
  if (!replies) return undefined;
  const [reply] = replies;
  if (reply!.kind === 'page') return reply!.page;
  throw reply!.error;
}

/**
 * Reads the first pages of several queries in one call.
 * @returns undefined if the org does not accept composite calls, which is then remembered
 * @throws AppError
 */
export async function readPages(
  context: Context,
  client: SalesforceClient,
  connectionId: number,
  queries: readonly PageQuery[],
  limits: ReadLimits,
): Promise<PageReply[] | undefined> {
  try {
    return await readFirstPages(client, queries, limits);
  } catch (error) {
    if (!isCompositeRefused(error)) throw error;
    context.composite.saveRefused(connectionId);
    context.events.compositeFailed(connectionId, queries.length, true, error);
    return undefined;
  }
}
