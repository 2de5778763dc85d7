import type { Context } from '../../context.ts';
import { AppError } from '../../errors.ts';
import { type Authorization, openAuthorizations, useAuthorization } from '../../store/connections/authorizations.ts';
import { completeLogin, startLogin } from './login.ts';

/** Salesforce's limit, in characters, on all callback URLs of an app together. */
const MAX_REDIRECT_URI = 2_000;

/**
 * Starts a login.
 * @param apiKey name of the key of the caller, who alone may complete it
 * @returns the URL to send the user to
 * @throws AppError invalid_request
 */
export async function startConnection(
  context: Context,
  redirectUri: string,
  loginUrl: string | undefined,
  apiKey: string,
): Promise<string> {
  requireRedirectUri(redirectUri, context.config.http.publicUrl);
  return await startLogin(context, { apiKey }, redirectUri, loginUrl);
}

/** What Salesforce added to the callback URL. */
export interface LoginCallback {
  redirectUri: string;
  /** undefined: an error came instead */
  authorizationCode: string | undefined;
  error: string | undefined;
  errorDescription: string | undefined;
  state: string | undefined;
}

/**
 * Completes the login of `startConnection` and stores the grant.
 * @param apiKey name of the caller's key
 * @returns the user_id, Salesforce's identity URL
 * @throws AppError
 */
export async function finishConnection(context: Context, callback: LoginCallback, apiKey: string): Promise<string> {
  const { authorizationCode, error, errorDescription, state } = callback;
  context.agreement.requireNotHalted();
  const login = await findLogin(context, callback, apiKey);
  if (error === undefined && !authorizationCode) {
    throw new AppError('invalid_request', 'authorization_code is missing. Pass the code from the redirect.');
  }
  if (!(await useAuthorization(context.database, login))) throw noLoginError(state);
  const answer = error === undefined ? { code: authorizationCode! } : { error, description: errorDescription };
  const { identityUrl } = await completeLogin(context, login, answer, apiKey);
  return identityUrl;
}

/** The open login that a callback belongs to: that of its state, or else the only one. @throws AppError invalid_request */
async function findLogin({ database, sealer }: Context, { redirectUri, state }: LoginCallback, apiKey: string): Promise<Authorization> {
  const [login, ...others] = await openAuthorizations(database, sealer, { apiKey }, redirectUri, state);
  if (!login) throw noLoginError(state);
  if (others.length === 0) return login;
  throw new AppError(
    'invalid_request',
    `${others.length + 1} logins are open for this redirect_uri, so it does not identify one. Also send state, from the same redirect.`,
  );
}

function noLoginError(state: string | undefined): AppError {
  const what = state === undefined ? 'redirect_uri' : 'redirect_uri and state';
  return new AppError(
    'invalid_request',
    `This API key has no open login for this ${what}. Call get_oauth_url, then complete the login once, within ten minutes and with the same key.`,
  );
}

/**
 * Salesforce sends the code to this URL, so it must be https or on this machine, and every program must read the same host in it: no user
 * info, no backslash, exactly two slashes before the host.
 */
function requireRedirectUri(text: string, publicUrl: string | undefined): void {
  const url = text.length <= MAX_REDIRECT_URI && /^https?:\/\/[^\s/\\@?#]+(?:[/?][^\s\\#]*)?$/i.test(text) ? URL.parse(text) : undefined;
  const local = url?.protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url && !url.pathname.includes('//') && (url.protocol === 'https:' || local)) return;
  const example = publicUrl ? `, for example ${publicUrl}/login/callback` : '';
  throw new AppError(
    'invalid_request',
    `redirect_uri must be an https URL without user info or a fragment, one of the callback URLs of the External Client App${example}.`,
  );
}
