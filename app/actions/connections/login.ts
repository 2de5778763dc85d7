import { randomBytes } from 'node:crypto';
import type { Context } from '../../context.ts';
import type { LoginResult } from '../../core/connections/login-result.ts';
import { AppError } from '../../errors.ts';
import { authorizeUrl, exchangeCode, loginRefusedError, newCodeVerifier, type TokenResponse } from '../../salesforce/oauth.ts';
import { revokeToken } from '../../salesforce/revoke-token.ts';
import { type Authorization, type LoginOwner, saveResult, startAuthorization } from '../../store/connections/authorizations.ts';
import { type ConnectLink, findConnectLinkById, useConnectLink } from '../../store/connections/connect-links.ts';
import type { Connection } from '../../store/connections/connections.ts';
import { transaction } from '../../store/database.ts';
import { activateConnection, storeGrant } from './activate-connection.ts';
import { requireIdentity } from './require-identity.ts';

/**
 * Starts a login, which only its owner can complete.
 * @param linkHash of the connect link that opens it, if one does
 * @returns the URL to send the user to
 * @throws AppError invalid_request
 */
export async function startLogin(
  context: Context,
  owner: LoginOwner,
  redirectUri: string,
  loginUrl: string | undefined,
  linkHash: Buffer | null = null,
): Promise<string> {
  const app = context.app(loginUrl);
  const state = randomBytes(24).toString('base64url');
  const codeVerifier = newCodeVerifier();
  const login = { state, redirectUri, loginUrl: app.loginUrl, codeVerifier, linkHash };
  await startAuthorization(context.database, context.sealer, owner, login);
  return authorizeUrl(app, redirectUri, state, codeVerifier);
}

/** What Salesforce sent back with the user: a code, or why there is none. */
export type LoginAnswer = { code: string } | { error: string; description: string | undefined };

/**
 * Exchanges the code of a login, which must have been used before by `useAuthorization`, and stores the grant with the login's result.
 * @param by who completes it, for the log
 * @param link that opened it, if one did; it is used up
 * @throws AppError
 */
export async function completeLogin(
  context: Context,
  login: Authorization,
  answer: LoginAnswer,
  by: string,
  link?: ConnectLink,
): Promise<Connection> {
  if ('error' in answer) throw loginRefusedError(login.loginUrl, answer.error, answer.description ?? '');
  const reply = await exchangeCode(
    context.dispatcher,
    context.app(login.loginUrl),
    login.redirectUri,
    login.codeVerifier,
    decodeCode(answer.code),
  );
  const identity = requireIdentity(context.config, reply);
  const refreshToken = requireRefreshToken(reply);
  const grant = { ...reply, refreshToken, identityUrl: reply.id, loginUrl: login.loginUrl };
  if (link?.orgId && link.orgId !== identity.orgId) {
    const what = `You logged in to the org ${identity.orgId}, but this link is for the org ${link.orgId}`;
    throw await giveBack(context, grant, what, 'Log out of Salesforce, open the link again, and log in to the right org.');
  }
  const connection = await transaction(context.database, async (client) => {
    if (link && !(await useConnectLink(client, link))) return undefined;
    const granted = await storeGrant(client, context, identity, grant, by, link?.id);
    // Together with the grant: the last page must not say that nothing was connected.
    await saveResult(client, login, connectedResult(granted, reply));
    return granted;
  });
  if (!connection) {
    const isRevoked = link && (await findConnectLinkById(context.database, link.id))?.state === 'revoked';
    const what = `This link ${isRevoked ? 'was meanwhile revoked by its sender' : 'has meanwhile connected an org'}`;
    throw await giveBack(context, grant, what, 'If you still need to connect, ask its sender for a new one.');
  }
  await activateConnection(context, connection, by);
  return connection;
}

/** What the last page of a login in a browser shows. */
function connectedResult({ orgId }: Connection, { id, instanceUrl, scope }: TokenResponse): LoginResult {
  return { kind: 'connected', userId: id, orgId, host: new URL(instanceUrl).host, scopes: scope?.split(' ').filter(Boolean) ?? [] };
}

function requireRefreshToken({ refreshToken }: TokenResponse): string {
  if (refreshToken) return refreshToken;
  throw new AppError(
    'login_refused',
    'Salesforce returned no refresh token. Add the scope "refresh_token" to the External Client App, with a policy that keeps refresh tokens valid.',
  );
}

/** Revokes a grant that is not stored. @param what happened, as a clause @returns the error */
async function giveBack(
  { dispatcher }: Context,
  { loginUrl, refreshToken }: { loginUrl: string; refreshToken: string },
  what: string,
  advice: string,
): Promise<AppError> {
  const revoked = await revokeToken(dispatcher, loginUrl, refreshToken).catch(() => false);
  const outcome = revoked
    ? 'and the access that you granted is revoked'
    : 'but Salesforce still lists the access that you granted: revoke it there';
  return new AppError('login_refused', `${what}. Nothing was connected, ${outcome}. ${advice}`);
}

/** A code copied from a browser's address bar is still percent-encoded; a decoded one contains no percent sign. */
function decodeCode(code: string): string {
  try {
    return decodeURIComponent(code);
  } catch {
    return code;
  }
}
