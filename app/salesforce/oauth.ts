import { randomBytes } from 'node:crypto';
import jsforce from 'jsforce';
import type { Dispatcher } from 'undici';
import { failureSentence } from '../core/failure-sentence.ts';
import { redactMessage } from '../core/redact.ts';
import { AppError, foreignCode } from '../errors.ts';
import { NoResponse, plugTransport, readResponse, UnusableResponse } from './transport.ts';

/** An External Client App: it belongs to one org, so to one login host. */
export interface SalesforceApp {
  loginUrl: string;
  clientId: string;
  clientSecret: string;
}

/** What Salesforce gives for a code. No expiry is among it: a session ends when a call is refused. */
export interface TokenReply {
  accessToken: string;
  instanceUrl: string;
  /** the identity URL */
  id: string;
  refreshToken: string | undefined;
}

/** What Salesforce gives for a refresh token: another one only where rotation is on. */
export type RenewalReply = Pick<TokenReply, 'accessToken' | 'refreshToken'> & { instanceUrl: string | undefined };

/** What we ask of a user: the APIs, and to be let in again without them. */
const SCOPE = 'api refresh_token';

/** The login host says nothing for this long: the exchange of a code failed. */
const LOGIN_MS = 30_000;

/** A renewal is waited for longer: where refresh tokens rotate, its reply must not be lost. */
const RENEWAL_MS = 120_000;

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
export async function exchangeCode(
  dispatcher: Dispatcher,
  app: SalesforceApp,
  redirectUri: string,
  codeVerifier: string,
  code: string,
): Promise<TokenReply> {
  const limits = { signal: undefined, totalMs: LOGIN_MS };
  const client = plugTransport(oauth2(app, redirectUri, codeVerifier), (request) => readResponse(dispatcher, request, limits));
  try {
    return toReply(await client.requestToken(code));
  } catch (error) {
    throw translate(
      error,
      app,
      (reason, description) => new AppError('login_refused', loginHelp(reason, app.loginUrl, description), { cause: error }),
    );
  }
}

/**
 * Trades a refresh token for a new access token. To be called by one caller at a time for each grant.
 * @throws AppError needs_login when the grant is gone, login_refused when our app's settings are wrong, salesforce_unavailable
 */
export async function renewTokens(
  dispatcher: Dispatcher,
  app: SalesforceApp,
  refreshToken: string,
  signal: AbortSignal,
): Promise<RenewalReply> {
  const limits = { signal, totalMs: RENEWAL_MS };
  const client = plugTransport(oauth2(app), (request) => readResponse(dispatcher, request, limits));
  try {
    return toRenewal(await client.refreshToken(refreshToken));
  } catch (error) {
    throw translate(error, app, (reason, description) => renewalRefused(reason, description, app, error));
  }
}

/** Where the grant itself lives on, its jobs wait until somebody has changed what stands in the way. */
function renewalRefused(reason: string, description: string, app: SalesforceApp, cause: unknown): AppError {
  const policy = policyHelp(description);
  if (policy && !policy.endsGrant) return new AppError('login_refused', policy.help, { cause, recovery: 'defer' });
  if (reason !== 'invalid_grant') {
    return new AppError('login_refused', loginHelp(reason, app.loginUrl, description), { cause, recovery: 'defer' });
  }
  const said = redactMessage(description).replace(/[.:;, ]+$/, '');
  const help = `Salesforce no longer accepts this grant (invalid_grant${said && `: ${said}`}): call get_oauth_url and login_oauth_callback again.`;
  return new AppError('needs_login', policy?.help ?? help, { cause });
}

/** Asks a login host for tokens with a code that is none: it refuses the code, if it knows the app. @throws AppError */
export async function reachLogin(dispatcher: Dispatcher, app: SalesforceApp): Promise<void> {
  try {
    await exchangeCode(dispatcher, app, 'https://localhost/', newCodeVerifier(), 'none');
  } catch (error) {
    const reason = error instanceof AppError ? (error.cause as Error | undefined)?.name : undefined;
    if (['invalid_grant', 'invalid_request', 'redirect_uri_mismatch'].includes(reason ?? '')) return;
    throw error;
  }
}

/** What of an org or a user stands in the way of every login and renewal, who can change it, and how. */
interface Policy {
  said: RegExp;
  help: string;
  /** the grant cannot be used again: a person must log in */
  endsGrant: boolean;
}

const POLICIES: readonly Policy[] = [
  {
    said: /inactive user/i,
    help: 'The Salesforce user of this connection is inactive. Have an admin of the org activate the user in Setup, Users; or call get_oauth_url and login_oauth_callback as another user.',
    endsGrant: true,
  },
  {
    said: /ip restricted/i,
    help: "Salesforce does not accept this service's IP address (ip restricted). Have an admin of the org add it to the Login IP Ranges of the user's profile, or relax IP restrictions in the policies of the External Client App.",
    endsGrant: false,
  },
  {
    said: /invalid login hours/i,
    help: "It is outside the Salesforce user's login hours (invalid login hours). It works within them; an admin of the org can change the Login Hours of the user's profile.",
    endsGrant: false,
  },
  {
    said: /inactive organization/i,
    help: 'The Salesforce org is inactive (inactive organization): it is locked, closed or its trial has expired. Have its admin contact Salesforce.',
    endsGrant: false,
  },
];

function policyHelp(description: string): Policy | undefined {
  return POLICIES.find(({ said }) => said.test(description));
}

/**
 * What to do about each refusal.
 * @param reason the OAuth error code that comes with the redirect or from the token endpoint
 * @param description Salesforce's words for it, where they came
 */
export function loginHelp(reason: string, loginUrl: string, description = ''): string {
  const policy = policyHelp(description);
  if (policy) return policy.help;
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
  if (Object.hasOwn(help, reason)) return help[reason]!;
  const code = /^[A-Za-z_-]{1,60}$/.test(reason) ? reason : 'no reason given';
  return failureSentence({ doing: 'log in', what: 'Salesforce refused it', code, message: description });
}

function oauth2(app: SalesforceApp, redirectUri?: string, codeVerifier?: string): jsforce.OAuth2 {
  const client = new jsforce.OAuth2({ ...app, ...(redirectUri && { redirectUri }) });
  if (codeVerifier) client.codeVerifier = codeVerifier;
  return client;
}

function toReply(reply: object): TokenReply {
  const { instance_url, id } = (reply ?? {}) as Record<string, unknown>;
  const { instanceUrl, ...tokens } = toRenewal(reply);
  if (instanceUrl === undefined || typeof id !== 'string') throw notSalesforce(`instance_url ${typeof instance_url}, id ${typeof id}`);
  return { ...tokens, instanceUrl, id };
}

function toRenewal(reply: object): RenewalReply {
  const { access_token, instance_url, refresh_token } = (reply ?? {}) as Record<string, unknown>;
  if (typeof access_token !== 'string') throw notSalesforce(`access_token ${typeof access_token}`);
  return {
    accessToken: access_token,
    instanceUrl: typeof instance_url === 'string' ? instance_url.replace(/\/$/, '') : undefined,
    refreshToken: typeof refresh_token === 'string' ? refresh_token : undefined,
  };
}

function notSalesforce(types: string): AppError {
  return new AppError('salesforce_unavailable', 'The login host did not answer as Salesforce does: check SALESFORCE_LOGIN_URL.', {
    details: { types },
  });
}

/** jsforce gives the OAuth error code as the error's name. */
function translate(error: unknown, { loginUrl }: SalesforceApp, refused: (reason: string, description: string) => AppError): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof UnusableResponse || error instanceof NoResponse) return unusableReply(error, loginUrl);
  const { name, message } = error as Error;
  const transient = (sentence: string): AppError => new AppError('salesforce_unavailable', sentence, { cause: error });
  // Two renewals at once, or too many logins: not the grant's fault.
  if (message.includes('already being processed')) {
    return transient(
      'Salesforce is already processing a renewal of this session (token request is already being processed). Try again shortly.',
    );
  }
  if (name === 'rate_limit_exceeded') {
    return transient('The Salesforce user logged in too often (rate_limit_exceeded): 3,600 logins an hour are allowed. Try again later.');
  }
  const status = /^ERROR_HTTP_(\d+)$/.exec(name)?.[1];
  if (status) {
    return transient(
      `The login host ${loginUrl} answered HTTP ${status} in place of tokens. Try again shortly; if this goes on, check SALESFORCE_LOGIN_URL.`,
    );
  }
  const reason = foreignCode(error);
  if (reason || ['TypeError', 'Error', 'TimeoutError'].includes(name)) {
    const why = reason ?? (name === 'TimeoutError' ? 'time-out' : 'no reason given');
    return transient(`The login host ${loginUrl} gave no answer (${why}). Try again shortly.`);
  }
  return refused(name, message);
}

/** A redirect is not followed: the form holds the app's secret and a code or refresh token. */
function unusableReply(error: UnusableResponse | NoResponse, loginUrl: string): AppError {
  const { host } = new URL(loginUrl);
  if (error instanceof NoResponse || error.reason !== 'redirect') {
    const what =
      error instanceof UnusableResponse && error.reason === 'web-page' ? `returned a web page (HTTP ${error.status})` : 'did not answer';
    return new AppError('salesforce_unavailable', `The Salesforce login host ${host} ${what}: try again shortly.`, { cause: error });
  }
  return new AppError(
    'login_refused',
    `The Salesforce login host ${host} redirects to ${error.target ?? 'an unknown host'}. If that is the org's login host now, name it in SALESFORCE_LOGIN_URL or SALESFORCE_APPS, then call get_oauth_url and login_oauth_callback again.`,
    { cause: error, recovery: 'defer' },
  );
}
