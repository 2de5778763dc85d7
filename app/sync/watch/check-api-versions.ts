import type { Context } from '../../context.ts';
import { refusalCode, UNSUPPORTED_VERSION } from '../../salesforce/errors.ts';
import { requireApiVersion } from '../../salesforce/require-api-version.ts';
import { activeConnections } from '../../store/connections/connections.ts';

/**
 * Compares SALESFORCE_API_VERSION with the versions that each connected org offers, and logs a mismatch. The service starts regardless,
 * because an org may be unreachable at the moment.
 */
export async function checkApiVersions(context: Context, signal: AbortSignal): Promise<void> {
  for (const connection of await activeConnections(context.database)) {
    try {
      await requireApiVersion(context.salesforce(connection.id, signal));
    } catch (error) {
      if (signal.aborted) return;
      if (refusalCode(error) === UNSUPPORTED_VERSION) context.events.apiVersionUnsupported(connection, error);
      else context.events.apiVersionNotChecked(error, connection);
    }
  }
}
