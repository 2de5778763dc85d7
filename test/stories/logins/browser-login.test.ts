import { createHash } from 'node:crypto';
import { type RequestOptions, request } from 'node:http';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Browser } from '../../support/browser.ts';
import { startGatewayService } from '../../support/gateway.ts';
import { decide, startService, type TestService, type TestServiceOptions } from '../../support/service.ts';

let service: TestService;
/** As Salesforce knows the service: http is allowed for localhost only. */
let origin: string;

async function start(options: TestServiceOptions = {}): Promise<void> {
  service = await startService({ worker: false, ...options });
  origin = service.url.replace('127.0.0.1', 'localhost');
}
afterEach(() => service[Symbol.asyncDispose]());

/** Where the response to a request redirects, if it does: also one that no browser sends. */
function redirectOf(options: RequestOptions): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request({ ...options, path: '/' }, (response) => {
      response.resume();
      resolve(response.headers.location);
    });
    sent.path = options.path!;
    sent.on('error', reject).end();
  });
}

const connections = async (): Promise<number> => (await service.database.pool.query('SELECT 1 FROM connections')).rowCount!;

describe('a login in a browser', () => {
  test('leads from the first page to Salesforce and back, and says what was granted and how to revoke it', async () => {
    await start();
    const browser = new Browser();
    const home = await browser.open(service.url);
    expect(home).toMatchObject({ status: 200, url: `${origin}/console` });
    expect(home.text).toContain(`${origin}/oauth/callback`);
    const salesforce = await browser.click(home, /^Connect 127/);
    expect(salesforce.url).toContain(`${service.salesforce.loginUrl}/services/oauth2/authorize?`);
    const page = await browser.decide(salesforce, 'allow');
    expect(page).toMatchObject({ status: 200, url: expect.stringMatching(/\/connect\/done\/[0-9a-f-]{36}$/) });
    const [job] = (await service.database.pool.query<{ identity_url: string }>('SELECT identity_url FROM connections')).rows;
    expect(page.text).toContain('Salesforce is connected');
    expect(page.text).toContain(job!.identity_url);
    expect(page.text).toMatch(/<li><code>api<\/code>: read data/);
    expect(page.text).toMatch(/<li><code>refresh_token<\/code>: keep this access/);
    expect(page.text).toContain('Connected Apps OAuth Usage');
  });

  test('leaves neither code nor state in the address bar, its page or the log', async () => {
    await start();
    const browser = new Browser();
    const salesforce = await browser.open(`${origin}/oauth/start`);
    const callback = (await decide(salesforce.url, 'allow')).href;
    const secrets = ['code', 'state'].map((name) => new URL(callback).searchParams.get(name)!);
    const answer = await browser.send(callback);
    expect(answer).toMatchObject({ status: 303, text: '' });
    const page = await browser.open(new URL(String(answer.headers.location), origin).href);
    for (const secret of secrets) expect(page.url + page.text + service.logged.join('')).not.toContain(secret);
  });

  test('is completed once, however often its callback is sent', async () => {
    await start();
    const browser = new Browser();
    const callback = (await decide((await browser.open(`${origin}/oauth/start`)).url, 'allow')).href;
    const pages = await Promise.all([1, 2, 3].map(() => browser.open(callback)));
    for (const page of pages) expect(page.text).toMatch(/Salesforce is connected|Connecting…/);
    expect((await browser.open(callback)).text).toContain('Salesforce is connected');
    expect(await connections()).toBe(1);
  });

  test('works beside another one in the same browser', async () => {
    await start();
    const browser = new Browser();
    const [first, second] = [await browser.open(`${origin}/oauth/start`), await browser.open(`${origin}/oauth/start`)];
    for (const each of [second, first]) expect((await browser.decide(each, 'allow')).text).toContain('Salesforce is connected');
  });

  test('cannot be completed in another browser, nor by the API', async () => {
    await start();
    const [browser, other] = [new Browser(), new Browser()];
    const callback = await decide((await browser.open(`${origin}/oauth/start`)).url, 'allow');
    await other.open(`${origin}/oauth/start`);
    for (const stranger of [other, new Browser()]) {
      const page = await stranger.open(callback.href);
      expect(page).toMatchObject({ status: 400, url: `${origin}/connect/done` });
      expect(page.text).toContain('This login is not open');
    }
    const { code, state } = Object.fromEntries(callback.searchParams);
    const fields = { redirect_uri: `${origin}/oauth/callback`, authorization_code: code!, state: state! };
    expect(await service.call('login_oauth_callback', fields)).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(await connections()).toBe(0);
    expect((await browser.open(callback.href)).text).toContain('Salesforce is connected');
  });

  test('shows its result to no other browser', async () => {
    await start();
    const browser = new Browser();
    const page = await browser.decide(await browser.open(`${origin}/oauth/start`), 'allow');
    const other = new Browser();
    await other.open(`${origin}/oauth/start`);
    expect(await other.open(page.url)).toMatchObject({ status: 400, text: expect.stringContaining('This login is not open') });
    expect((await browser.open(page.url)).text).toContain('Salesforce is connected');
  });

  test('that the user denied says so in the words of Salesforce, and starts again', async () => {
    await start();
    const browser = new Browser();
    const page = await browser.decide(await browser.open(`${origin}/oauth/start`), 'deny');
    expect(page.text).toContain('<blockquote>access_denied: end-user denied authorization</blockquote>');
    expect(page.text).toContain('The user denied access. Start again and choose Allow on that page.');
    const again = await browser.click(page, /^Start again$/);
    expect((await browser.decide(again, 'allow')).text).toContain('Salesforce is connected');
  });

  test('with a code that Salesforce refuses says so in its words, without the code', async () => {
    await start();
    const browser = new Browser();
    const { url } = await browser.open(`${origin}/oauth/start`);
    const state = new URL(url).searchParams.get('state')!;
    const page = await browser.open(`${origin}/oauth/callback?${new URLSearchParams({ code: 'aPrxInvented', state })}`);
    expect(page.text).toContain('<blockquote>invalid_grant: ');
    expect(page.text).toContain('a code works once, for 15 minutes. Start again to get a new one.');
    expect(page.text).not.toContain('aPrxInvented');
  });

  test.each([
    ['OAUTH_EC_APP_NOT_FOUND', 'External client app is not installed in this org', /does not have this External Client App/],
    ['OAUTH_APP_ACCESS_DENIED', 'user is not admin approved', /Have an admin of the org pre-authorize the user/],
    ['invalid_scope', 'the requested scope is not allowed', /Add the scopes &quot;api&quot; and &quot;refresh_token&quot;/],
    ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', /Could not log in/],
  ])('that Salesforce ends with %s says what to do', async (error, description, advice) => {
    await start();
    const browser = new Browser();
    const { url } = await browser.open(`${origin}/oauth/start`);
    const answer = { error, error_description: description, state: new URL(url).searchParams.get('state')! };
    const page = await browser.open(`${origin}/oauth/callback?${new URLSearchParams(answer)}`);
    expect(page.text).toMatch(advice);
    expect(page.text).not.toMatch(/<script|<img/);
    if (!error.startsWith('<')) expect(page.text).toContain(`<blockquote>${error}: ${description}</blockquote>`);
  });

  test('is over after ten minutes', async () => {
    await start();
    const browser = new Browser();
    const salesforce = await browser.open(`${origin}/oauth/start`);
    await service.database.pool.query(`UPDATE authorizations SET expires_at = expires_at - interval '10 minutes'`);
    const page = await browser.decide(salesforce, 'allow');
    expect(page.text).toMatch(/completed in the browser that started it, once, and within ten minutes/);
    expect(await connections()).toBe(0);
  });

  test('whose grant is stored is shown as connected, even if the service is stopped before it has read the names of the org', async () => {
    const behind = await startGatewayService({ worker: false });
    service = behind;
    origin = service.url.replace('127.0.0.1', 'localhost');
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: reading, resolve: read } = Promise.withResolvers<void>();
    behind.instance.handler = async (_call, pass) => {
      read();
      await released;
      return await pass();
    };
    const browser = new Browser();
    const callback = browser.decide(await browser.open(`${origin}/oauth/start`), 'allow');
    await reading;
    const { rows } = await service.database.pool.query<{ id: string }>('SELECT id FROM authorizations');
    expect((await browser.open(`${origin}/connect/done/${rows[0]!.id}`)).text).toContain('Salesforce is connected');
    release();
    expect((await callback).text).toContain('Salesforce is connected');
  });

  test('whose completion was interrupted is reported as such, at first as unfinished', async () => {
    await start();
    const browser = new Browser();
    const page = await browser.decide(await browser.open(`${origin}/oauth/start`), 'allow');
    await service.database.pool.query('UPDATE authorizations SET result = NULL');
    expect(await browser.open(page.url)).toMatchObject({ headers: { refresh: '2' }, text: expect.stringContaining('Connecting…') });
    await service.database.pool.query(`UPDATE authorizations SET used_at = used_at - interval '2 minutes'`);
    expect((await browser.open(page.url)).text).toContain('This login is not open');
  });
});

describe('the pages', () => {
  test('contain no script and load nothing, and their policy allows neither', async () => {
    await start();
    const browser = new Browser();
    const done = await browser.decide(await browser.open(`${origin}/oauth/start`), 'allow');
    for (const page of [done, await browser.open(`${origin}/connect/done`), await browser.open(`${origin}/oauth/x`)]) {
      expect(page.headers).toMatchObject({
        'cache-control': 'no-store',
        'content-type': 'text/html; charset=utf-8',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
      });
      expect(page.headers['content-security-policy']).toMatch(
        /^default-src 'none'; style-src 'sha256-[\w+/=]{44}'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'$/,
      );
      const style = /<style>([\s\S]*)<\/style>/.exec(page.text)![1]!;
      expect(page.headers['content-security-policy']).toContain(createHash('sha256').update(style).digest('base64'));
      expect(page.text).not.toMatch(/<script|\bsrc=|\bon\w+=|@import|url\(|href="(https?:)?\/\//);
    }
  });

  test('live at localhost, while the API answers at both names', async () => {
    await start();
    const browser = new Browser();
    for (const path of ['/', '/oauth/start', '/oauth/callback?code=1&state=2', '/connect/done']) {
      expect(await browser.send(`${service.url}${path}`)).toMatchObject({ status: 303, headers: { location: `${origin}${path}` } });
    }
    for (const url of [service.url, origin]) expect((await browser.send(`${url}/jobs`)).status).toBe(200);
  });

  test('lead nowhere else, whatever the request target, the Host header or a parameter names', async () => {
    await start();
    const { hostname, port } = new URL(service.url);
    const locations: (string | undefined)[] = [];
    for (const path of [
      '//evil.example/oauth/start',
      '/\\evil.example/oauth/start',
      '/oauth//evil.example',
      '/oauth/start/..//evil.example',
      '/oauth/start?login_url=https://evil.example',
      `/oauth/start?login_url=${encodeURIComponent(`${service.salesforce.loginUrl}@evil.example`)}`,
      `/oauth/start?login_url=${encodeURIComponent(`${service.salesforce.loginUrl}.evil.example`)}`,
      '/oauth/start?redirect_uri=https://evil.example',
      '/oauth/callback?state=1&code=2&redirect_uri=https://evil.example',
      '/oauth/callback?state=1&state=2&code=3',
      '/connect/done//evil.example',
      '/connect/done/https:%2F%2F..%2F.evil.example',
      'http://evil.example/oauth/start',
      'http://evil.example/connect/done',
      'https:evil.example/oauth/start',
    ]) {
      for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `localhost:${port}@evil.example`]) {
        locations.push(await redirectOf({ hostname, port, path, headers: { Host: host } }));
      }
    }
    const origins = locations.flatMap((location) => (location === undefined ? [] : [new URL(location, origin).origin]));
    expect(origins.length).toBeGreaterThan(0);
    expect(new Set(origins)).toEqual(new Set([origin, service.salesforce.loginUrl]));
    const authorize = locations.filter((location) => location?.startsWith(service.salesforce.loginUrl));
    expect(authorize.join('\n')).not.toContain('evil.example');
  });

  test('are closed to pages of other sites, and to names of other sites', async () => {
    await start();
    const browser = new Browser();
    const port = new URL(origin).port;
    const send = async (headers: Record<string, string>): Promise<number> =>
      (await browser.send(`${origin}/oauth/start`, { headers })).status;
    expect(await send({ Host: `evil.example:${port}` })).toBe(403);
    expect(await send({ 'Sec-Fetch-Site': 'cross-site' })).toBe(403);
    expect((await browser.send(`${origin}/oauth/start`, { method: 'HEAD' })).status).toBe(405);
    expect((await browser.send(`${origin}/oauth/start`, { method: 'POST' })).status).toBe(404);
    expect((await service.database.pool.query('SELECT 1 FROM authorizations')).rowCount).toBe(0);
    expect(await send({ 'Sec-Fetch-Site': 'none' })).toBe(303);
  });

  test('start no login where API keys are required', async () => {
    await start({ local: false, env: { API_KEYS: `ops:admin:${'a'.repeat(64)}`, PUBLIC_URL: 'https://sync.acme.example' } });
    const browser = new Browser();
    const page = await browser.open(`${service.url}/oauth/start`);
    expect(page).toMatchObject({ status: 403, text: expect.stringContaining('POST /v1/connect-links') });
    expect((await browser.send(service.url)).headers.location).toBe('/console/sign-in');
  });

  test('need a configured address to be sent back to', async () => {
    await start({ local: false, env: { API_KEYS: `ops:admin:${'a'.repeat(64)}` } });
    expect(await new Browser().open(`${service.url}/connect/done`)).toMatchObject({
      status: 409,
      text: expect.stringContaining('Set PUBLIC_URL'),
    });
  });

  test('are limited to 60 requests a minute from one address', async () => {
    await start();
    const browser = new Browser();
    for (let number = 0; number < 60; number++) await browser.send(`${origin}/connect/done`);
    const page = await browser.send(`${origin}/connect/done`);
    expect(page).toMatchObject({ status: 429, text: expect.stringContaining('Too many requests from this address') });
    expect(Number(page.headers['retry-after'])).toBeLessThanOrEqual(60);
    expect((await browser.send(`${origin}/jobs`)).status).toBe(200);
  });
});

test.each([
  ['http', {}, /^login=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=1200$/],
  ['https', { PUBLIC_URL: 'https://sync.acme.example' }, /^__Host-login=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=1200; Secure$/],
])('the cookie of a login over %s is bound to the host and out of reach of scripts', async (_scheme, env, cookie) => {
  await start({ env });
  const answer = await new Browser().send(`${origin}/oauth/start`);
  expect(answer.status).toBe(303);
  expect(answer.headers['set-cookie']).toEqual([expect.stringMatching(cookie)]);
});
