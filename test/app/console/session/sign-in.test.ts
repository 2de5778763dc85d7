import { createServer } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createApp } from '../../../../app/http/app.ts';
import type { Visit } from '../../../support/browser.ts';
import { API_KEYS, ConsoleBrowser, formOf, textOf } from '../../../support/console.ts';
import { close, listen } from '../../../support/server.ts';
import { startService, type TestService } from '../../../support/service.ts';

let service: TestService;
let browser: ConsoleBrowser;
beforeAll(async () => {
  service = await startService({ worker: false, local: false, env: { API_KEYS, WRONG_KEYS_PER_MINUTE: '1000' } });
});
afterAll(() => service[Symbol.asyncDispose]());
beforeEach(() => {
  browser = new ConsoleBrowser(service.url);
});

const cookies = (headers: Record<string, string | string[] | undefined>): string[] => [headers['set-cookie'] ?? []].flat();

describe('with API keys, the console', () => {
  test('asks for a key first, then leads to the page that was opened', async () => {
    const first = await browser.open(browser.url);
    expect(first).toMatchObject({ status: 200, url: `${browser.url}/console/sign-in` });
    expect(textOf(first)).toContain('API key');
    const wanted = await browser.page('?a=1');
    expect(wanted.url).toBe(`${browser.url}/console/sign-in?${new URLSearchParams({ next: '/console?a=1' })}`);
    const page = await browser.submit(wanted, '/console/sign-in', { key: ' admin-key ' });
    expect(page).toMatchObject({ status: 200, url: `${browser.url}/console?a=1` });
    expect(textOf(page)).toContain('admin');
  });

  test('keeps the key itself nowhere, and its cookie from scripts and other sites', async () => {
    const form = formOf(await browser.page('/sign-in'), '/console/sign-in')!;
    const answer = await browser.send(`${browser.url}/console/sign-in`, { method: 'POST', fields: { ...form, key: 'admin-key' } });
    expect(answer).toMatchObject({ status: 303, headers: { location: '/console' } });
    const [cookie] = cookies(answer.headers);
    expect(cookie).toMatch(/^console-session=[\w.-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=43200$/);
    for (const secret of ['admin-key', /[0-9a-f]{64}/]) expect(cookie).not.toMatch(secret);
  });

  test('sends its cookies over https only, if it is public over https', async () => {
    const { config } = service.context;
    const context = { ...service.context, config: { ...config, http: { ...config.http, publicUrl: 'https://sync.example.com' } } };
    const server = createServer(createApp(context).callback());
    await using _ = { [Symbol.asyncDispose]: () => close(server) };
    const page = await new ConsoleBrowser(await listen(server)).page('/sign-in');
    expect(cookies(page.headers)).toEqual([
      expect.stringMatching(/^__Host-console-sign-in=.*; Path=\/; HttpOnly; SameSite=Strict; .*; Secure$/),
    ]);
  });

  test.each([
    ['wrong-key', /Unknown API key/],
    ['', /Unknown API key/],
    ['tick-key', /for the schedule only/],
  ])('refuses the key %j, and says why', async (key, why) => {
    const page = await browser.signIn(key);
    expect(page).toMatchObject({ status: 403, url: `${browser.url}/console/sign-in` });
    expect(textOf(page)).toMatch(why);
    expect(cookies(page.headers).join()).not.toContain('session');
    expect((await browser.page()).url).toContain('/sign-in');
  });

  test('leads nowhere else after the sign-in', async () => {
    for (const next of ['https://evil.example', '//evil.example', '/console/../jobs\\', '/consoles', '/console\n', '/console/sign-in']) {
      const page = await browser.page(`/sign-in?${new URLSearchParams({ next })}`);
      expect(formOf(page, '/console/sign-in')).toMatchObject({ next: '/console' });
      const fields = { ...formOf(page, '/console/sign-in'), next, key: 'read-key' };
      const answer = await browser.send(`${browser.url}/console/sign-in`, { method: 'POST', fields });
      expect(answer.headers.location).toBe('/console');
    }
  });

  test('signs out', async () => {
    const page = await browser.signIn('read-key');
    expect((await browser.submit(page, '/console/sign-out')).url).toBe(`${browser.url}/console/sign-in`);
    expect((await browser.page()).url).toContain('/sign-in');
  });

  test('ends a session with its time, with its key, and where it was changed', async () => {
    const form = formOf(await browser.page('/sign-in'), '/console/sign-in')!;
    const signedIn = await browser.send(`${browser.url}/console/sign-in`, { method: 'POST', fields: { ...form, key: 'read-key' } });
    const cookie = cookies(signedIn.headers)[0]!.split(';')[0]!;
    const statusOf = async (sent: string, url = service.url): Promise<number> =>
      (await fetch(`${url}/console`, { headers: { cookie: sent }, redirect: 'manual' })).status;
    expect(await statusOf(cookie)).toBe(200);
    const [name, expires, ...rest] = cookie.slice('console-session='.length).split('.');
    const asAdmin = Buffer.from('admin').toString('base64url');
    for (const parts of [
      [name, String(Number(expires) + 60), ...rest],
      [asAdmin, expires, ...rest],
      [name, expires, rest[0], ''],
      [name, expires, rest[0]],
    ]) {
      expect(await statusOf(`console-session=${parts.join('.')}`)).toBe(303);
    }
    // The same key's name with another key, as after it was replaced; then, without it.
    const { config } = service.context;
    const { keys } = config.http;
    for (const others of [keys.map((key) => ({ ...key, sha256: Buffer.alloc(32) })), keys.filter((key) => key.name !== 'read')]) {
      const context = { ...service.context, config: { ...config, http: { ...config.http, keys: others } } };
      const server = createServer(createApp(context).callback());
      await using _ = { [Symbol.asyncDispose]: () => close(server) };
      expect(await statusOf(cookie, await listen(server))).toBe(303);
    }
  });

  test('accepts a form only from its own page, session and site', async () => {
    const page = await browser.signIn('admin-key');
    const fields = formOf(page, '/console/sign-out')!;
    const other = formOf(await new ConsoleBrowser(service.url).signIn('admin-key'), '/console/sign-out')!;
    const url = `${browser.url}/console/sign-out`;
    for (const options of [
      { fields: {} },
      { fields: { form_token: 'x' } },
      { fields: other },
      { fields, headers: { 'Sec-Fetch-Site': 'cross-site' } },
      { fields, headers: { 'Sec-Fetch-Site': 'same-site' } },
      { fields, headers: { Origin: 'https://evil.example' } },
      { fields, headers: { Origin: 'null' } },
    ]) {
      const answer = await browser.send(url, { method: 'POST', ...options });
      expect(answer).toMatchObject({ status: 403, text: expect.stringContaining('Nothing has changed') });
    }
    const signIn = { key: 'admin-key', form_token: formOf(await browser.page('/sign-in'), '/console/sign-in')!.form_token! };
    const elsewhere = await new ConsoleBrowser(service.url).send(`${browser.url}/console/sign-in`, { method: 'POST', fields: signIn });
    expect(elsewhere.status).toBe(403);
    expect((await browser.page()).url).toBe(`${browser.url}/console`);
  });

  test('that has ended loses no form without a word, and leads back to its page', async () => {
    const fields = formOf(await browser.signIn('admin-key'), '/console/tick') ?? {};
    const other = new ConsoleBrowser(service.url);
    const answer = async (referer: string): Promise<Visit> =>
      await other.open(`${other.url}/console/tick`, {
        method: 'POST',
        fields,
        headers: { 'Sec-Fetch-Site': 'same-origin', Referer: referer },
      });
    const page = await answer(`${other.url}/console/jobs?state=failed`);
    expect(textOf(page)).toContain('Your session has ended. Nothing has changed. Sign in again');
    expect(formOf(page, '/console/sign-in')).toMatchObject({ next: '/console/jobs?state=failed' });
    for (const referer of ['https://evil.example/console/jobs', `${other.url}/console/../v1`, 'nonsense', `${other.url}//evil.example`])
      expect(formOf(await answer(referer), '/console/sign-in')).toMatchObject({ next: '/console' });
  });

  test('opens nothing else: its cookie is no key of the API, and no GET changes anything', async () => {
    await browser.signIn('admin-key');
    for (const path of ['jobs', 'v1/connections', 'v1/audit']) expect((await browser.send(`${browser.url}/${path}`)).status).toBe(401);
    expect((await browser.send(`${browser.url}/handle_importing_job`)).status).toBe(403);
    expect((await browser.send(`${browser.url}/console/sign-out`)).status).toBe(404);
    expect((await browser.page()).url).toBe(`${browser.url}/console`);
  });

  test('limits wrong keys like the API', async () => {
    const limited = await startService({ worker: false, local: false, env: { API_KEYS, WRONG_KEYS_PER_MINUTE: '2' } });
    await using _ = limited;
    const guesser = new ConsoleBrowser(limited.url);
    const statuses = [];
    for (const key of ['a', 'b', 'c', 'admin-key']) statuses.push((await guesser.signIn(key)).status);
    expect(statuses).toEqual([403, 403, 429, 429]);
    expect(limited.logged.join('')).toMatch(/"event":"key_refused","address":"[^"]+","status":403/);
  });
});

describe('a page of the console', () => {
  test('may load only what this service sends, run nothing inline, and be framed by no site', async () => {
    await browser.signIn('admin-key');
    for (const page of [await browser.page(), await browser.page('/nowhere'), await new ConsoleBrowser(service.url).page()]) {
      expect(page.headers).toMatchObject({
        'cache-control': 'no-store',
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy':
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        'cross-origin-opener-policy': 'same-origin',
        'referrer-policy': 'same-origin',
        'x-content-type-options': 'nosniff',
      });
      expect(page.text).not.toMatch(
        /<style|\sstyle=|\son\w+=|javascript:|(?:href|src)="(?:https?:)?\/\/|<script(?! src="\/console\/static\/)/,
      );
    }
  });

  test('names its scripts and its style by their content, and browsers keep them', async () => {
    const { text } = await browser.page();
    const files = [...text.matchAll(/(?:src|href)="(\/console\/static\/[^"]+)"/g)].map(([, path]) => path!);
    expect(files.map((file) => file.split('/').at(-1))).toEqual(
      expect.arrayContaining(['console.css', 'console.js', 'htmx.js', 'icon.svg']),
    );
    for (const file of new Set(files)) {
      const answer = await browser.send(browser.url + file);
      expect(answer).toMatchObject({ status: 200, headers: { 'cache-control': 'public, max-age=31536000, immutable' } });
      expect(answer.headers['content-type']).toMatch(/^(?:text\/css|(?:text|application)\/javascript|image\/svg\+xml)/);
    }
    for (const path of ['/console/static/old/console.css', '/console/static/../console.ts', files[0]!.replace(/[^/]+$/, 'x')]) {
      expect((await browser.send(browser.url + path)).status).not.toBe(200);
    }
  });

  test('that does not exist says so', async () => {
    await browser.signIn('read-key');
    const page = await browser.page('/nowhere');
    expect(page.status).toBe(404);
    expect(textOf(page)).toContain('Not found');
  });
});

describe('without API keys, the console', () => {
  let local: TestService;
  beforeAll(async () => {
    local = await startService({ worker: false });
  });
  afterAll(() => local[Symbol.asyncDispose]());

  test('is open to the user of this machine, without sign-in', async () => {
    const page = await new ConsoleBrowser(local.url).open(local.url);
    expect(page).toMatchObject({ status: 200, url: `${local.url.replace('127.0.0.1', 'localhost')}/console` });
    expect(formOf(page, '/console/sign-out')).toBeUndefined();
    expect((await new ConsoleBrowser(local.url).page('/sign-in')).status).toBe(404);
  });

  test('opens by a link on another site, which can send it no form and read nothing', async () => {
    const open = async (headers: Record<string, string>): Promise<number> =>
      (await new ConsoleBrowser(local.url).send(`${local.url.replace('127.0.0.1', 'localhost')}/console`, { headers })).status;
    expect(await open({ 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' })).toBe(200);
    expect(await open({ 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' })).toBe(403);
    expect(await open({ Host: 'rebound.example' })).toBe(403);
  });
});
