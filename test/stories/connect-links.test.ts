import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Browser, type Visit } from '../support/browser.ts';
import { type Answer, readAnswer, startService, type TestService } from '../support/service.ts';

/** A Salesforce admin without an API key connects an org, with a link that an operator sends. */
const ORIGIN = 'https://sync.acme.example';
const KEYS = { ops: 'key of an operator', analyst: 'key of an analyst' };
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
