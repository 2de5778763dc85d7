import { AppError } from '../errors.ts';
import type { SalesforceClient } from './client.ts';

/**
 * The name of a connection's user and of its org, and whether that is a sandbox, according to Salesforce. Two calls.
 * @param userId 18 characters
 * @throws AppError
 */
export async function readOrgFacts(
  client: SalesforceClient,
  userId: string,
): Promise<{ username: string; orgName: string; isSandbox: boolean }> {
  const { Name, IsSandbox } = await readRow(client, 'read the org', 'SELECT Name, IsSandbox FROM Organization');
  const { Username } = await readRow(client, 'read the user', `SELECT Username FROM User WHERE Id = '${userId}'`);
  if (typeof Name === 'string' && typeof IsSandbox === 'boolean' && typeof Username === 'string') {
    return { username: Username, orgName: Name, isSandbox: IsSandbox };
  }
  throw new AppError('salesforce_unavailable', 'Salesforce returned a malformed description of the org or user.');
}

async function readRow(client: SalesforceClient, doing: string, soql: string): Promise<Record<string, unknown>> {
  const reply = await client.call(doing, (connection) => connection.query<Record<string, unknown>>(soql));
  return reply.records?.[0] ?? {};
}
