import { randomUUID } from 'node:crypto';
import type { Context } from '../../context.ts';
import { AppError, isAppError } from '../../errors.ts';
import { revokeToken } from '../../salesforce/revoke-token.ts';
import { insertChange } from '../../store/audit.ts';
import { endConnection, type PausedJob } from '../../store/connections/change-connection.ts';
import { type Connection, claimEnd, readRevocableToken, releaseEnd } from '../../store/connections/connections.ts';
import { transaction } from '../../store/database.ts';
import { logPause, pauseChange } from '../jobs/pause-job.ts';

const REVOKE_BY_HAND = 'revoke the app in Salesforce: Setup, Connected Apps OAuth Usage';

/**
 * Ends a connection: revokes its grant in Salesforce, forgets its tokens and pauses its jobs. Keeps the jobs, their tables and everything
 * else. Its user can connect it again.
 * @param force forget the tokens even if Salesforce cannot be reached, or no key opens them
 * @param by who requested it
 * @returns what was done, in sentences
 * @throws AppError conflict if a session is being renewed, or a login ended meanwhile; store_restored; without `force`, why the grant was not
 *   revoked
 */
export async function disconnect(context: Context, connection: Connection, force: boolean, by: string): Promise<string> {
  // The tokens of a copied job store are those of the original.
  await context.agreement.require();
  const claim = randomUUID();
  const claimed = await claimEnd(context.database, connection, claim);
  if (!claimed) throw new AppError('conflict', 'The session of this connection is being renewed. Try again in a minute.');
  const revoked = await revoke(context, claimed).catch(async (error: unknown) => {
    if (force) return 'failed' as const;
    await releaseEnd(context.database, claimed, claim);
    throw withAdvice(error);
  });
  const paused = await forget(context, claimed, claim, revoked, by);
  context.events.disconnected(claimed, { revoked, jobsPaused: paused.length }, by);
  for (const { cancelledRunId, ...job } of paused) logPause(context, job, cancelledRunId, by);
  return `${describeRevocation(revoked)} Its tokens are forgotten, and ${paused.length === 1 ? '1 job is' : `${paused.length} jobs are`} paused. The tables stay.`;
}

/** Forgets the tokens of a claimed connection and pauses its jobs. @throws AppError conflict if a login has replaced the tokens */
async function forget(context: Context, connection: Connection, claim: string, revoked: Revocation, by: string): Promise<PausedJob[]> {
  const message = `The connection was disconnected by ${by}. To connect it again, call ${howToConnect(connection)}; then resume its jobs.`;
  return await transaction(context.database, async (client) => {
    const paused = await endConnection(client, connection, claim, { code: 'disconnected', message });
    if (!paused) {
      throw new AppError(
        'conflict',
        'The user of this connection connected again meanwhile, so it stays active. To end the new grant too, disconnect again.',
      );
    }
    const details = { revoked, jobs_paused: paused.length };
    await insertChange(client, { by, action: 'disconnected', connectionId: connection.id, details });
    for (const job of paused) await insertChange(client, pauseChange(job, by));
    return paused;
  });
}

/** The calls that connect a user again by the same flow. */
function howToConnect({ flow }: Connection): string {
  return flow === 'browser' ? 'get_oauth_url and login_oauth_callback' : 'POST /v1/connections';
}

/** What became of a grant: `ended` before, or unknown because Salesforce did not answer (`failed`). */
type Revocation = 'revoked' | 'ended' | 'failed';

async function revoke({ database, sealer, dispatcher }: Context, connection: Connection): Promise<Revocation> {
  const token = await readRevocableToken(database, sealer, connection);
  if (token === undefined) return 'ended';
  return (await revokeToken(dispatcher, connection.loginUrl, token)) ? 'revoked' : 'ended';
}

function withAdvice(error: unknown): unknown {
  if (!isAppError(error)) return error;
  const advice = `Nothing has changed. Try again, or add force to forget the tokens without revoking them; then ${REVOKE_BY_HAND}.`;
  return new AppError(error.code, `${error.message} ${advice}`, { cause: error, status: error.status });
}

function describeRevocation(revoked: Revocation): string {
  if (revoked === 'revoked') return 'Salesforce has revoked the grant.';
  if (revoked === 'ended') return 'The grant had already ended.';
  return `The grant was not revoked: ${REVOKE_BY_HAND}.`;
}
