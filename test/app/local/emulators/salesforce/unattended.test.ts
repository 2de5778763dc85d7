import { createSign, generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Connection } from 'jsforce/lib/connection.js';
import { startSalesforce } from '../../../../../app/local/emulators/salesforce/salesforce.ts';
import { type Connected, connect, oauth2Of } from './connect.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const USERNAME = 'integration@sandbox.example.com';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

interface TokenReply {
  access_token: string;
  scope: string;
  instance_url: string;
  id: string;
  refresh_token?: string;
}

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function assertion(claims: object, { alg = 'RS256', key = privateKey } = {}): string {
  const text = `${base64url({ alg })}.${base64url(claims)}`;
  return `${text}.${createSign('RSA-SHA256').update(text).sign(key, 'base64url')}`;
}

describe.each([false, true])('with rotation %s', (rotateRefreshTokens) => {
  let connected: Connected;

  beforeAll(async () => {
    connected = await connect({ size: 10, rotateRefreshTokens });
    const reply = await fetch(`${connected.emulator.instanceUrl}/emulator/jwt-key`, { method: 'PUT', body: publicKey });
    expect(reply.status).toBe(204);
  });
  afterAll(() => connected.emulator.close());

  const validClaims = () => ({
    iss: connected.emulator.clientId,
    sub: USERNAME,
    aud: 'https://login.salesforce.com',
    exp: Math.floor(Date.now() / 1000) + 120,
  });

  /** jsforce sends any grant type, with the app's id and secret. */
  const request = (fields: { grant_type: string; [name: string]: string }): Promise<TokenReply> =>
    oauth2Of(connected.emulator).requestToken(fields) as unknown as Promise<TokenReply>;

  const useSession = async ({ access_token: accessToken, instance_url: instanceUrl }: TokenReply): Promise<number> =>
    (await new Connection({ version: '66.0', accessToken, instanceUrl }).query('SELECT COUNT() FROM Account')).totalSize;

  test("client credentials return a session of the app's user, without a refresh token", async () => {
    const reply = await request({ grant_type: 'client_credentials', scope: 'full api refresh_token web' });
    expect(reply).toMatchObject({ scope: 'api', id: connected.tokens.id });
    expect(reply).not.toHaveProperty('refresh_token');
    expect(await useSession(reply)).toBeGreaterThan(0);
    await expect(oauth2Of(connected.emulator).refreshToken(reply.access_token)).rejects.toMatchObject({
      name: 'invalid_grant',
      message: 'expired access/refresh token',
    });
  });

  test('client credentials are refused with a wrong secret or an unknown scope', async () => {
    const { clientId, loginUrl } = connected.emulator;
    const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: 'wrong' });
    const reply = await fetch(`${loginUrl}/services/oauth2/token`, { method: 'POST', body });
    expect([reply.status, await reply.json()]).toEqual([400, { error: 'invalid_client', error_description: 'invalid client credentials' }]);
    await expect(request({ grant_type: 'client_credentials', scope: 'everything' })).rejects.toMatchObject({ name: 'invalid_scope' });
  });

  test('a signed assertion returns a session each time, without a refresh token', async () => {
    for (const aud of ['https://login.salesforce.com', 'https://test.salesforce.com', connected.emulator.loginUrl]) {
      const reply = await request({ grant_type: JWT_BEARER, assertion: assertion({ ...validClaims(), aud }) });
      expect(reply).not.toHaveProperty('refresh_token');
      expect(reply.id).toBe(connected.tokens.id);
      expect(await useSession(reply)).toBeGreaterThan(0);
    }
    const byPrn = assertion({ ...validClaims(), sub: 'another', prn: USERNAME });
    expect(await request({ grant_type: JWT_BEARER, assertion: byPrn })).toHaveProperty('access_token');
  });

  test.each([
    [
      'signed by another key',
      () =>
        assertion(validClaims(), {
          key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        }),
      'invalid assertion',
    ],
    ['with another algorithm', () => assertion(validClaims(), { alg: 'HS256' }), 'invalid assertion'],
    ['that has expired', () => assertion({ ...validClaims(), exp: Math.floor(Date.now() / 1000) - 1 }), 'invalid assertion'],
    ['that expires too late', () => assertion({ ...validClaims(), exp: Math.floor(Date.now() / 1000) + 300 }), 'invalid assertion'],
    ['for another audience', () => assertion({ ...validClaims(), aud: 'https://example.com' }), 'Audience validation failed'],
    ['of another user', () => assertion({ ...validClaims(), sub: 'unknown@example.com' }), "user hasn't approved this consumer"],
    ['that is malformed', () => 'a.b.c', 'invalid assertion'],
  ])('an assertion %s is refused', async (_name, create, message) => {
    await expect(request({ grant_type: JWT_BEARER, assertion: create() })).rejects.toMatchObject({ name: 'invalid_grant', message });
  });

  test('sessions without a refresh token do not count among the five grants', async () => {
    for (let times = 0; times < 6; times++) await request({ grant_type: 'client_credentials' });
    const { refresh_token: token } = connected.tokens;
    const refreshed = (await connected.oauth2.refreshToken(token)) as unknown as TokenReply;
    connected.tokens.refresh_token = refreshed.refresh_token ?? token;
    expect(await useSession(refreshed)).toBeGreaterThan(0);
  });

  test('introspection returns whether a token is active, and when it expires', async () => {
    const { clientId, clientSecret, loginUrl } = connected.emulator;
    const introspect = async (token: string, secret = clientSecret) => {
      const body = new URLSearchParams({ token, client_id: clientId, client_secret: secret });
      return (await fetch(`${loginUrl}/services/oauth2/introspect`, { method: 'POST', body })).json() as Promise<Record<string, unknown>>;
    };
    const session = await request({ grant_type: 'client_credentials' });
    const token = await introspect(session.access_token);
    expect(token).toMatchObject({ active: true, scope: 'api id', client_id: clientId, username: USERNAME, sub: session.id });
    expect(Number(token.exp) - Number(token.iat)).toBe(120 * 60);
    expect(await introspect(connected.tokens.refresh_token)).toMatchObject({ active: true, token_type: 'refresh_token' });
    expect(await introspect('nothing')).toEqual({ active: false });
    expect(await introspect(session.access_token, 'wrong')).toMatchObject({ error: 'invalid_client' });
  });
});

test('an assertion for a user who has not approved the app needs admin preauthorization', async () => {
  for (const preauthorized of [false, true]) {
    const emulator = await startSalesforce({ size: 10, jwtPublicKey: publicKey, preauthorized });
    const claims = { iss: emulator.clientId, sub: USERNAME, aud: emulator.loginUrl, exp: Math.floor(Date.now() / 1000) + 60 };
    const body = new URLSearchParams({ grant_type: JWT_BEARER, assertion: assertion(claims) });
    const reply = await fetch(`${emulator.loginUrl}/services/oauth2/token`, { method: 'POST', body });
    expect(reply.status).toBe(preauthorized ? 200 : 400);
    await emulator.close();
  }
});

test('client credentials need a run-as user', async () => {
  const { clientId, clientSecret, loginUrl, close } = await startSalesforce({ size: 10, hasRunAsUser: false });
  const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret });
  const reply = await fetch(`${loginUrl}/services/oauth2/token`, { method: 'POST', body });
  const refusal = { error: 'invalid_grant', error_description: 'no client credentials user enabled' };
  expect([reply.status, await reply.json()]).toEqual([400, refusal]);
  await close();
});

test('the app of the Salesforce CLI refreshes without a secret', async () => {
  const { tokens, emulator } = await connect({ size: 10 });
  const fields = { grant_type: 'refresh_token', client_id: 'PlatformCLI', refresh_token: tokens.refresh_token };
  const reply = await fetch(`${emulator.loginUrl}/services/oauth2/token`, { method: 'POST', body: new URLSearchParams(fields) });
  expect(await reply.json()).toMatchObject({ instance_url: emulator.instanceUrl, id: tokens.id });
  await emulator.close();
});

test('an app can be configured not to require its secret', async () => {
  const connected = await connect({ size: 10, secretIsRequired: false });
  const { clientId, loginUrl } = connected.emulator;
  const refresh = (more: Record<string, string>) =>
    fetch(`${loginUrl}/services/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: clientId,
        refresh_token: connected.tokens.refresh_token,
        ...more,
      }),
    });
  expect((await refresh({})).status).toBe(200);
  expect((await refresh({ client_secret: 'wrong' })).status).toBe(400);
  await connected.emulator.close();
});
