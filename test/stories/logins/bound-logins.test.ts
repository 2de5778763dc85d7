import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createContext } from '../../../app/context.ts';
import { createApp } from '../../../app/http/app.ts';
import { close, listen } from '../../support/server.ts';
import { type Answer, decide, REDIRECT_URI, readAnswer, startService, type TestService } from '../../support/service.ts';

/** A login belongs to the API key that opened it: one PKCE verifier, one use, ten minutes. */
const KEYS = { ada: 'key of ada', grace: 'key of grace' };
type Name = keyof typeof KEYS;
const API_KEYS = Object.entries(KEYS)
  .map(([name, key]) => `${name}:operate:${createHash('sha256').update(key).digest('hex')}`)
  .join(',');

let service: TestService;
beforeEach(async () => {
  service = await startService({ worker: false, local: false, env: { API_KEYS } });
});
afterEach(() => service[Symbol.asyncDispose]());

async function call(name: Name, path: string, fields: Record<string, string>, url = service.url): Promise<Answer> {
  const headers = { 'X-API-Key': KEYS[name] };
  return await readAnswer(await fetch(`${url}/${path}`, { method: 'POST', headers, body: new URLSearchParams(fields) }));
}

/** Opens a login. @returns the authorize URL */
async function open(name: Name, redirectUri = REDIRECT_URI): Promise<string> {
  const answer = await call(name, 'get_oauth_url', { redirect_uri: redirectUri });
  expect(answer).toMatchObject({ status: 200 });
  return answer.text;
}

const finish = (name: Name, fields: Record<string, string>): Promise<Answer> =>
  call(name, 'login_oauth_callback', { redirect_uri: REDIRECT_URI, ...fields });

/** Presses Allow. @returns the fields of the redirect, as the callback takes them */
async function allow(authorizeUrl: string): Promise<{ authorization_code: string; state: string }> {
  const { searchParams } = await decide(authorizeUrl, 'allow');
  return { authorization_code: searchParams.get('code')!, state: searchParams.get('state')! };
}

const pass = (minutes: number): Promise<unknown> =>
  service.database.pool.query(`UPDATE authorizations SET expires_at = expires_at - $1 * interval '1 minute'`, [minutes]);

const REFUSED = { status: 400, code: 'invalid_request' };
const CONNECTED = { status: 200, text: expect.stringMatching(/\/id\/00D/) };

describe('a login', () => {
  test('has a PKCE verifier and a state of its own', async () => {
    const [one, other] = [new URL(await open('ada')), new URL(await open('ada'))];
    for (const name of ['code_challenge', 'state']) expect(one.searchParams.get(name)).not.toBe(other.searchParams.get(name));
  });

  test('needs no state while it is the only one of its API key and redirect_uri', async () => {
    await open('grace');
    await open('ada', 'https://127.0.0.1/other');
    const { authorization_code } = await allow(await open('ada'));
    expect(await finish('ada', { authorization_code })).toMatchObject(CONNECTED);
  });

  test('needs its state while another one is open, and is not used up by a callback without it', async () => {
    const [first] = [await open('ada'), await open('ada')];
    const { authorization_code, state } = await allow(first);
    const answer = await finish('ada', { authorization_code });
    expect(answer).toMatchObject(REFUSED);
    expect(answer.text).toContain('2 logins are open for this redirect_uri, so it does not identify one. Also send state');
    expect(await finish('ada', { authorization_code, state })).toMatchObject(CONNECTED);
  });

  test('takes no code of another login', async () => {
    const [first, second] = [await open('ada'), await open('ada')];
    const { authorization_code } = await allow(first);
    const state = new URL(second).searchParams.get('state')!;
    const answer = await finish('ada', { authorization_code, state });
    expect(answer).toMatchObject({ status: 400, code: 'login_refused' });
    expect(answer.text).toMatch(/Call get_oauth_url again/);
    expect((await service.database.pool.query('SELECT 1 FROM connections')).rowCount).toBe(0);
  });

  test('cannot be completed with another API key, whether or not the state is known', async () => {
    const fields = await allow(await open('ada'));
    for (const stolen of [fields, { authorization_code: fields.authorization_code }]) {
      const answer = await finish('grace', stolen);
      expect(answer).toMatchObject(REFUSED);
      expect(answer.text).toContain('This API key has no open login');
    }
    expect(await finish('ada', fields)).toMatchObject(CONNECTED);
  });

  test('can be completed once, by one of several callbacks', async () => {
    const fields = await allow(await open('ada'));
    const answers = await Promise.all([1, 2, 3].map(() => finish('ada', fields)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400]);
    expect(await finish('ada', fields)).toMatchObject(REFUSED);
  });

  test('is over after a code that Salesforce refused', async () => {
    const { state } = await allow(await open('ada'));
    expect(await finish('ada', { authorization_code: 'invented', state })).toMatchObject({ code: 'login_refused' });
    expect(await finish('ada', { authorization_code: 'invented', state })).toMatchObject(REFUSED);
  });

  test('stays open for ten minutes', async () => {
    const [first, second] = [await allow(await open('ada')), await allow(await open('grace'))];
    await pass(9);
    expect(await finish('ada', first)).toMatchObject(CONNECTED);
    await pass(1);
    const answer = await finish('grace', second);
    expect(answer).toMatchObject(REFUSED);
    expect(answer.text).toContain('within ten minutes');
  });

  test('stays open after a callback without code', async () => {
    const fields = await allow(await open('ada'));
    expect(await finish('ada', { state: fields.state })).toMatchObject({ ...REFUSED, text: expect.stringContaining('authorization_code') });
    expect(await finish('ada', fields)).toMatchObject(CONNECTED);
  });
});

describe('a denial', () => {
  const denied = { error: 'access_denied', error_description: 'end-user denied authorization' };

  test('without state ends no login while several are open', async () => {
    const [first] = [await open('ada'), await open('ada')];
    expect(await finish('ada', denied)).toMatchObject({ ...REFUSED, text: expect.stringContaining('Also send state') });
    expect(await finish('ada', await allow(first))).toMatchObject(CONNECTED);
  });

  test('without state ends no login of another API key', async () => {
    const fields = await allow(await open('ada'));
    expect(await finish('grace', denied)).toMatchObject(REFUSED);
    expect(await finish('ada', fields)).toMatchObject(CONNECTED);
  });

  test('ends the login of its state, and the next one needs no state', async () => {
    const redirect = await decide(await open('ada'), 'deny');
    expect(await finish('ada', Object.fromEntries(redirect.searchParams))).toMatchObject({ status: 400, code: 'login_refused' });
    const { authorization_code } = await allow(await open('ada'));
    expect(await finish('ada', { authorization_code })).toMatchObject(CONNECTED);
  });
});

test('a login that is open under a removed token key keeps no other from starting or ending', async () => {
  const old = await allow(await open('ada'));
  const { config, events, limits } = service.context;
  const context = createContext({ ...config, tokenKeys: [randomBytes(32)] }, events, limits);
  const server = createServer(createApp(context).callback());
  const url = await listen(server);
  const opened = await call('ada', 'get_oauth_url', { redirect_uri: REDIRECT_URI }, url);
  expect(opened.status).toBe(200);
  expect(await call('ada', 'login_oauth_callback', { redirect_uri: REDIRECT_URI, ...old }, url)).toMatchObject(REFUSED);
  const { authorization_code } = await allow(opened.text);
  expect(await call('ada', 'login_oauth_callback', { redirect_uri: REDIRECT_URI, authorization_code }, url)).toMatchObject(CONNECTED);
  await close(server);
  await context.close();
});
