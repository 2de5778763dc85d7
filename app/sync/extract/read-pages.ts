import type { Context } from '../../context.ts';
import type { SalesforceClient } from '../../salesforce/client.ts';
import { isCompositeRefused, type PageQuery, type PageReply, readFirstPages } from '../../salesforce/composite.ts';
import type { ReadLimits } from '../../salesforce/transport.ts';

/**
 * Reads the first pages of several queries of a connection in one call.
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
