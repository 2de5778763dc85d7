import { createHash, randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { connectLinks } from '../../../app/commands/connect-links.ts';
import { Browser, type Visit } from '../../support/browser.ts';
import { type Answer, decide, readAnswer, startService, type TestService } from '../../support/service.ts';
import { serviceEnvironment } from '../../support/service-environment.ts';

/** A Salesforce admin without an API key connects an org, with a link that an operator sends. */
const ORIGIN = 'https://sync.acme.example';
const KEYS = { ops: 'key-of-an-operator', analyst: 'key-of-an-analyst' };
const API_KEYS = Object.entries({ ops: 'operate', analyst: 'read' })
  .map(
    ([name, role]) =>
      `${name}:${role}:${createHash('sha256')
        .update(KEYS[name as keyof typeof KEYS])
        .digest('hex')}`,
  )
  .join(',');
const OTHER_ORG = '00D000000000001EAA';

let service: TestService;
beforeEach(async () => {
  service = await startService({ worker: false, local: false, env: { API_KEYS, PUBLIC_URL: ORIGIN } });
});
afterEach(() => service[Symbol.asyncDispose]());

const openBrowser = (): Browser => new Browser({ [ORIGIN]: service.url });

async function create(fields: Record<string, string> = {}, name: keyof typeof KEYS = 'ops'): Promise<Answer> {
  const init = { method: 'POST', headers: { 'X-API-Key': KEYS[name] }, body: new URLSearchParams(fields) };
  return await readAnswer(await fetch(`${service.url}/v1/connect-links`, init));
}

async function createUrl(fields?: Record<string, string>): Promise<string> {
  const { status, text } = await create(fields);
  expect(status).toBe(200);
  return (JSON.parse(text) as { url: string }).url;
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  return (await service.database.pool.query(sql)).rows;
}

async function call(method: string, path: string, name: keyof typeof KEYS = 'ops'): Promise<Answer> {
  return await readAnswer(await fetch(`${service.url}/${path}`, { method, headers: { 'X-API-Key': KEYS[name] } }));
}

interface LinkList {
  links: { id: string; created_at: string; expires_at: string }[];
  next: string | null;
}

const list = async (): Promise<LinkList['links']> => (JSON.parse((await call('GET', 'v1/connect-links')).text) as LinkList).links;
const revoke = (id: string): Promise<Answer> => call('DELETE', `v1/connect-links/${id}`);

/** The properties of a listed link that differ from one to the next. */
const anyOf = (link: LinkList['links'][number] | undefined): object => ({
  id: expect.stringMatching(/^[0-9a-f-]{36}$/),
  created_at: link?.created_at,
  expires_at: link?.expires_at,
});

/** What the command prints. */
async function runCommand(args: string[], given?: NodeJS.ProcessEnv): Promise<string> {
  const { database, salesforce, bigquery } = service;
  const env = given ?? { ...serviceEnvironment(database.url, salesforce, bigquery), API_KEYS };
  const log = jest.spyOn(console, 'log').mockImplementation(() => {});
  try {
    expect(await connectLinks({ args, options: {}, env, stop: new AbortController().signal })).toBe(0);
    return log.mock.calls.join('\n');
  } finally {
    log.mockRestore();
  }
}

const CONNECTED = expect.stringContaining('Salesforce is connected');
const connect = async (browser: Browser, url: string): Promise<Visit> =>
  await browser.decide(await browser.press(await browser.open(url)), 'allow');

describe('a connect link', () => {
  test('connects an org once, and its last page says what was granted and how to revoke it', async () => {
    const url = await createUrl();
    const browser = openBrowser();
    const page = await browser.open(url);
    expect(page).toMatchObject({ status: 200, text: expect.stringContaining(new URL(service.salesforce.loginUrl).host) });
    const salesforce = await browser.press(page);
    expect(new URL(salesforce.url).searchParams.get('redirect_uri')).toBe(`${ORIGIN}/oauth/callback`);
    const done = await browser.decide(salesforce, 'allow');
    expect(done).toMatchObject({ status: 200, text: CONNECTED });
    for (const text of ['What you granted', '<code>refresh_token</code>', 'Connected Apps OAuth Usage']) expect(done.text).toContain(text);
    expect(service.logged.join('')).toContain('"by":"connect link of ops"');
    for (const method of ['GET', 'POST']) {
      expect(await browser.open(url, { method })).toMatchObject({
        status: 410,
        text: expect.stringContaining('has already connected an org'),
      });
    }
    expect(await query('SELECT 1 FROM connections')).toHaveLength(1);
  });

  test('starts no login when it is only opened, as mail scanners do', async () => {
    const url = await createUrl();
    for (const method of ['GET', 'HEAD', 'GET']) expect(await openBrowser().open(url, { method })).toMatchObject({ status: 200 });
    expect(await query('SELECT 1 FROM authorizations')).toEqual([]);
    expect(await connect(openBrowser(), url)).toMatchObject({ text: CONNECTED });
  });

  test('can be opened again after the user denied access', async () => {
    const url = await createUrl();
    const browser = openBrowser();
    const denied = await browser.decide(await browser.press(await browser.open(url)), 'deny');
    expect(denied.text).toContain('The user denied access. Open the link again and choose Allow on that page.');
    expect(denied.text).not.toContain('/oauth/start');
    expect(await connect(browser, url)).toMatchObject({ text: CONNECTED });
  });

  test('connects only its org, and gives the grant of another one back', async () => {
    const url = await createUrl({ org_id: OTHER_ORG.slice(0, 15) });
    const browser = openBrowser();
    const page = await browser.open(url);
    expect(page.text).toContain(OTHER_ORG);
    const refused = await browser.decide(await browser.press(page), 'allow');
    expect(refused.text).toMatch(
      /You logged in to the org 00D\w{15}, but this link is for the org 00D000000000001EAA\. Nothing was connected/,
    );
    expect(refused.text).toContain('the access that you granted is revoked');
    expect(await query('SELECT 1 FROM connections')).toEqual([]);
    expect((await browser.open(url)).status).toBe(200);
  });

  test('connects the org that it names', async () => {
    await connect(openBrowser(), await createUrl());
    const [{ org_id } = {}] = await query('SELECT org_id FROM connections');
    expect(await connect(openBrowser(), await createUrl({ org_id: String(org_id).slice(0, 15) }))).toMatchObject({ text: CONNECTED });
  });

  test('that two people open connects for the first one', async () => {
    const url = await createUrl();
    const [first, second] = [openBrowser(), openBrowser()];
    const [one, other] = [await first.press(await first.open(url)), await second.press(await second.open(url))];
    expect(await first.decide(one, 'allow')).toMatchObject({ text: CONNECTED });
    const late = await second.decide(other, 'allow');
    expect(late.text).toContain(
      'This link has meanwhile connected an org. Nothing was connected, and the access that you granted is revoked.',
    );
  });

  test('that several people complete at once connects once, and keeps the grant of that login only', async () => {
    const url = await createUrl();
    const browsers = [1, 2, 3, 4].map(openBrowser);
    const logins = await Promise.all(browsers.map(async (browser) => await browser.press(await browser.open(url))));
    const pages = await Promise.all(logins.map((login, index) => browsers[index]!.decide(login, 'allow')));
    expect(pages.filter(({ text }) => text.includes('Salesforce is connected'))).toHaveLength(1);
    expect(pages.filter(({ text }) => text.includes('the access that you granted is revoked'))).toHaveLength(3);
    await fetch(`${service.salesforce.instanceUrl}/emulator/sessions/expire`, { method: 'POST' });
    expect(JSON.parse((await call('POST', 'v1/connections/1/test')).text)).toMatchObject({ message: expect.stringMatching(/^Works/) });
    expect(await query(`SELECT 1 FROM audit WHERE action = 'connected'`)).toHaveLength(1);
  });

  test('works for 72 hours, and a login that it opened in time may end later', async () => {
    const url = await createUrl();
    const browser = openBrowser();
    const salesforce = await browser.press(await browser.open(url));
    const age = (interval: string): Promise<unknown> => query(`UPDATE connect_links SET expires_at = expires_at - interval '${interval}'`);
    await age('71 hours');
    expect((await browser.open(url)).status).toBe(200);
    await age('1 hour');
    for (const method of ['GET', 'POST']) {
      expect(await browser.open(url, { method })).toMatchObject({ status: 410, text: expect.stringContaining('has expired') });
    }
    expect(await browser.decide(salesforce, 'allow')).toMatchObject({ text: CONNECTED });
  });

  test('is not valid if it is invented', async () => {
    const page = await openBrowser().open(`${ORIGIN}/connect/${'x'.repeat(43)}`);
    expect(page).toMatchObject({ status: 404, text: expect.stringContaining('This link is not valid') });
  });

  test('cannot be used by a page of another site', async () => {
    const url = await createUrl();
    for (const site of ['cross-site', 'same-site', 'none']) {
      expect(await openBrowser().open(url, { method: 'POST', headers: { 'Sec-Fetch-Site': site } })).toMatchObject({ status: 403 });
    }
    expect(await query('SELECT 1 FROM authorizations')).toEqual([]);
  });

  test('has a page whose form may lead to Salesforce and to the company’s own login, and which contains no script', async () => {
    const page = await openBrowser().open(await createUrl());
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain(`default-src 'none'; style-src 'sha256-`);
    expect(policy).toContain(`form-action 'self' https: ${service.salesforce.loginUrl};`);
    expect(page.text).not.toMatch(/<script|\bsrc=|\bon\w+=/);
  });

  test('leaves its token only in the link', async () => {
    const url = await createUrl();
    const token = new URL(url).pathname.split('/').at(-1)!;
    expect(token).toMatch(/^[\w-]{43}$/);
    const browser = openBrowser();
    const done = await connect(browser, url);
    await query('ALTER TABLE connect_links RENAME TO moved');
    expect(await browser.open(url)).toMatchObject({ status: 500, text: expect.stringContaining('An unexpected error occurred') });
    await query('ALTER TABLE moved RENAME TO connect_links');
    expect(service.logged.at(-1)).toContain('"path":"/connect/…"');
    const stored = await query('SELECT connect_links::text AS link, authorizations::text AS login FROM connect_links, authorizations');
    expect(done.text + service.logged.join('') + JSON.stringify(stored)).not.toContain(token);
  });
});

describe('creating a connect link', () => {
  test('returns its URL, and until when and for what it works', async () => {
    const { text } = await create({ login_url: `${service.salesforce.loginUrl}/`, org_id: OTHER_ORG });
    const { expires_at, ...link } = JSON.parse(text) as Record<string, unknown>;
    expect(link).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      url: expect.stringMatching(/^https:\/\/sync\.acme\.example\/connect\/[\w-]{43}$/),
      login_url: service.salesforce.loginUrl,
      org_id: OTHER_ORG,
    });
    const hours = (Date.parse(String(expires_at)) - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(71.9);
    expect(hours).toBeLessThanOrEqual(72);
    expect(service.logged.at(-1)).toMatch(/"connect_link_created".*"org":"00D000000000001EAA".*"by":"ops"/);
    expect(await query('SELECT by, action, details FROM audit')).toMatchObject([
      { by: 'ops', action: 'connect_link_created', details: { org: OTHER_ORG } },
    ]);
  });

  test('needs the role operate or admin, a configured login host, and the Id of an org', async () => {
    expect(await create({}, 'analyst')).toMatchObject({ status: 403, code: 'forbidden' });
    expect(await create({ login_url: 'https://evil.example' })).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(await create({ org_id: '005000000000001' })).toMatchObject({ status: 400, text: expect.stringContaining('start with 00D') });
    expect(await query('SELECT 1 FROM connect_links')).toEqual([]);
  });
});

describe('the list of connect links', () => {
  test('shows the state of each, the latest first and page by page, but no token', async () => {
    const urls = [await createUrl(), await createUrl({ org_id: OTHER_ORG }), await createUrl(), await createUrl()];
    await connect(openBrowser(), urls[0]!);
    await query(`UPDATE connect_links SET expires_at = now() WHERE org_id IS NOT NULL`);
    const [, third] = await list();
    expect(await revoke(third!.id)).toMatchObject({ status: 200 });
    const expected = { login_url: service.salesforce.loginUrl, org_id: null, created_by: 'ops', used_at: null, revoked_at: null };
    const found = await list();
    expect(found).toEqual([
      { ...expected, ...anyOf(found[0]), state: 'open' },
      { ...expected, ...anyOf(found[1]), state: 'revoked', revoked_at: expect.any(String) },
      { ...expected, ...anyOf(found[2]), state: 'expired', org_id: OTHER_ORG },
      { ...expected, ...anyOf(found[3]), state: 'used', used_at: expect.any(String) },
    ]);
    const { text } = await call('GET', 'v1/connect-links?limit=3');
    const { links, next } = JSON.parse(text) as LinkList;
    expect(links).toEqual(found.slice(0, 3));
    expect(JSON.parse((await call('GET', `v1/connect-links?limit=3&after=${next}`)).text)).toEqual({ links: found.slice(3), next: null });
    const stored = await query(`SELECT encode(token_hash, 'hex') AS hash, encode(token_hash, 'base64') AS base64 FROM connect_links`);
    for (const secret of [...urls.map((url) => url.split('/').at(-1)!), ...stored.flatMap((row) => Object.values(row) as string[])]) {
      expect(text + service.logged.join('') + JSON.stringify(await query('SELECT * FROM audit'))).not.toContain(secret);
    }
  });

  test('needs the role operate or admin', async () => {
    for (const [method, path] of [
      ['GET', 'v1/connect-links'],
      ['DELETE', `v1/connect-links/${randomUUID()}`],
    ] as const) {
      expect(await call(method, path, 'analyst')).toMatchObject({ status: 403, code: 'forbidden' });
    }
  });
});

describe('a revoked connect link', () => {
  test('opens no login any more, and says so; revoking it again changes nothing', async () => {
    const url = await createUrl();
    const [{ id } = { id: '' }] = await list();
    const { text } = await revoke(id);
    expect(JSON.parse(text)).toMatchObject({ id, state: 'revoked', revoked_at: expect.any(String) });
    for (const method of ['GET', 'POST']) {
      const page = await openBrowser().open(url, { method });
      expect(page).toMatchObject({ status: 410, text: expect.stringContaining('This link was revoked by its sender.') });
    }
    expect(await revoke(id)).toMatchObject({ status: 200, text });
    expect(service.logged.filter((line) => line.includes('connect_link_revoked'))).toEqual([expect.stringMatching(/"link":".*"by":"ops"/)]);
    expect(await query(`SELECT by, details FROM audit WHERE action = 'connect_link_revoked'`)).toMatchObject([
      { by: 'ops', details: { link: id, login_url: service.salesforce.loginUrl, org: null } },
    ]);
    // As the previous release, which does not know revocation, reads it.
    expect(await query('SELECT expires_at <= now() AS expired FROM connect_links')).toEqual([{ expired: true }]);
  });

  test('ends the login that a browser has open with it, and no other', async () => {
    const [revoked, other] = [await createUrl(), await createUrl()];
    const [, { id } = { id: '' }] = await list();
    const browser = openBrowser();
    const [first, second] = [await browser.press(await browser.open(revoked)), await browser.press(await browser.open(other))];
    await revoke(id);
    const page = await browser.decide(first, 'allow');
    expect(page.text).toContain('This link was revoked by its sender, and nothing was connected.');
    expect(page.text).toContain('Unless it has connected an org, has expired or was revoked, the link');
    expect(await query('SELECT 1 FROM connections')).toEqual([]);
    expect(await browser.decide(second, 'allow')).toMatchObject({ text: CONNECTED });
  });

  test('connects nothing, even if it is revoked while the code of its login is exchanged', async () => {
    const url = await createUrl();
    const [{ id } = { id: '' }] = await list();
    const browser = openBrowser();
    const callback = (await decide((await browser.press(await browser.open(url))).url, 'allow')).href;
    // After the login was taken as used, and before the exchange of its code ends.
    await query(`CREATE FUNCTION revoke_now() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN UPDATE connect_links SET revoked_at = now(), expires_at = now(); RETURN NEW; END $$`);
    await query(`CREATE TRIGGER revoking AFTER UPDATE OF used_at ON authorizations FOR EACH ROW EXECUTE FUNCTION revoke_now()`);
    const page = await browser.open(callback);
    expect(page.text).toContain(
      'This link was meanwhile revoked by its sender. Nothing was connected, and the access that you granted is revoked.',
    );
    expect(await query('SELECT 1 FROM connections')).toEqual([]);
    expect(await list()).toMatchObject([{ id, state: 'revoked' }]);
  });

  test('is none that has connected an org', async () => {
    await connect(openBrowser(), await createUrl());
    const [{ id } = { id: '' }] = await list();
    expect(await revoke(id)).toMatchObject({ status: 409, code: 'conflict', text: expect.stringContaining('disconnect that connection') });
    expect(await list()).toMatchObject([{ state: 'used', revoked_at: null }]);
    expect(await query(`SELECT details ->> 'link' AS link FROM audit WHERE action = 'connected'`)).toEqual([{ link: id }]);
  });

  test('must exist', async () => {
    expect(await revoke(randomUUID())).toMatchObject({ status: 404, code: 'not_found' });
    expect(await revoke('1')).toMatchObject({ status: 400, code: 'invalid_request', text: expect.stringContaining('UUID') });
  });
});

test('the command connect-links creates one with an API key, which connects an org', async () => {
  const env = { SERVICE_URL: service.url, SYNC_API_KEY: KEYS.ops };
  const [url] = (await runCommand(['create'], env)).split('\n');
  expect((await connect(openBrowser(), url!)).text).toEqual(CONNECTED);
  expect(await runCommand(['list'], env)).toMatch(/\nused +127\.0\.0\.1:\d+ +any +ops /);
});

test('the command connect-links lists them and revokes one', async () => {
  expect(await runCommand(['list'])).toMatch(/^There are no connect links\./);
  await createUrl();
  const [{ id } = { id: '' }] = await list();
  expect(await runCommand(['list'])).toMatch(new RegExp(`\\nopen +127\\.0\\.0\\.1:\\d+ +any +ops .*${id}`));
  expect(await runCommand(['revoke', id])).toBe(`The link ${id} for ${service.salesforce.loginUrl} is revoked.`);
  expect(await runCommand(['list'])).toMatch(/\nrevoked /);
  expect(await query(`SELECT by FROM audit WHERE action = 'connect_link_revoked'`)).toEqual([{ by: 'command line' }]);
});
