import type { Context } from '../../context.ts';
import { AppError } from '../../errors.ts';
import { renewTokens } from '../../salesforce/oauth.ts';
import type { Connection } from '../../store/connections/connections.ts';
import { activateConnection, storeGrant } from './activate-connection.ts';
import { requireIdentity } from './require-identity.ts';

/**
 * Connects the org of the first configured app with a refresh token that another program, the Salesforce CLI, obtained. The connection is
 * a trial: only a local service uses it.
 * @param by who connects it, for the log and the audit
 * @throws AppError needs_login if Salesforce does not accept the token, login_refused
 */
export async function connectTrial(context: Context, refreshToken: string, by: string): Promise<Connection> {
  context.agreement.requireNotHalted();
  const app = context.app();
  const {
    id,
    accessToken,
    instanceUrl,
    refreshToken: rotated,
  } = await renewTokens(context.dispatcher, app, refreshToken, AbortSignal.timeout(120_000));
  if (!id || !instanceUrl) {
    throw new AppError('salesforce_unavailable', 'Salesforce returned a malformed token response. Log in with the Salesforce CLI again.');
  }
  const identity = requireIdentity(context.config, { id, instanceUrl });
  const grant = { accessToken, instanceUrl, identityUrl: id, loginUrl: app.loginUrl, refreshToken: rotated ?? refreshToken, trial: true };
  const connection = await storeGrant(context.database, context, identity, grant, by);
  await activateConnection(context, connection, by);
  return connection;
}
