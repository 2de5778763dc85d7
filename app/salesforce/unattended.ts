import type { KeyObject } from 'node:crypto';
import type { Dispatcher } from 'undici';
import type { UnattendedLogin } from '../core/connections/login-flow.ts';
import { failureMessage } from '../core/failure-message.ts';
import { AppError } from '../errors.ts';
import { signAssertion } from './jwt-assertion.ts';
import { explainLoginError, explainPolicy, SEE_HISTORY } from './login-help.ts';
import { requestTokens, type SalesforceApp, type TokenResponse } from './oauth.ts';

/** They serve all orgs, and so never the client credentials flow. */
const SHARED_LOGIN_HOSTS = ['login.salesforce.com', 'test.salesforce.com'];

/**
 * Requests a session without a user. The same call renews it.
 * @throws AppError login_refused, deferred, if Salesforce refuses it or a setting is missing; salesforce_unavailable
 */
export async function requestSession(
  dispatcher: Dispatcher,
  app: SalesforceApp,
  login: UnattendedLogin,
  signal: AbortSignal | undefined,
): Promise<TokenResponse> {
  const fields = login.flow === 'client_credentials' ? clientCredentials(app) : jwtBearer(app, login.username, requireKey(app));
  return await requestTokens(dispatcher, app.loginUrl, fields, signal, (reason, description, cause) =>
    refusedError(explain(login, app.loginUrl, reason, description), cause),
  );
}

function clientCredentials({ loginUrl, clientId, clientSecret }: SalesforceApp): Record<string, string> {
  if (SHARED_LOGIN_HOSTS.includes(new URL(loginUrl).hostname)) throw refusedError(NOT_MY_DOMAIN);
  return { grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret };
}

function jwtBearer(app: SalesforceApp, username: string, key: KeyObject): Record<string, string> {
  return {
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion: signAssertion(app, username, key, new Date()),
  };
}

function requireKey({ jwtKey, loginUrl }: SalesforceApp): KeyObject {
  if (jwtKey) return jwtKey;
  throw refusedError(
    `The app of ${loginUrl} has no private key. Set SALESFORCE_JWT_KEY, or "jwt_key" in SALESFORCE_APPS, to the key of the certificate in the External Client App.`,
  );
}

const NOT_MY_DOMAIN =
  "The client credentials flow works only at the org's My Domain. Set SALESFORCE_LOGIN_URL, or the host in SALESFORCE_APPS, to https://<name>.my.salesforce.com.";
const NO_RUN_AS_USER =
  'The External Client App has no user to run as. In its policies, have an admin of the org enable the Client Credentials Flow and select a Run As user.';

/** What to do about Salesforce's descriptions of invalid_grant, by flow. */
const HELP: Record<UnattendedLogin['flow'], [pattern: RegExp, help: string][]> = {
  client_credentials: [
    [/not supported on this domain/i, NOT_MY_DOMAIN],
    [/no client credentials user|authentication failure/i, NO_RUN_AS_USER],
  ],
  jwt_bearer: [
    [
      /hasn't approved this consumer/i,
      "The user may not use the External Client App, or does not exist. Check username, and have an admin of the org pre-authorize the user: in the app's policies, set Permitted Users to admin approved users, and add the user's profile or permission set.",
    ],
    [
      /audience/i,
      "Salesforce refused the assertion's audience. Set SALESFORCE_LOGIN_URL to the org's My Domain; that of a sandbox ends in .sandbox.my.salesforce.com.",
    ],
    [
      /assertion|expired/i,
      "Salesforce refused the signed assertion. Check that the External Client App enables the JWT Bearer Flow with the certificate of SALESFORCE_JWT_KEY, and this machine's clock.",
    ],
  ],
};

function explain({ flow }: UnattendedLogin, loginUrl: string, reason: string, description: string): string {
  const known = HELP[flow].find(([pattern]) => pattern.test(description))?.[1];
  if (known) return known;
  if (reason === 'unsupported_grant_type')
    return 'The External Client App does not allow this flow. Enable it in the OAuth settings of the app.';
  if (reason !== 'invalid_grant' && reason !== 'invalid_request') return explainLoginError(reason, loginUrl, description, 'Connect again');
  return (
    explainPolicy(description) ??
    failureMessage({ doing: 'log in', what: 'Salesforce refused it', code: reason, message: description, advice: SEE_HISTORY })
  );
}

/** Nothing that a user's login could repair: the jobs wait until an admin or operator has changed the setting. */
function refusedError(message: string, cause?: unknown): AppError {
  return new AppError('login_refused', message, { cause, recovery: 'defer' });
}
