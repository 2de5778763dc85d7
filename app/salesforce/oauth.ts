import { randomBytes } from 'node:crypto';
import jsforce from 'jsforce';
import { AppError, foreignCode } from '../errors.ts';
import { orGiveUp } from './or-give-up.ts';

/** An External Client App: it belongs to one org, so to one login host. */
export interface SalesforceApp {
  loginUrl: string;
  clientId: string;
  clientSecret: string;
}

/** What Salesforce gives at the token endpoint. No expiry is among it: a session ends when a call is refused. */
export interface TokenReply {
  accessToken: string;
  instanceUrl: string;
  /** the identity URL */
  id: string;
  /** absent in a renewal, unless rotation is on */
  refreshToken: string | undefined;
}

/** What we ask of a user: the APIs, and to be let in again without them. */
const SCOPE = 'api refresh_token';

/** The login host says nothing for this long: the exchange failed. A connection's row is locked meanwhile. */
const LOGIN_MS = 30_000;

/** A PKCE verifier: 64 characters, within RFC 7636's 43 to 128. */
export function newCodeVerifier(): string {
  return randomBytes(48).toString('base64url');
}

/** The URL to which a user is sent to allow us in. */
export function authorizeUrl(app: SalesforceApp, redirectUri: string, state: string, codeVerifier: string): string {
  return oauth2(app, redirectUri, codeVerifier).getAuthorizationUrl({ scope: SCOPE, state });
}

/**
 * Trades a code for tokens.
 * @throws AppError login_refused when Salesforce refuses it, salesforce_unavailable when it does not answer
 */
export async function exchangeCode(app: SalesforceApp, redirectUri: string, codeVerifier: string, code: string): Promise<TokenReply> {
  try {
    return toReply(await orGiveUp(oauth2(app, redirectUri, codeVerifier).requestToken(code), LOGIN_MS));
  } catch (error) {
    throw translate(error, (reason) => new AppError('login_refused', loginHelp(reason, app.loginUrl), { cause: error }));
  }
}

/**
 * Trades a refresh token for a new access token. To be called by one caller at a time for each grant.
 * @throws AppError needs_login when the grant is gone, login_refused when our app's settings are wrong, salesforce_unavailable
 */
export async function renewTokens(app: SalesforceApp, refreshToken: string): Promise<TokenReply> {
  try {
    return toReply(await orGiveUp(oauth2(app).refreshToken(refreshToken), LOGIN_MS));
  } catch (error) {
    throw translate(error, (reason) =>
      reason === 'invalid_grant'
        ? new AppError('needs_login', 'Salesforce no longer accepts this grant: call get_oauth_url and login_oauth_callback again.', {
            cause: error,
          })
        : new AppError('login_refused', loginHelp(reason, app.loginUrl), { cause: error, recovery: 'defer' }),
    );
  }
}

/** Asks a login host for tokens with a code that is none: it refuses the code, if it knows the app. @throws AppError */
export async function reachLogin(app: SalesforceApp): Promise<void> {
  try {
    await exchangeCode(app, 'https://localhost/', newCodeVerifier(), 'none');
  } catch (error) {
    const reason = error instanceof AppError ? (error.cause as Error | undefined)?.name : undefined;
    if (['invalid_grant', 'invalid_request', 'redirect_uri_mismatch'].includes(reason ?? '')) return;
    throw error;
  }
}

/** What to do about each refusal, by the OAuth error code that comes with the redirect or from the token endpoint. */
export function loginHelp(reason: string, loginUrl: string): string {
  const help: Record<string, string> = {
    access_denied: 'The user refused access: call get_oauth_url again, and choose Allow on the page it gives.',
    'access-denied': 'The user refused access: call get_oauth_url again, and choose Allow on the page it gives.',
    invalid_grant:
      'Salesforce no longer accepts this authorization_code: a code works once, for 15 minutes. Call get_oauth_url again and use the new code.',
    invalid_request: 'The authorization_code belongs to another authorize URL: call get_oauth_url again and use the code that follows it.',
    redirect_uri_mismatch: 'This redirect_uri is not among the callback URLs of the External Client App: add it there, to the letter.',
    invalid_client_id: 'Salesforce does not know SALESFORCE_CLIENT_ID: check it; an app made less than ten minutes ago may not work yet.',
    invalid_client: 'Salesforce refused SALESFORCE_CLIENT_SECRET: set the consumer secret of the External Client App.',
    invalid_scope: 'The External Client App lacks a scope: give it "api" and "refresh_token".',
    invalid_app_access: 'The user is not approved for the External Client App: have an admin pre-authorize the user.',
    OAUTH_APP_ACCESS_DENIED: 'The user is not approved for the External Client App: have an admin pre-authorize the user.',
    OAUTH_APP_BLOCKED: 'The org blocks the app: have an admin install and unblock it.',
    OAUTH_AUTHORIZATION_BLOCKED: 'The org blocks the app: have an admin install and unblock it.',
    OAUTH_EC_APP_NOT_FOUND: `The org behind ${loginUrl} does not have this External Client App: set SALESFORCE_LOGIN_URL to the My Domain of the org that has it.`,
    OAUTH_APPROVAL_ERROR_GENERIC:
      'Salesforce could not approve the app: check that it is installed in the org, has the scopes "api" and "refresh_token", and that the user is no API-only user.',
  };
  return help[reason] ?? `Salesforce refused the login (${/^[A-Za-z_-]{1,60}$/.test(reason) ? reason : 'no reason given'}).`;
}

function oauth2(app: SalesforceApp, redirectUri?: string, codeVerifier?: string): jsforce.OAuth2 {
  const client = new jsforce.OAuth2({ ...app, ...(redirectUri && { redirectUri }) });
  if (codeVerifier) client.codeVerifier = codeVerifier;
  return client;
}

function toReply(reply: object): TokenReply {
  const { access_token, instance_url, id, refresh_token } = (reply ?? {}) as Record<string, unknown>;
  if (typeof access_token !== 'string' || typeof instance_url !== 'string' || typeof id !== 'string') {
    throw new AppError('salesforce_unavailable', 'The login host did not answer as Salesforce does: check SALESFORCE_LOGIN_URL.');
  }
  return {
    accessToken: access_token,
    instanceUrl: instance_url.replace(/\/$/, ''),
    id,
    refreshToken: typeof refresh_token === 'string' ? refresh_token : undefined,
  };
}

/** jsforce gives the OAuth error code as the error's name. */
function translate(error: unknown, refused: (reason: string) => AppError): AppError {
  if (error instanceof AppError) return error;
  const { name, message } = error as Error;
  const status = Number(/^ERROR_HTTP_(\d+)$/.exec(name)?.[1] ?? 0);
  // Two renewals at once, or too many logins: not the grant's fault.
  const passing = name === 'rate_limit_exceeded' || message.includes('already being processed');
  if (passing || status >= 400 || ['TypeError', 'Error', 'TimeoutError'].includes(name) || foreignCode(error)) {
    return new AppError('salesforce_unavailable', 'The Salesforce login host did not answer: try again shortly.', { cause: error });
  }
  return refused(name);
}
