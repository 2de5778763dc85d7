import type { Context } from '../../context.ts';
import { requireApiVersion } from '../../salesforce/require-api-version.ts';
import type { Connection } from '../../store/connections/connections.ts';
import { learnOrg } from './learn-org.ts';

/**
 * Calls a connection's org: three calls, and a renewal if its session has ended.
 * @returns what answered, in a sentence
 * @throws AppError, which says why the connection cannot be used
 */
export async function testConnection(context: Context, connection: Connection): Promise<string> {
  const startedAt = performance.now();
  await requireApiVersion(context.salesforce(connection.id));
  const { username, orgName, isSandbox } = await learnOrg(context, connection);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  return `Works: ${username} of ${orgName} (${isSandbox ? 'sandbox' : 'production'}), API version ${context.config.salesforce.apiVersion}, three calls in ${seconds} s.`;
}
