import type { Context } from '../context.ts';
import { insertChange } from '../store/audit.ts';
import type { Granted } from '../store/connections.ts';
import { continueJobs } from './continue-jobs.ts';
import { learnOrg } from './learn-org.ts';

/** A login does not wait longer for the names of its user and org. */
const LEARN_ORG_MS = 10_000;

/**
 * What follows a stored grant, whatever its flow: reads who it belongs to, and lets jobs that waited for a login continue.
 * @param by who connected it, for the log and the audit
 */
export async function activateConnection(context: Context, connection: Granted, by: string): Promise<void> {
  context.events.connected(connection, by);
  const details = { org: connection.orgId, user: connection.userId };
  await insertChange(context.database, { by, action: 'connected', connectionId: connection.id, details });
  await learnOrg(context, connection, AbortSignal.timeout(LEARN_ORG_MS)).catch((error: unknown) =>
    context.events.orgNotRead(connection, error),
  );
  await continueJobs(context, connection);
}
