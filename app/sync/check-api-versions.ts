import type { Context } from '../context.ts';
import { describeError } from '../log.ts';
import { requireApiVersion } from '../salesforce/api-versions.ts';
import { refusalCode, UNSUPPORTED_VERSION } from '../salesforce/errors.ts';
import { activeConnections } from '../store/connections.ts';

/**
 * Compares SALESFORCE_API_VERSION with the versions that each connected org offers, and logs a mismatch. The service starts regardless,
 * because an org may be unreachable at the moment.
 */
export async function checkApiVersions(context: Context, signal: AbortSignal): Promise<void> {
  for (const { id, orgId } of await activeConnections(context.database)) {
    try {
      await requireApiVersion(context.salesforce(id, signal));
    } catch (error) {
      if (signal.aborted) return;
      const event = refusalCode(error) === UNSUPPORTED_VERSION ? 'api_version_unsupported' : 'api_version_not_checked';
      context.log.warn({ event, connection: id, org: orgId, ...describeError(error) });
    }
  }
}
