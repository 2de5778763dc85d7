import type { Context } from '../../context.ts';
import type { Identity } from '../../core/connections/identity.ts';
import { insertChange } from '../../store/audit.ts';
import { type Grant, type Granted, saveGrant } from '../../store/connections/connections.ts';
import { type PoolOrClient, transaction } from '../../store/database.ts';
import { continueJobs } from '../jobs/continue-jobs.ts';
import { learnOrg } from './learn-org.ts';

/** A login does not wait longer for the names of its user and org. */
const LEARN_ORG_MS = 10_000;

/**
 * Stores a grant, whatever its flow, and records who connected it.
 * @param by who connected it
 * @param linkId of the connect link that opened the login, if one did
 */
export async function storeGrant(
  database: PoolOrClient,
  { sealer }: Pick<Context, 'sealer'>,
  identity: Identity,
  grant: Grant,
  by: string,
  linkId?: string,
): Promise<Granted> {
  return await transaction(database, async (client) => {
    const connection = await saveGrant(client, sealer, identity, grant);
    const details = { org: connection.orgId, user: connection.userId, ...(linkId !== undefined && { link: linkId }) };
    await insertChange(client, { by, action: 'connected', connectionId: connection.id, details });
    return connection;
  });
}

/**
 * What follows a stored grant: reads who it belongs to, and lets jobs that waited for a login continue.
 * @param by who connected it, for the log
 */
export async function activateConnection(context: Context, connection: Granted, by: string): Promise<void> {
  context.events.connected(connection, by);
  await learnOrg(context, connection, AbortSignal.timeout(LEARN_ORG_MS)).catch((error: unknown) =>
    context.events.orgNotRead(connection, error),
  );
  await continueJobs(context, connection);
}
