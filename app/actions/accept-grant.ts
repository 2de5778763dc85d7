import type { Context } from '../context.ts';
import { parseIdentityUrl } from '../core/identity.ts';
import { AppError } from '../errors.ts';
import { type Connection, type Grant, saveGrant } from '../store/connections.ts';
import { continueJobs } from './continue-jobs.ts';
import { learnOrg } from './learn-org.ts';

/** A login does not wait longer for the names of its user and org. */
const LEARN_ORG_MS = 10_000;

/** Stores what Salesforce granted, whatever the flow. Replaces the user's earlier grant, and lets jobs that waited for a login continue. */
export async function acceptGrant(context: Context, grant: Grant): Promise<Connection> {
  const identity = parseIdentityUrl(grant.identityUrl);
  if (!identity) throw new AppError('salesforce_unavailable', 'Salesforce returned a malformed identity URL. Check SALESFORCE_LOGIN_URL.');
  const connection = await saveGrant(context.database, context.sealer, identity, grant);
  context.events.connected(connection);
  await learnOrg(context, connection, AbortSignal.timeout(LEARN_ORG_MS)).catch((error: unknown) =>
    context.events.orgNotRead(connection, error),
  );
  await continueJobs(context, connection);
  return connection;
}
