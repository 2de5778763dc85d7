import { randomBytes } from 'node:crypto';
import type { Context } from '../context.ts';
import { parseIdentityUrl } from '../core/identity.ts';
import { AppError } from '../errors.ts';
import { authorizeUrl, exchangeCode, explainLoginError, newCodeVerifier } from '../salesforce/oauth.ts';
import { deleteAuthorization, findAuthorization, startAuthorization } from '../store/authorizations.ts';
import { saveGrant } from '../store/connections.ts';
import { continueJobs } from './continue-jobs.ts';

/** Salesforce's limit, in characters, on all callback URLs of an app together. */
const MAX_REDIRECT_URI = 2_000;

/** Starts a login. @returns the URL to send the user to @throws AppError invalid_request */
export async function startConnection(context: Context, redirectUri: string, loginUrl: string | undefined): Promise<string> {
  requireRedirectUri(redirectUri, context.config.http.publicUrl);
  const app = context.app(loginUrl);
  const wanted = {
    state: randomBytes(24).toString('base64url'),
    redirectUri,
    loginUrl: app.loginUrl,
    codeVerifier: newCodeVerifier(),
  };
  const { state, codeVerifier } = await startAuthorization(context.database, context.sealer, wanted);
  return authorizeUrl(app, redirectUri, state, codeVerifier);
}

export interface LoginCallback {
  redirectUri: string;
  /** from the redirect: a code, or an error */
  authorizationCode: string | undefined;
  error: string | undefined;
  state: string | undefined;
}

/** Completes the login of `startConnection` and stores the grant. @returns the user_id, Salesforce's identity URL @throws AppError */
export async function finishConnection(context: Context, callback: LoginCallback): Promise<string> {
  const { redirectUri, authorizationCode, error, state } = callback;
  context.agreement.requireNotHalted();
  const authorization = await findAuthorization(context.database, context.sealer, redirectUri, state);
  if (!authorization) {
    const what = state === undefined ? 'redirect_uri' : 'redirect_uri and state';
    throw new AppError(
      'invalid_request',
      `No login is in progress for this ${what}. Call get_oauth_url, then complete the login within one hour.`,
    );
  }
  if (error !== undefined) {
    await deleteAuthorization(context.database, authorization);
    throw new AppError('login_refused', explainLoginError(error, authorization.loginUrl));
  }
  if (!authorizationCode) throw new AppError('invalid_request', 'authorization_code is missing. Pass the code from the redirect.');
  const reply = await exchangeCode(
    context.dispatcher,
    context.app(authorization.loginUrl),
    redirectUri,
    authorization.codeVerifier,
    decodeCode(authorizationCode),
  );
  const identity = parseIdentityUrl(reply.id);
  if (!identity) throw new AppError('salesforce_unavailable', 'Salesforce returned a malformed identity URL. Check SALESFORCE_LOGIN_URL.');
  if (!reply.refreshToken) {
    throw new AppError(
      'login_refused',
      'Salesforce returned no refresh token. Add the scope "refresh_token" to the External Client App, with a policy that keeps refresh tokens valid.',
    );
  }
  const grant = { ...reply, refreshToken: reply.refreshToken, identityUrl: reply.id, loginUrl: authorization.loginUrl };
  const connection = await saveGrant(context.database, context.sealer, identity, grant);
  await deleteAuthorization(context.database, authorization);
  context.events.connected(connection);
  await continueJobs(context, connection);
  return reply.id;
}

/** A code copied from a browser's address bar is still percent-encoded; a decoded one contains no percent sign. */
function decodeCode(code: string): string {
  try {
    return decodeURIComponent(code);
  } catch {
    return code;
  }
}

/** Salesforce sends the code to this URL, so it must be https or on this machine. */
function requireRedirectUri(text: string, publicUrl: string | undefined): void {
  const url = text.length <= MAX_REDIRECT_URI ? URL.parse(text) : undefined;
  const local = url?.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url && !url.hash && (url.protocol === 'https:' || local)) return;
  const example = publicUrl ? `, for example ${publicUrl}/login/callback` : '';
  throw new AppError(
    'invalid_request',
    `redirect_uri must be an https URL without a fragment, one of the callback URLs of the External Client App${example}.`,
  );
}
