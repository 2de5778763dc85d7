import { type KeyObject, randomBytes } from 'node:crypto';
import { OAuth2 } from 'jsforce/lib/oauth2.js';
import type { Dispatcher } from 'undici';
import { redactMessage } from '../core/redact.ts';
import { readRetryAfter, retryAfterOf } from '../core/retry-after.ts';
import { AppError, externalErrorCode } from '../errors.ts';
import { explainLoginError, explainRenewalError, findPolicy } from './login-help.ts';
import { LoginRefusal } from './login-refusal.ts';
import {
  NoResponseError,
  readResponse,
  replaceTransport,
  type SalesforceRequest,
  type SalesforceResponse,
  UnusableResponseError,
} from './transport.ts';

/** An External Client App. It belongs to one org, and so to one login host. */
export interface SalesforceApp {
  loginUrl: string;
  clientId: string;
  /** '': the app needs none, as that of the Salesforce CLI */
  clientSecret: string;
  /** signs the assertions of the JWT bearer flow; undefined: that flow is not configured */
  jwtKey?: KeyObject | undefined;
}

/** The token response for a code. It has no expiry: a session ends when a call is refused. */
export interface TokenResponse {
  accessToken: string;
  instanceUrl: string;
  /** the identity URL */
  id: string;
  refreshToken: string | undefined;
  /** the granted scopes, separated by spaces; undefined: not reported */
  scope: string | undefined;
}

/** The token response for a refresh token. It contains a new refresh token only if rotation is on. */
export type RenewalResponse = Pick<TokenResponse, 'accessToken' | 'refreshToken'> & {
  instanceUrl: string | undefined;
  id: string | undefined;
};

/** API access, and renewal without the user. */
const SCOPE = 'api refresh_token';

/** The HTTP statuses of OAuth errors (RFC 6749, 5.2), and the one that Salesforce adds. */
const REFUSED = [400, 401, 403];

/** Time limit for exchanging a code. */
const LOGIN_MS = 30_000;

/** Time limit for a renewal. Longer, because losing the response loses a rotated refresh token. */
const RENEWAL_MS = 120_000;

/** A PKCE verifier: 64 characters, within RFC 7636's 43 to 128. */
export function newCodeVerifier(): string {
  return randomBytes(48).toString('base64url');
}

/** The URL on which a user authorizes us. */
export function authorizeUrl(app: SalesforceApp, redirectUri: string, state: string, codeVerifier: string): string {
  return oauth2(app, redirectUri, codeVerifier).getAuthorizationUrl({ scope: SCOPE, state });
}

/**
 * Exchanges a code for tokens.
 * @throws AppError login_refused if Salesforce refuses the code, salesforce_unavailable if it does not respond
 */
export async function exchangeCode(
  dispatcher: Dispatcher,
  app: SalesforceApp,
  redirectUri: string,
  codeVerifier: string,
  code: string,
): Promise<TokenResponse> {
  const limits = { signal: undefined, totalMs: LOGIN_MS };
  const client = replaceTransport(oauth2(app, redirectUri, codeVerifier), (request) => send(dispatcher, request, limits));
  try {
    return toTokenResponse(await client.requestToken(code));
  } catch (error) {
    throw translate(error, app, (reason, description) => loginRefusedError(app.loginUrl, reason, description, error));
  }
}

/** The error of a refused login. Its cause is the LoginRefusal. @param reason the OAuth error code from the redirect or the token endpoint */
export function loginRefusedError(loginUrl: string, reason: string, description: string, cause?: unknown): AppError {
  const refusal = new LoginRefusal(reason, description, cause);
  return new AppError('login_refused', explainLoginError(reason, loginUrl, description), { cause: refusal });
}

/**
 * Exchanges a refresh token for a new access token. Allow only one concurrent call per grant.
 * @throws AppError needs_login if the grant is no longer valid, login_refused if our app's settings are wrong, salesforce_unavailable
 */
export async function renewTokens(
  dispatcher: Dispatcher,
  app: SalesforceApp,
  refreshToken: string,
  signal: AbortSignal,
): Promise<RenewalResponse> {
  const limits = { signal, totalMs: RENEWAL_MS };
  const client = replaceTransport(oauth2(app), (request) => send(dispatcher, request, limits));
  try {
    return toRenewalResponse(await client.refreshToken(refreshToken));
  } catch (error) {
    throw translate(error, app, (reason, description) => renewalRefusedError(reason, description, error));
  }
}

/**
 * Requests tokens by a flow without a user.
 * @param fields of the request, with the app's credentials as far as the flow requires them
 * @param refused the error for an OAuth error code and its description
 * @throws AppError what `refused` returns, salesforce_unavailable
 */
export async function requestTokens(
  dispatcher: Dispatcher,
  loginUrl: string,
  fields: Record<string, string>,
  signal: AbortSignal | undefined,
  refused: (reason: string, description: string, cause: unknown) => AppError,
): Promise<TokenResponse> {
  const client = replaceTransport(new OAuth2({ loginUrl }), (request) => send(dispatcher, request, { signal, totalMs: LOGIN_MS }));
  try {
    return toTokenResponse(await client.requestToken(fields as { grant_type: string }));
  } catch (error) {
    throw translate(error, { loginUrl }, (reason, description) => refused(reason, description, error));
  }
}

/** If the grant itself is still valid, its jobs wait until the cause is fixed. */
function renewalRefusedError(reason: string, description: string, cause: unknown): AppError {
  const policy = findPolicy(description);
  if (policy && !policy.endsGrant) return new AppError('login_refused', policy.help, { cause, recovery: 'defer' });
  if (reason !== 'invalid_grant') {
    return new AppError('login_refused', explainRenewalError(reason, description), { cause, recovery: 'defer' });
  }
  const redacted = redactMessage(description).replace(/[.:;, ]+$/, '');
  const help = `Salesforce no longer accepts this grant (invalid_grant${redacted && `: ${redacted}`}). To reconnect, call get_oauth_url and login_oauth_callback again.`;
  return new AppError('needs_login', policy?.help ?? help, { cause });
}

/** Checks a login host by sending an invalid code, which it refuses as invalid only if it knows the app. @throws AppError */
export async function checkLoginHost(dispatcher: Dispatcher, app: SalesforceApp): Promise<void> {
  try {
    await exchangeCode(dispatcher, app, 'https://localhost/', newCodeVerifier(), 'none');
  } catch (error) {
    if (['invalid_grant', 'invalid_request', 'redirect_uri_mismatch'].includes(refusalReason(error) ?? '')) return;
    throw error;
  }
}

/** The OAuth error code with which Salesforce refused a request; undefined for any other error. */
export function refusalReason(error: unknown): string | undefined {
  return error instanceof AppError && error.code === 'login_refused' ? (error.cause as Error | undefined)?.name : undefined;
}

function oauth2(app: SalesforceApp, redirectUri?: string, codeVerifier?: string): OAuth2 {
  const client = new OAuth2({ ...app, ...(redirectUri && { redirectUri }) });
  if (codeVerifier) client.codeVerifier = codeVerifier;
  return client;
}

/**
 * Sends a token request.
 * @throws an error whose name is the OAuth error code and whose message is the description, or whose name is ERROR_HTTP_ and the status: only
 * one of the statuses of OAuth errors, with a code, is a refusal
 */
async function send(
  dispatcher: Dispatcher,
  request: SalesforceRequest,
  limits: { signal: AbortSignal | undefined; totalMs: number },
): Promise<SalesforceResponse> {
  const response = await readResponse(dispatcher, request, limits);
  const { status, body, headers } = response;
  if (status < 400) return response;
  const { error, error_description: description } = REFUSED.includes(status) ? parseRefusal(body) : {};
  const name = typeof error === 'string' && error !== '' ? error : `ERROR_HTTP_${status}`;
  throw Object.assign(new Error(typeof description === 'string' ? description : ''), { name, retryAfterMs: readRetryAfter(headers) });
}

function parseRefusal(body: Buffer): { error?: unknown; error_description?: unknown } {
  try {
    return (JSON.parse(body.toString('utf8')) as object | null) ?? {};
  } catch {
    return {};
  }
}

function toTokenResponse(reply: object): TokenResponse {
  const { instance_url, id: identity, scope } = (reply ?? {}) as Record<string, unknown>;
  const { instanceUrl, id, ...tokens } = toRenewalResponse(reply);
  if (instanceUrl === undefined || id === undefined)
    throw malformedTokenError(`instance_url ${typeof instance_url}, id ${typeof identity}`);
  return { ...tokens, instanceUrl, id, scope: typeof scope === 'string' ? scope : undefined };
}

function toRenewalResponse(reply: object): RenewalResponse {
  const { access_token, instance_url, refresh_token, id } = (reply ?? {}) as Record<string, unknown>;
  if (typeof access_token !== 'string') throw malformedTokenError(`access_token ${typeof access_token}`);
  return {
    accessToken: access_token,
    instanceUrl: typeof instance_url === 'string' ? instance_url.replace(/\/$/, '') : undefined,
    refreshToken: typeof refresh_token === 'string' ? refresh_token : undefined,
    id: typeof id === 'string' ? id : undefined,
  };
}

function malformedTokenError(types: string): AppError {
  return new AppError('salesforce_unavailable', 'The login host returned a malformed token response. Check SALESFORCE_LOGIN_URL.', {
    details: { types },
  });
}

/** @param error from `send`, or of the call */
function translate(
  error: unknown,
  { loginUrl }: Pick<SalesforceApp, 'loginUrl'>,
  refused: (reason: string, description: string) => AppError,
): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof UnusableResponseError || error instanceof NoResponseError) return unusableResponseError(error, loginUrl);
  const { name, message } = error as Error;
  const transient = (sentence: string): AppError =>
    new AppError('salesforce_unavailable', sentence, { cause: error, ...retryAfterOf(error) });
  // Concurrent renewals or too many logins: the grant is still valid.
  if (message.includes('already being processed')) {
    return transient('Salesforce is already renewing this session (token request is already being processed). Try again shortly.');
  }
  if (name === 'rate_limit_exceeded') {
    return transient(
      'The Salesforce user logged in too often (rate_limit_exceeded). Salesforce allows 3,600 logins an hour. Try again later.',
    );
  }
  const status = /^ERROR_HTTP_(\d+)$/.exec(name)?.[1];
  if (status) {
    return transient(
      `The login host ${loginUrl} returned HTTP ${status} instead of tokens. Try again shortly. If this persists, check SALESFORCE_LOGIN_URL.`,
    );
  }
  const reason = externalErrorCode(error);
  if (reason || ['TypeError', 'Error', 'TimeoutError'].includes(name)) {
    const why = reason ?? (name === 'TimeoutError' ? 'timeout' : 'no reason given');
    return transient(`The login host ${loginUrl} did not respond (${why}). Try again shortly.`);
  }
  return refused(name, message);
}

/** We never follow redirects: the form contains the app's secret and a code or refresh token. */
function unusableResponseError(error: UnusableResponseError | NoResponseError, loginUrl: string): AppError {
  const { host } = new URL(loginUrl);
  if (error instanceof NoResponseError || error.reason !== 'redirect') {
    const what =
      error instanceof UnusableResponseError && error.reason === 'web-page'
        ? `returned a web page (HTTP ${error.status})`
        : 'did not respond';
    return new AppError('salesforce_unavailable', `The Salesforce login host ${host} ${what}. Try again shortly.`, {
      cause: error,
      ...retryAfterOf(error),
    });
  }
  return new AppError(
    'login_refused',
    `The Salesforce login host ${host} redirects to ${error.target ?? 'an unknown host'}. If that is the org's new login host, set it in SALESFORCE_LOGIN_URL or SALESFORCE_APPS, then connect again.`,
    { cause: error, recovery: 'defer' },
  );
}
