import { type KeyObject, randomBytes } from 'node:crypto';
import { OAuth2 } from 'jsforce/lib/oauth2.js';
import type { Dispatcher } from 'undici';
import { failureMessage } from '../core/failure-message.ts';
import { redactMessage } from '../core/redact.ts';
import { readRetryAfter, retryAfterOf } from '../core/retry-after.ts';
import { AppError, externalErrorCode } from '../errors.ts';
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
    throw translate(error, app, (reason, description) => renewalRefusedError(reason, description, app, error));
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
function renewalRefusedError(reason: string, description: string, app: SalesforceApp, cause: unknown): AppError {
  const policy = findPolicy(description);
  if (policy && !policy.endsGrant) return new AppError('login_refused', policy.help, { cause, recovery: 'defer' });
  if (reason !== 'invalid_grant') {
    return new AppError('login_refused', explainLoginError(reason, app.loginUrl, description), { cause, recovery: 'defer' });
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

/** A setting of the org or user that blocks every login and renewal; who can change it, and how. */
interface Policy {
  pattern: RegExp;
  help: string;
  /** the grant is dead: a user must log in again */
  endsGrant: boolean;
}

const POLICIES: readonly Policy[] = [
  {
    pattern: /inactive user/i,
    help: 'The Salesforce user of this connection is inactive. Have an admin of the org activate the user in Setup, Users, or connect as another user.',
    endsGrant: true,
  },
  {
    pattern: /ip restricted/i,
    help: "Salesforce does not accept this service's IP address (ip restricted). Have an admin of the org add it to the Login IP Ranges of the user's profile, or relax IP restrictions in the policies of the External Client App.",
    endsGrant: false,
  },
  {
    pattern: /invalid login hours/i,
    help: "It is outside the Salesforce user's login hours (invalid login hours). The service continues during login hours. An admin of the org can change the Login Hours of the user's profile.",
    endsGrant: false,
  },
  {
    pattern: /inactive organization/i,
    help: 'The Salesforce org is inactive (inactive organization): it is locked or closed, or its trial has expired. Have its admin contact Salesforce.',
    endsGrant: false,
  },
];

function findPolicy(description: string): Policy | undefined {
  return POLICIES.find(({ pattern }) => pattern.test(description));
}

/** What to do about a setting of the org or user that blocks every login; undefined: the description is of something else. */
export function explainPolicy(description: string): string | undefined {
  return findPolicy(description)?.help;
}

/**
 * The message for an OAuth error, which says what to do.
 * @param reason the OAuth error code from the redirect or the token endpoint
 * @param description Salesforce's error_description, if any
 * @param again what starts another login
 */
export function explainLoginError(reason: string, loginUrl: string, description = '', again = 'Call get_oauth_url again'): string {
  const policy = explainPolicy(description);
  if (policy) return policy;
  const denied = `The user denied access. ${again} and choose Allow on that page.`;
  const help: Record<string, string> = {
    access_denied: denied,
    'access-denied': denied,
    invalid_grant: `Salesforce no longer accepts this authorization code: a code works once, for 15 minutes. ${again} to get a new one.`,
    invalid_request: `The authorization code belongs to another login. ${again} and complete that login.`,
    redirect_uri_mismatch: 'This redirect_uri is not a callback URL of the External Client App. Add it there, exactly as sent.',
    invalid_client_id: 'Salesforce does not recognize SALESFORCE_CLIENT_ID. Check it; a new app may take ten minutes to work.',
    invalid_client: 'Salesforce refused SALESFORCE_CLIENT_SECRET. Set it to the consumer secret of the External Client App.',
    invalid_scope: 'The External Client App lacks a scope. Add the scopes "api" and "refresh_token".',
    invalid_app_access: 'The user is not approved for the External Client App. Have an admin of the org pre-authorize the user.',
    OAUTH_APP_ACCESS_DENIED: 'The user is not approved for the External Client App. Have an admin of the org pre-authorize the user.',
    OAUTH_APP_BLOCKED: 'The org blocks the app. Have an admin of the org install and unblock it.',
    OAUTH_AUTHORIZATION_BLOCKED: 'The org blocks the app. Have an admin of the org install and unblock it.',
    OAUTH_EC_APP_NOT_FOUND: `The org at ${loginUrl} does not have this External Client App. Set SALESFORCE_LOGIN_URL to the My Domain of the org that has it.`,
    OAUTH_APPROVAL_ERROR_GENERIC:
      'Salesforce could not approve the app. Check that it is installed in the org and has the scopes "api" and "refresh_token", and that the user is not an API-only user.',
  };
  if (Object.hasOwn(help, reason)) return help[reason]!;
  const code = /^[A-Za-z_-]{1,60}$/.test(reason) ? reason : 'no reason given';
  return failureMessage({ doing: 'log in', what: 'Salesforce refused it', code, message: description });
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
