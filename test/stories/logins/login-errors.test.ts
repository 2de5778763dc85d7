import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Browser, type Visit } from '../../support/browser.ts';
import { type GatewayService, jsonReply, type Reply, startGatewayService } from '../../support/gateway.ts';
import { REDIRECT_URI } from '../../support/service.ts';

/**
 * Every known way in which Salesforce refuses a login or a renewal, and the sentence that the user reads: on the last page, and in the answer
 * of the API. Those of logins without a user are in unattended.test.ts.
 */
let service: GatewayService;
let origin: string;

/** A sentence that says what to do. */
const ADVICE =
  /(?:^|[.;,:] |and )(?:Call|Start|Open|Set|Add|Have|Check|Try|Enable|have|set|try|An admin of the org can|To reconnect, call) /;

const start = async (): Promise<void> => {
  service = await startGatewayService({ worker: false });
  origin = service.url.replace('127.0.0.1', 'localhost');
};
const stop = (): Promise<void> => service[Symbol.asyncDispose]();

/** Opens a login in a browser, and lets Salesforce answer. @returns the last page */
async function callBack(answer: Record<string, string>): Promise<Visit> {
  const browser = new Browser();
  const { url } = await browser.open(`${origin}/oauth/start`);
  const state = new URL(url).searchParams.get('state')!;
  return await browser.open(`${origin}/oauth/callback?${new URLSearchParams({ ...answer, state })}`);
}

/** What the API answers to the same. */
async function callApi(answer: Record<string, string>): Promise<string> {
  const { text } = await service.call('get_oauth_url', { redirect_uri: REDIRECT_URI });
  const { code, ...error } = answer;
  const fields = { redirect_uri: REDIRECT_URI, state: new URL(text).searchParams.get('state')!, ...error };
  const { status, text: message } = await service.call('login_oauth_callback', { ...fields, ...(code && { authorization_code: code }) });
  expect(status).toBeGreaterThanOrEqual(400);
  const sentences = (JSON.parse(message) as { error: { message: string } }).error.message;
  expect(sentences).toMatch(ADVICE);
  return sentences;
}

/** The text of a page as a browser shows it. */
function textOf({ text }: Visit): string {
  const entities: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" };
  return text
    .slice(text.indexOf('<main>'))
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll(/&\w+;|&#39;/g, (entity) => entities[entity]!);
}

function expectPage(page: Visit, words: string, advice: RegExp): void {
  const text = textOf(page);
  expect(text).toContain('Salesforce is not connected');
  expect(text).toContain(words);
  expect(text).toMatch(advice);
  expect(text.split(words || 'Salesforce is not connected').at(-1)).toMatch(ADVICE);
  expect(text).not.toMatch(/get_oauth_url|login_oauth_callback/);
}

describe('the login page', () => {
  beforeAll(start);
  afterAll(stop);

  test.each([
    ['access_denied', 'end-user denied authorization', /The user denied access\. .* choose Allow on that page/],
    ['access-denied', 'end-user denied authorization', /The user denied access\. .* choose Allow on that page/],
    ['invalid_scope', 'the requested scope is not allowed', /lacks a scope\. Add the scopes "api" and "refresh_token"/],
    [
      'unsupported_response_type',
      'response type is not supported',
      /does not allow a login in a browser\. Have an admin of the org enable/,
    ],
    ['immediate_unsuccessful', 'immediate unsuccessful', /(?:Start|Call get_oauth_url) again, .* choose Allow on that page/],
    ['invalid_request', 'missing required code challenge', /(?:Start|Call get_oauth_url) again/],
    ['SOMETHING_NEW', 'a reason that no release knows', /Salesforce refused it \(SOMETHING_NEW\): .*Login History/],
    ['OAUTH_APP_ACCESS_DENIED', 'user is not admin approved to access this app', /Have an admin of the org pre-authorize the user/],
    ['OAUTH_APP_BLOCKED', 'this app is blocked by admin', /The org blocks the app\. Have an admin of the org install and unblock it/],
    ['OAUTH_AUTHORIZATION_BLOCKED', 'authorization blocked', /The org blocks the app\. Have an admin of the org install and unblock it/],
    ['OAUTH_EC_APP_NOT_FOUND', 'External client app is not installed in this org', /Set SALESFORCE_LOGIN_URL to the My Domain of the org/],
    ['OAUTH_APPROVAL_ERROR_GENERIC', 'An unexpected error has occurred', /that it is installed in the org .* not an API-only user/],
  ])('refuses with %s', async (error, error_description, advice) => {
    expectPage(await callBack({ error, error_description }), `${error}: ${error_description}`, advice);
    expect(await callApi({ error, error_description })).toMatch(advice);
  });
});

/** Lets the token endpoint answer a code with `reply`. */
async function refuse(reply: Reply, words: string, advice: RegExp): Promise<void> {
  service.login.handler = (call, pass) => (call.url.endsWith('/token') ? reply : pass());
  expectPage(await callBack({ code: 'aPrxCode' }), words, advice);
  expect(await callApi({ code: 'aPrxCode' })).toMatch(advice);
  expect(service.logged.join('')).not.toContain('aPrxCode');
}

describe('the token endpoint', () => {
  beforeAll(start);
  afterAll(stop);

  test.each([
    ['invalid_grant', 'expired authorization code', /a code works once, for 15 minutes/],
    ['invalid_grant', 'ip restricted', /IP address .*Login IP Ranges/],
    ['invalid_grant', 'invalid login hours', /outside the Salesforce user's login hours/],
    ['invalid_grant', 'inactive user', /is inactive\. Have an admin of the org activate the user/],
    ['invalid_grant', 'inactive organization', /The Salesforce org is inactive/],
    ['invalid_grant', 'missing required code verifier', /Salesforce no longer accepts this authorization code/],
    ['invalid_scope', 'the requested scope is not allowed', /Add the scopes "api" and "refresh_token"/],
    ['invalid_request', 'invalid code verifier', /The authorization code belongs to another login/],
    ['invalid_client_id', 'client identifier invalid', /a new app may take ten minutes to work/],
    ['invalid_client', 'invalid client credentials', /Salesforce refused SALESFORCE_CLIENT_SECRET/],
    ['redirect_uri_mismatch', 'redirect_uri must match configuration', /is not a callback URL of the External Client App\. Add it there/],
    ['invalid_app_access', 'user is not admin approved to access this app', /Have an admin of the org pre-authorize the user/],
    ['unsupported_grant_type', 'grant type not supported', /does not allow a login in a browser\. Have an admin of the org enable/],
    ['something_new', 'a reason that no release knows', /Salesforce refused it \(something_new\): .*Login History/],
  ])('refuses with %s: %s', async (error, error_description, advice) => {
    await refuse(jsonReply(400, { error, error_description }), `${error}: ${error_description}`, advice);
  });

  test('refuses the secret with HTTP 401', async () => {
    const reply = jsonReply(401, { error: 'invalid_client', error_description: 'invalid client credentials' });
    await refuse(reply, 'invalid_client: invalid client credentials', /Salesforce refused SALESFORCE_CLIENT_SECRET/);
  });
});

// Another service, because one address may load 60 pages a minute.
describe('the login host', () => {
  beforeAll(start);
  afterAll(stop);

  test.each([
    [
      'concurrent exchanges',
      { error: 'invalid_grant', error_description: 'token request is already being processed' },
      /Try again shortly/,
    ],
    ['too many logins', { error: 'rate_limit_exceeded' }, /logged in too often \(rate_limit_exceeded\).*Try again later/],
  ])('is busy with %s', async (_what, body, advice) => {
    await refuse(jsonReply(400, body), '', advice);
  });

  test.each([
    ['an error', jsonReply(503, {}), /returned HTTP 503 instead of tokens\. Try again shortly/],
    ['a web page', { status: 200, headers: { 'content-type': 'text/html' }, body: '<html></html>' }, /returned a web page \(HTTP 200\)/],
    ['a redirect', { status: 302, headers: { location: 'https://other.example/' }, body: '' }, /redirects to other\.example/],
  ])('is out of order, with %s', async (_what, reply, advice) => {
    await refuse(reply, '', advice);
  });

  test('returns no refresh token', async () => {
    const reply = {
      access_token: '00D!x',
      instance_url: service.instance.url,
      id: 'https://login.salesforce.com/id/00D000000000001EAA/005000000000001AAA',
    };
    await refuse(jsonReply(200, reply), '', /returned no refresh token\. Add the scope "refresh_token"/);
  });
});

describe('a renewal', () => {
  beforeAll(async () => {
    await start();
    await service.connect();
  });
  afterAll(stop);

  /** Expires the session, and refuses its renewal. @returns the error of the connection's test */
  async function refuseRenewal(status: number, body: object): Promise<{ code: string; message: string }> {
    await service.database.pool.query(`UPDATE connections SET status = 'active', renewed_at = NULL`);
    service.login.handler = (call, pass) =>
      call.body.includes('grant_type=refresh_token') ? jsonReply(status, body) : service.passLogin(call, pass);
    await fetch(`${service.salesforce.instanceUrl}/emulator/sessions/expire`, { method: 'POST' });
    const answer = await fetch(`${service.url}/v1/connections/1/test`, { method: 'POST' });
    const { error } = (await answer.json()) as { error: { code: string; message: string } };
    expect(error.message).toMatch(ADVICE);
    return error;
  }

  test.each([
    ['invalid_grant', 'expired access/refresh token', 'needs_login', /To reconnect, call get_oauth_url and login_oauth_callback again/],
    ['invalid_grant', 'expired authorization code', 'needs_login', /To reconnect, call get_oauth_url and login_oauth_callback again/],
    ['invalid_grant', 'inactive user', 'needs_login', /Have an admin of the org activate the user/],
    ['invalid_grant', 'ip restricted', 'login_refused', /IP address .*Login IP Ranges/],
    ['invalid_grant', 'invalid login hours', 'login_refused', /The service continues during login hours/],
    ['invalid_grant', 'inactive organization', 'login_refused', /Have its admin contact Salesforce/],
    ['invalid_grant', 'token request is already being processed', 'salesforce_unavailable', /Try again shortly/],
    ['rate_limit_exceeded', '', 'salesforce_unavailable', /Try again later/],
    ['invalid_client_id', 'client identifier invalid', 'login_refused', /does not recognize SALESFORCE_CLIENT_ID\. Check it/],
    ['invalid_client', 'invalid client credentials', 'login_refused', /Set it to the consumer secret/],
    ['invalid_scope', 'the requested scope is not allowed', 'login_refused', /Add the scopes/],
    [
      'invalid_app_access',
      'user is not admin approved to access this app',
      'login_refused',
      /Have an admin of the org pre-authorize the user/,
    ],
    [
      'unsupported_grant_type',
      'grant type not supported',
      'login_refused',
      /does not allow sessions to be renewed\. Have an admin of the org/,
    ],
    [
      'invalid_request',
      'refresh_token is missing',
      'login_refused',
      /Could not renew the session: Salesforce refused it \(invalid_request\)/,
    ],
    [
      'something_new',
      'a reason that no release knows',
      'login_refused',
      /Could not renew the session: .*\(something_new\): .*Login History/,
    ],
  ])('is refused with %s: %s', async (error, error_description, code, advice) => {
    const found = await refuseRenewal(400, { error, error_description });
    expect(found).toMatchObject({ code, message: expect.stringMatching(advice) });
    expect(found.message).not.toMatch(/accepts this authorization code|another login|This redirect_uri/);
  });

  test('is refused while the login host is down', async () => {
    expect(await refuseRenewal(503, {})).toMatchObject({
      code: 'salesforce_unavailable',
      message: expect.stringMatching(/Try again shortly/),
    });
  });
});
