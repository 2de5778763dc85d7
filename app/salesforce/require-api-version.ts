import { AppError } from '../errors.ts';
import type { SalesforceClient } from './client.ts';
import { UNSUPPORTED_VERSION } from './errors.ts';

/**
 * Requires the org to offer our API version. An org without it answers as if the object did not exist.
 * @throws AppError salesforce_refused if the org lacks the version; any error of the call
 */
export async function requireApiVersion(client: SalesforceClient): Promise<void> {
  const reply = await client.call('list the API versions', (connection) =>
    connection.request<({ version?: unknown } | null)[]>('/services/data'),
  );
  const versions = Array.isArray(reply) ? reply.map((each) => each?.version) : [];
  if (!versions.every((version) => typeof version === 'string')) {
    throw new AppError('salesforce_unavailable', 'Salesforce returned a malformed list of API versions.');
  }
  if (versions.length === 0 || versions.includes(client.version)) return;
  const sorted = versions.toSorted((one, other) => Number(one) - Number(other));
  throw new AppError(
    'salesforce_refused',
    `The org offers Salesforce API versions ${sorted[0]} to ${sorted.at(-1)}, not ${client.version}. Set SALESFORCE_API_VERSION to ${sorted.at(-1)}.`,
    { details: { salesforce_code: UNSUPPORTED_VERSION } },
  );
}
