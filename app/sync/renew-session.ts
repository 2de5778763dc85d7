import type { Dispatcher } from 'undici';
import { parseIdentityUrl } from '../core/connections/identity.ts';
import { AppError } from '../errors.ts';
import { renewTokens, type SalesforceApp } from '../salesforce/oauth.ts';
import { requestSession } from '../salesforce/unattended.ts';
import type { Connection, Renewal } from '../store/connections/connections.ts';

/**
 * Requests new tokens for a connection: by its refresh token, or, if it has none, by its flow without a user.
 * @throws AppError needs_login if the grant has ended, or if a flow without a user now acts as another user; login_refused; salesforce_unavailable
 */
export async function renewSession(
  dispatcher: Dispatcher,
  app: SalesforceApp,
  connection: Connection,
  refreshToken: string | undefined,
  signal: AbortSignal,
): Promise<Renewal> {
  if (refreshToken !== undefined) return await renewTokens(dispatcher, app, refreshToken, signal);
  const login =
    connection.flow === 'jwt_bearer'
      ? { flow: connection.flow, username: connection.username! }
      : ({ flow: 'client_credentials' } as const);
  const { id, accessToken, instanceUrl } = await requestSession(dispatcher, app, login, signal);
  requireSameUser(connection, id);
  return { accessToken, instanceUrl, refreshToken: undefined };
}

/** An admin may select another run-as user, and a refreshed sandbox is another org: what this session reads must not reach the tables. */
function requireSameUser({ orgId, userId }: Connection, identityUrl: string): void {
  const identity = parseIdentityUrl(identityUrl);
  if (identity?.orgId === orgId && identity.userId === userId) return;
  throw new AppError(
    'needs_login',
    'The External Client App now acts as another user or in another org. Select the former user again in its policies, or connect the new one with POST /v1/connections.',
  );
}
