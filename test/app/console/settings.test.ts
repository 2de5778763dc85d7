import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { withoutSilence } from '../../../app/console/response.ts';
import type { Context } from '../../../app/context.ts';
import { createApp } from '../../../app/http/app.ts';
import type { Visit } from '../../support/browser.ts';
import { API_KEYS, ConsoleBrowser, formOf, textOf } from '../../support/console.ts';
import { close, listen } from '../../support/server.ts';
import { startService, type TestService } from '../../support/service.ts';

const SECRETS = {
  HASH_SALT: 'a-long-and-random-salt-of-hashes',
  ALERT_WEBHOOK_URL: 'https://hooks.example.com/services/secret-token',
  ALERT_WEBHOOK_SECRET: 'whsec_c2VjcmV0LW9mLXRoZS13ZWJob29rLW9mLWFsZXJ0cw==',
};

let service: TestService;
beforeAll(async () => {
  service = await startService({ worker: false, local: false, env: { API_KEYS, ...SECRETS } });
});
afterAll(() => service[Symbol.asyncDispose]());

async function signIn(role: string): Promise<ConsoleBrowser> {
  const browser = new ConsoleBrowser(service.url);
  await browser.signIn(`${role}-key`);
  return browser;
}

/** The page of doctor. @param other of the context of the service */
async function runDoctor(other: Partial<Context> = {}): Promise<Visit> {
  const server = createServer(createApp({ ...service.context, ...other }).callback());
  await using _ = { [Symbol.asyncDispose]: () => close(server) };
  const browser = new ConsoleBrowser(await listen(server));
  await browser.signIn('operate-key');
  return await browser.submit(await browser.page('/settings'), '/console/settings/doctor');
}

test('the page of doctor, opened again, leads to the settings and runs nothing', async () => {
  const page = await (await signIn('operate')).page('/settings/doctor');
  expect(page).toMatchObject({ status: 200, url: expect.stringMatching(/\/console\/settings$/) });
});

/** Lets a check hang. */
function hang(): void {
  jest.spyOn(service.context.agreement, 'compare').mockImplementation(() => new Promise(() => {}));
}

afterEach(() => {
  jest.restoreAllMocks();
});

const messages = async (): Promise<unknown[]> => (await service.database.pool.query('SELECT event, content FROM webhook_messages')).rows;

describe('settings', () => {
  test('are those in effect, without a secret', async () => {
    const page = await (await signIn('read')).page('/settings');
    expect(textOf(page)).toMatch(/WORKERS 4 .*BIGQUERY_DATASETS salesforce/);
    expect(textOf(page)).toMatch(
      /HASH_SALT set .*DATABASE_URL (?:127\.0\.0\.1|localhost):\d+\/test_\w+ .*ALERT_WEBHOOK_URL set ALERT_FORMAT generic .*ALERT_WEBHOOK_SECRET set/,
    );
    expect(textOf(page)).toContain('npm run op -- doctor');
    const { config } = service.context;
    const password = new URL((config.database as { url: string }).url).password;
    const secrets = [
      ...Object.values(SECRETS),
      'secret-token',
      ...config.tokenKeys.map((key) => key.toString('base64')),
      ...config.salesforce.apps.map((app) => app.clientSecret),
    ];
    for (const secret of [...secrets, ...(password ? [password] : []), ...config.http.keys.map(({ sha256 }) => sha256.toString('hex'))]) {
      expect(page.text).not.toContain(secret);
    }
  });

  test('list the API keys with their last use', async () => {
    const browser = await signIn('operate');
    await fetch(`${service.url}/v1/jobs`, { headers: { 'X-API-Key': 'data-key' } });
    const page = await browser.page('/settings');
    expect(textOf(page)).toMatch(/data data now operate operate now admin admin never/);
    const { rows } = await service.database.pool.query<{ name: string }>('SELECT name FROM key_uses ORDER BY name');
    expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining(['data', 'operate']));
  });

  test('show the last use of a key also while it cannot be stored', async () => {
    const browser = await signIn('data');
    const { pool } = service.database;
    await pool.query('ALTER TABLE key_uses ADD CONSTRAINT stored CHECK (false) NOT VALID');
    try {
      expect(textOf(await browser.page('/settings'))).toMatch(/data data now/);
    } finally {
      await pool.query('ALTER TABLE key_uses DROP CONSTRAINT stored');
    }
    expect(service.logged.join('')).toContain('"event":"key_uses_not_stored"');
  });

  test('send a test alert by the way of all alerts', async () => {
    const browser = await signIn('operate');
    const page = await browser.submit(await browser.page('/settings'), '/console/settings/test-alert');
    expect(textOf(page)).toContain('A test alert is queued');
    expect(await messages()).toEqual([
      { event: 'test', content: expect.objectContaining({ type: 'test', data: { requested_by: 'operate' } }) },
    ]);
    const answer = await browser.send(`${browser.url}/console/settings/test-alert`, { method: 'POST', fields: {} });
    expect(answer.status).toBe(403);
    expect(await messages()).toHaveLength(1);
  });

  test('run doctor, check by check, for one page at a time', async () => {
    const browser = await signIn('operate');
    const settings = await browser.page('/settings');
    const form = formOf(settings, '/console/settings/doctor')!;
    const page = await browser.submit(settings, '/console/settings/doctor');
    expect(page.status).toBe(200);
    expect(textOf(page)).toMatch(/passed the job store is reachable connected .*passed BigQuery can load and merge 1 row loaded, 1 merged/);
    expect(textOf(page)).toMatch(/healthy All checks passed\./);
    const run = () =>
      browser.open(`${browser.url}/console/settings/doctor`, {
        method: 'POST',
        fields: form,
        headers: { 'Sec-Fetch-Site': 'same-origin' },
      });
    const pages = (await Promise.all([run(), run()])).map(textOf);
    expect(pages).toContainEqual(expect.stringContaining('All checks passed.'));
    expect(pages).toContainEqual(expect.stringContaining('Doctor is running already, for another page.'));
  });

  test('record who runs doctor and sends test alerts', async () => {
    const { rows } = await service.database.pool.query('SELECT DISTINCT by, action FROM audit ORDER BY action');
    expect(rows).toEqual([
      { by: 'operate', action: 'doctor_run' },
      { by: 'operate', action: 'test_alert_requested' },
    ]);
  });

  test('show which check hangs, and run the others', async () => {
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    jest.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => timeout(ms === 90_000 ? 2_000 : ms));
    hang();
    const page = await runDoctor();
    expect(textOf(page)).toMatch(/failed the job store agrees with BigQuery It took longer than 90 seconds\. .*passed TOKEN_KEYS opens/);
    expect(textOf(page)).toContain('1 check failed: follow what it says');
  });

  test('show what doctor had no time to check, which is no failure', async () => {
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    jest.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => timeout(ms === 5 * 60_000 ? 1_000 : ms));
    hang();
    const page = await runDoctor();
    expect(textOf(page)).toMatch(/not checked the job store agrees with BigQuery The checks were stopped\. not checked TOKEN_KEYS opens/);
    expect(textOf(page)).toContain('The checks took longer than 5 min, or the session has ended. Run doctor again.');
    expect(textOf(page)).not.toContain('failed');
  });

  test('are sent without a silence while a check takes long', async () => {
    async function* slow(): AsyncGenerator<string> {
      yield '<tr>';
      await sleep(100);
      yield '</tr>';
    }
    const parts: string[] = [];
    for await (const part of withoutSilence(slow(), 20)) parts.push(part);
    expect(parts.filter((part) => part !== '\n')).toEqual(['<tr>', '</tr>']);
    expect(parts.length).toBeGreaterThan(4);
  });

  test('show what doctor found, and what to do, without a secret', async () => {
    const { config } = service.context;
    const [app] = config.salesforce.apps;
    const apps = [{ ...app!, clientSecret: 'not-the-s3cret' }];
    const page = await runDoctor({ config: { ...config, salesforce: { ...config.salesforce, apps } } });
    expect(textOf(page)).toMatch(/failed the Salesforce login hosts accept the configured apps .*SALESFORCE_CLIENT_SECRET/);
    expect(textOf(page)).toContain('1 check failed: follow what it says, then run doctor again.');
    expect(page.text).not.toContain('not-the-s3cret');
  });

  test('have no button for a key of role read', async () => {
    const browser = await signIn('read');
    const page = await browser.page('/settings');
    for (const action of ['test-alert', 'doctor']) expect(formOf(page, `/console/settings/${action}`)).toBeUndefined();
    const token = formOf(page, '/console/sign-out')!.form_token!;
    expect(
      (await browser.send(`${browser.url}/console/settings/test-alert`, { method: 'POST', fields: { form_token: token } })).status,
    ).toBe(403);
  });

  test('say that nothing receives alerts, and how keys are not needed locally', async () => {
    await using local = await startService({ worker: false });
    const browser = new ConsoleBrowser(local.url);
    const page = await browser.page('/settings');
    expect(textOf(page)).toMatch(/Nothing receives them: set ALERT_WEBHOOK_URL.* npm run doctor .*needs no key/);
    const token = formOf(await browser.page('/connections'), '/console/connect-links')!.form_token!;
    const refused = await browser.open(`${browser.url}/console/settings/test-alert`, {
      method: 'POST',
      fields: { form_token: token, back: '/console/settings' },
      headers: { 'Sec-Fetch-Site': 'same-origin' },
    });
    expect(textOf(refused)).toContain('Nothing receives alerts. Set ALERT_WEBHOOK_URL and restart the service.');
  });
});
