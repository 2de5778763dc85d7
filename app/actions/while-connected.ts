import type { Context } from '../context.ts';

/**
 * The same context for the work of a caller who may leave: then its calls to Salesforce are aborted. Only for what calls Salesforce before
 * it writes anything.
 * @param closed aborts when the caller has left
 */
export function whileConnected(context: Context, closed: AbortSignal): Context {
  return {
    ...context,
    salesforce: (connectionId, signal, recordActivity) =>
      context.salesforce(connectionId, signal ? AbortSignal.any([signal, closed]) : closed, recordActivity),
  };
}
