import type { Context } from '../../context.ts';
import type { UnattendedLogin } from '../../core/connections/login-flow.ts';
import { requestSession } from '../../salesforce/unattended.ts';
import type { Connection } from '../../store/connections/connections.ts';
import { activateConnection, storeGrant } from './activate-connection.ts';
import { requireIdentity } from './require-identity.ts';

/**
 * Connects an org without a user's consent in a browser. Replaces the user's earlier grant, if any.
 * @param loginUrl undefined: the first configured login host
 * @param by who connects it, for the log
 * @throws AppError login_refused if Salesforce refuses the login, invalid_request if no app is configured for the login host
 */
export async function connectUnattended(
  context: Context,
  login: UnattendedLogin,
  loginUrl: string | undefined,
  by: string,
): Promise<Connection> {
  context.agreement.requireNotHalted();
  const app = context.app(loginUrl);
  const session = await requestSession(context.dispatcher, app, login, undefined);
  const identity = requireIdentity(context.config, session);
  const { accessToken, instanceUrl, id } = session;
  const grant = { ...login, accessToken, instanceUrl, identityUrl: id, loginUrl: app.loginUrl };
  const connection = await storeGrant(context.database, context, identity, grant, by);
  await activateConnection(context, connection, by);
  return connection;
}
