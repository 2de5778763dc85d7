import { randomBytes } from 'node:crypto';
import type { Context } from '../context.ts';
import { parseIdentityUrl } from '../core/identity.ts';
import { AppError } from '../errors.ts';
import { authorizeUrl, exchangeCode, loginHelp, newCodeVerifier } from '../salesforce/oauth.ts';
import { deleteAuthorization, findAuthorization, startAuthorization } from '../store/authorizations.ts';
import { saveGrant } from '../store/connections.ts';

/** Salesforce allows as many characters for all callback URLs of an app together. */
const MAX_REDIRECT_URI = 2_000;

/** Begins a connection. @returns the URL to which the user is to be sent @throws AppError invalid_request */
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

export interface Callback {
  redirectUri: string;
  /** what came back with the redirect: a code, or an error */
  authorizationCode: string | undefined;
  error: string | undefined;
  state: string | undefined;
}

/** Ends what `startConnection` began: keeps the grant. @returns the user_id, Salesforce's identity URL @throws AppError */
export async function finishConnection(context: Context, callback: Callback): Promise<string> {
  const { redirectUri, authorizationCode, error, state } = callback;
  const begun = await findAuthorization(context.database, context.sealer, redirectUri, state);
  if (!begun) {
    const what = state === undefined ? 'redirect_uri' : 'redirect_uri and state';
    throw new AppError('invalid_request', `No login is under way for this ${what}: call get_oauth_url first, within the hour.`);
  }
  if (error !== undefined) {
    await deleteAuthorization(context.database, begun);
    throw new AppError('login_refused', loginHelp(error, begun.loginUrl));
  }
  if (!authorizationCode)
    throw new AppError('invalid_request', 'authorization_code is missing: give the code that came with the redirect.');
  const reply = await exchangeCode(
    context.dispatcher,
    context.app(begun.loginUrl),
    redirectUri,
    begun.codeVerifier,
    decodeCode(authorizationCode),
  );
  const identity = parseIdentityUrl(reply.id);
  if (!identity)
    throw new AppError('salesforce_unavailable', 'Salesforce gave no identity URL that we understand: check SALESFORCE_LOGIN_URL.');
  if (!reply.refreshToken) {
    throw new AppError(
      'login_refused',
      'Salesforce gave no refresh token: give the External Client App the scope "refresh_token" and a policy that lets it live.',
    );
  }
  const grant = { ...reply, refreshToken: reply.refreshToken, identityUrl: reply.id, loginUrl: begun.loginUrl };
  const connection = await saveGrant(context.database, context.sealer, identity, grant);
  await deleteAuthorization(context.database, begun);
  context.log.info({ event: 'connected', connection: connection.id, org: identity.orgId });
  return reply.id;
}

/** A code that was copied out of a browser's address bar is still percent-encoded; a decoded one holds no percent sign. */
function decodeCode(code: string): string {
  try {
    return decodeURIComponent(code);
  } catch {
    return code;
  }
}

/** Salesforce sends the user there with a code: https, or this very machine. */
function requireRedirectUri(text: string, publicUrl: string | undefined): void {
  const url = text.length <= MAX_REDIRECT_URI ? URL.parse(text) : undefined;
  const local = url?.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url && !url.hash && (url.protocol === 'https:' || local)) return;
  const example = publicUrl ? `, such as ${publicUrl}/login/callback` : '';
  throw new AppError(
    'invalid_request',
    `redirect_uri must be an https URL without a fragment, one of the callback URLs of the External Client App${example}.`,
  );
}
