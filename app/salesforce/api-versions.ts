import { AppError } from '../errors.ts';
import type { SalesforceClient } from './client.ts';
import { UNSUPPORTED_VERSION } from './errors.ts';

/**
 * Requires the org to offer the version of the API that we use. An org that does not have it yet answers as if it had no such object.
 * @throws AppError salesforce_refused when it does not, and where it cannot be asked
 */
export async function requireApiVersion(client: SalesforceClient): Promise<void> {
  const reply = await client.call('list the API versions', (connection) => connection.request<{ version?: string }[]>('/services/data'));
  const versions = Array.isArray(reply) ? reply.flatMap(({ version }) => version ?? []) : [];
  if (versions.length === 0 || versions.includes(client.version)) return;
  const sorted = versions.toSorted((one, other) => Number(one) - Number(other));
  throw new AppError(
    'salesforce_refused',
    `The org offers versions ${sorted[0]} to ${sorted.at(-1)} of the Salesforce API, not ${client.version}. Set SALESFORCE_API_VERSION to ${sorted.at(-1)}.`,
    { details: { salesforce_code: UNSUPPORTED_VERSION } },
  );
}
