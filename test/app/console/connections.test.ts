import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Browser } from '../../support/browser.ts';
import { API_KEYS, ConsoleBrowser, formOf, textOf } from '../../support/console.ts';
import { type GatewayService, jsonReply, startGatewayService } from '../../support/gateway.ts';

let service: GatewayService;
let browser: ConsoleBrowser;

const settings = async (): Promise<Record<string, unknown>> =>
  (await service.database.pool.query('SELECT alias, api_share, quiet_hours, exclude_fields, new_fields, status FROM connections')).rows[0]!;

describe('connections', () => {
  beforeAll(async () => {
    service = await startGatewayService({ worker: false });
  });
  afterAll(() => service[Symbol.asyncDispose]());
  beforeEach(() => {
    browser = new ConsoleBrowser(service.url);
  });

  test('start with a login at Salesforce, whose last page leads back to the console', async () => {
    const page = await browser.page('/connections');
    expect(textOf(page)).toContain('No Salesforce org is connected yet.');
    const denied = await browser.decide(await browser.click(page, /^Log in$/), 'deny');
    expect(textOf(denied)).toMatch(/Salesforce is not connected .* Back to the console/);
    const done = await browser.decide(await browser.click(page, /^Log in$/), 'allow');
    expect(textOf(done)).toMatch(/Salesforce is connected .* Choose objects Back to the console/);
    const list = await browser.page('/connections');
    expect(textOf(list)).toMatch(/Burlington Textiles Corp\. .* by a user connected 0 now/);
  });

  test('have a page with their org, user, logins and calls', async () => {
    const page = await browser.page('/connections/1');
    expect(page.text).toContain(`curl --form force=false \\\n  ${browser.url}/v1/connections/1/disconnect`);
    expect((await browser.page('/connections')).text).toMatch(
      /curl --form login_url=\S+ \\\n {2}http:\/\/localhost:\d+\/v1\/connect-links/,
    );
    expect(textOf(page)).toMatch(/About Org Burlington Textiles Corp\. .* 00D\w{15} User .* 005\w{15}/);
    expect(textOf(page)).toMatch(/of the org’s [\d,]+ used|has not reported its limit/);
    expect(textOf(await browser.submit(page, '/console/connections/1/test'))).toMatch(/Works: .* API version/);
    for (const path of ['/connections/2', '/connections/x']) expect((await browser.page(path)).status).toBe(404);
  });

  test('keep what is saved, and say what is wrong with it otherwise', async () => {
    const saved = await browser.submit(await browser.page('/connections/1'), '/console/connections/1', {
      alias: 'burlington',
      api_share: '0.3',
      quiet_hours: '08:00-18:00 Europe/Berlin',
      exclude_fields: '*.SSN__c',
      new_fields: 'review',
    });
    expect(textOf(saved)).toContain('The settings are saved.');
    const before = await settings();
    expect(before).toMatchObject({
      alias: 'burlington',
      quiet_hours: '08:00-18:00 Europe/Berlin',
      exclude_fields: ['*.SSN__c'],
      new_fields: 'review',
    });
    expect(Number(before.api_share)).toBe(0.3);
    expect(textOf(await browser.submit(saved, '/console/connections/1', { alias: 'burlington' }))).toContain('Nothing has changed.');
    for (const [fields, sentence] of [
      [{ alias: 'Not An Alias' }, 'alias must be up to 40 lower-case letters'],
      [{ api_share: '7' }, 'api_share must be a number between 0.01 and 1'],
      [{ quiet_hours: 'at night' }, 'quiet_hours must be a time of day'],
      [{ exclude_fields: 'a-b' }, 'exclude_fields must be a comma-separated list'],
      [{ hash_fields: 'Contact.Email' }, 'hash_fields needs HASH_SALT'],
    ] as [Record<string, string>, string][]) {
      const refused = await browser.submit(saved, '/console/connections/1', { alias: 'burlington', ...fields });
      expect(textOf(refused)).toContain(sentence);
      // What was typed stays in the form.
      expect(refused.text).toContain(`value="${Object.values(fields)[0]}"`);
    }
    expect(await settings()).toEqual(before);
  });

  test('keep what another operator saved while a page was open', async () => {
    const shown = { alias: 'burlington', api_share: '0.3', exclude_fields: '*.SSN__c', hash_fields: '', new_fields: 'review' };
    const quiet = '08:00-18:00 Europe/Berlin';
    const [ours, theirs] = [await browser.page('/connections/1'), await browser.page('/connections/1')];
    await browser.submit(theirs, '/console/connections/1', {
      ...shown,
      quiet_hours: quiet,
      exclude_fields: '*.SSN__c, *.Fax',
      alias: 'textiles',
    });
    const before = await settings();
    expect(before).toMatchObject({ alias: 'textiles', exclude_fields: ['*.SSN__c', '*.Fax'] });
    const saved = await browser.submit(ours, '/console/connections/1', { ...shown, quiet_hours: '09:00-17:00 Europe/Berlin' });
    expect(textOf(saved)).toContain('The settings are saved.');
    expect(await settings()).toEqual({ ...before, quiet_hours: '09:00-17:00 Europe/Berlin' });
    // What both changed is shown before it is replaced.
    const refused = await browser.submit(ours, '/console/connections/1', { ...shown, quiet_hours: quiet, exclude_fields: '*.Phone' });
    expect(textOf(refused)).toMatch(/Nothing is saved: another operator has changed .* Now: \*\.SSN__c, \*\.Fax /);
    expect(refused.text).toMatch(/name="exclude_fields" value="\*\.Phone"/);
    expect(refused.text).toMatch(/name="alias" value="textiles"/);
    expect(await settings()).toMatchObject({ alias: 'textiles', exclude_fields: ['*.SSN__c', '*.Fax'] });
    const undone = await browser.submit(refused, '/console/connections/1', { alias: 'burlington', exclude_fields: '*.SSN__c' });
    expect(textOf(undone)).toContain('The settings are saved.');
    expect(await settings()).toMatchObject({ alias: 'burlington', exclude_fields: ['*.SSN__c'] });
  });

  test('are made by a link for an admin, which is shown once and can be revoked', async () => {
    const page = await browser.page('/connections');
    const refused = await browser.submit(page, '/console/connect-links', { org_id: 'acme' });
    expect(textOf(refused)).toContain('org_id must be the Id of an org');
    const created = await browser.submit(page, '/console/connect-links');
    const [url] = /http:\/\/localhost:\d+\/connect\/[\w-]{43}/.exec(created.text)!;
    expect(textOf(await new Browser().open(url))).toContain('Connect Salesforce to BigQuery');
    const list = await browser.page('/connections');
    expect(list.text).not.toContain(url);
    expect(textOf(list)).toMatch(/Links for admins .* open until/);
    const [action] = /\/console\/connect-links\/[0-9a-f-]{36}\/revoke/.exec(list.text)!;
    expect(textOf(await browser.submit(list, action))).toContain('The link is revoked');
    expect((await new Browser().open(url)).status).toBe(410);
  });

  test('end with their grant, which is revoked, or forgotten by force', async () => {
    service.login.handler = (call, pass) => (call.url.includes('/revoke') ? jsonReply(503, {}) : service.passLogin(call, pass));
    const refused = await browser.submit(await browser.page('/connections/1'), '/console/connections/1/disconnect');
    expect(textOf(refused)).toContain('Nothing has changed.');
    expect(await settings()).toMatchObject({ status: 'active' });
    const ended = await browser.submit(await browser.page('/connections/1'), '/console/connections/1/disconnect', { force: 'yes' });
    expect(textOf(ended)).toMatch(/The grant was not revoked: .* Its tokens are forgotten.* disconnected/);
    expect(await settings()).toMatchObject({ status: 'disconnected' });
    expect(textOf(ended)).toContain('Connect again');
  });

  test('are not changed by a form without its token', async () => {
    for (const path of ['/connections/1', '/connections/1/test', '/connections/1/disconnect', '/connect-links']) {
      expect((await browser.send(`${browser.url}/console${path}`, { method: 'POST', fields: { alias: 'other' } })).status).toBe(403);
    }
    expect(await settings()).toMatchObject({ alias: 'burlington' });
  });
});

test('a key of role read sees connections, and neither buttons nor links', async () => {
  await using keyed = await startGatewayService({ worker: false, local: false, env: { API_KEYS, PUBLIC_URL: 'https://sync.example.com' } });
  const operator = new ConsoleBrowser(keyed.url);
  await operator.signIn('operate-key');
  await operator.submit(await operator.page('/connections'), '/console/connect-links');
  await keyed.database.pool.query(
    `INSERT INTO connections (org_id, user_id, identity_url, login_url, instance_url, access_token, refresh_token)
     VALUES ('00D000000000000EAA', '005000000000001AAA', $1, $2, $2, '', '')`,
    [`${keyed.login.url}/id/00D000000000000EAA/005000000000001AAA`, keyed.login.url],
  );
  const reader = new ConsoleBrowser(keyed.url);
  await reader.signIn('read-key');
  const [list, one] = [await reader.page('/connections'), await reader.page('/connections/1')];
  expect(textOf(list)).toContain('00D000000000000EAA');
  expect(textOf(one)).toMatch(/Settings Alias – .* are added \(the default\)/);
  for (const page of [list, one]) {
    expect(page.text.match(/<form\b[^>]*>/g)).toEqual(['<form method="post" action="/console/sign-out">']);
    expect(textOf(page)).not.toMatch(/Links for admins|Disconnect|Create a link/);
  }
  const token = formOf(one, '/console/sign-out')!.form_token!;
  for (const path of ['/connections/1', '/connections/1/test', '/connections/1/disconnect', '/connect-links']) {
    expect((await reader.send(`${reader.url}/console${path}`, { method: 'POST', fields: { form_token: token } })).status).toBe(403);
  }
  expect(textOf(await operator.page('/connections'))).toContain('Links for admins');
});
