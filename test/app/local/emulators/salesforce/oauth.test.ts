import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startSalesforce } from '../../../../../app/local/emulators/salesforce/salesforce.ts';
import { type Connected, connect, decide, grant, oauth2Of, REDIRECT_URI } from './connect.ts';

let connected: Connected;

beforeEach(async () => {
  connected = await connect();
});
afterEach(() => connected.emulator.close());

/** Calls the token endpoint as a client without a library would. */
async function tokenCall(fields: Record<string, string>): Promise<{ status: number; body: Record<string, string> }> {
  const { clientId, clientSecret, loginUrl } = connected.emulator;
  const body = new URLSearchParams({ client_id: clientId, client_secret: clientSecret, ...fields });
  const reply = await fetch(`${loginUrl}/services/oauth2/token`, { method: 'POST', body });
  return { status: reply.status, body: (await reply.json()) as Record<string, string> };
}

const refreshCall = (token: string) => tokenCall({ grant_type: 'refresh_token', refresh_token: token });

/** Status of a call with the session's access token. */
const sessionStatus = async (): Promise<number> => (await connected.ask('/services/data/v66.0/limits')).status;

const OLD_TOKEN = { status: 400, body: { error: 'invalid_grant', error_description: 'expired access/refresh token' } };

describe('the authorize page', () => {
  test('sends the user back with a code and the state unchanged', async () => {
    const url = connected.oauth2.getAuthorizationUrl({ state: 'a b&c="d"\'<é>' });
    const back = await decide(connected.emulator, url, 'allow');
    expect(back.origin + back.pathname).toBe(REDIRECT_URI);
    expect(back.searchParams.get('state')).toBe('a b&c="d"\'<é>');
    expect(back.searchParams.get('code')).toMatch(/^aPrx.+==$/);
  });

  test('sends the user back with access_denied when they deny', async () => {
    const back = await decide(connected.emulator, connected.oauth2.getAuthorizationUrl({ state: 'x' }), 'deny');
    expect(Object.fromEntries(back.searchParams)).toEqual({
      error: 'access_denied',
      error_description: 'end-user denied authorization',
      state: 'x',
    });
  });

  test.each([
    ['another client_id', { client_id: '3MVG9unknown' }, 'error=invalid_client_id&error_description=client%20identifier%20invalid'],
    [
      'an insecure callback',
      { redirect_uri: 'http://example.com/' },
      'error=redirect_uri_mismatch&error_description=redirect_uri%20must%20match%20configuration',
    ],
    ['no code challenge', { code_challenge: '' }, 'error=invalid_request&error_description=missing%20required%20code%20challenge'],
  ])('returns plain text for %s', async (_name, changed, text) => {
    const url = new URL(connected.oauth2.getAuthorizationUrl({}));
    for (const [name, value] of Object.entries(changed)) url.searchParams.set(name, value);
    const reply = await fetch(url);
    expect([reply.status, await reply.text()]).toEqual([400, text]);
  });

  test('sends the user back with invalid_scope when the app requests an unavailable scope', async () => {
    const reply = await fetch(connected.oauth2.getAuthorizationUrl({ scope: 'api everything' }), { redirect: 'manual' });
    expect(reply.status).toBe(302);
    expect(new URL(reply.headers.get('Location') ?? '').searchParams.get('error')).toBe('invalid_scope');
  });
});

describe('the token endpoint', () => {
  test('returns tokens with the user and the instance, but no expiry', () => {
    const { emulator, tokens } = connected;
    expect(tokens).toEqual({
      access_token: expect.stringMatching(new RegExp(`^${emulator.org.id.slice(0, 15)}!.{96}$`)),
      refresh_token: expect.stringMatching(/^5Aep861/),
      signature: expect.stringMatching(/^[\w+/]+=$/),
      scope: 'refresh_token api id',
      instance_url: emulator.instanceUrl,
      id: `${emulator.loginUrl}/id/${emulator.org.id}/${emulator.org.users[0]}`,
      token_type: 'Bearer',
      issued_at: expect.stringMatching(/^\d{13}$/),
      api_instance_url: emulator.instanceUrl,
      token_format: 'opaque',
    });
  });

  test('accepts a code only once', async () => {
    const back = await decide(connected.emulator, connected.oauth2.getAuthorizationUrl({}), 'allow');
    const code = back.searchParams.get('code') ?? '';
    await connected.oauth2.requestToken(code);
    await expect(connected.oauth2.requestToken(code)).rejects.toMatchObject({
      name: 'invalid_grant',
      message: 'expired authorization code',
    });
  });

  test('requires the verifier of the challenge', async () => {
    const exchange = async (more: Record<string, string>) => {
      const back = await decide(connected.emulator, connected.oauth2.getAuthorizationUrl({}), 'allow');
      const code = back.searchParams.get('code') ?? '';
      return (await tokenCall({ grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, ...more })).body.error;
    };
    expect(await exchange({})).toBe('invalid_grant');
    expect(await exchange({ code_verifier: 'another' })).toBe('invalid_request');
    expect(await exchange({ code_verifier: 'another', redirect_uri: 'https://127.0.0.1/other' })).toBe('redirect_uri_mismatch');
  });

  test.each([
    [{ client_id: 'unknown' }, 'invalid_client_id', 'client identifier invalid'],
    [{ client_secret: 'wrong' }, 'invalid_client', 'invalid client credentials'],
    [{ grant_type: 'magic' }, 'unsupported_grant_type', 'grant type not supported'],
  ])('refuses %j', async (fields, error, description) => {
    const expected = { status: 400, body: { error, error_description: description } };
    expect(await tokenCall({ grant_type: 'refresh_token', ...fields })).toEqual(expected);
  });

  test('refreshes repeatedly with the same refresh token', async () => {
    const { oauth2, tokens } = connected;
    const first = await oauth2.refreshToken(tokens.refresh_token);
    const second = await oauth2.refreshToken(tokens.refresh_token);
    expect(first).not.toHaveProperty('refresh_token');
    expect(second.access_token).not.toBe(first.access_token);
    expect(second.instance_url).toBe(connected.emulator.instanceUrl);
  });

  test('accepts one of two concurrent refreshes and refuses the other as already in progress', async () => {
    const { refresh_token: token } = connected.tokens;
    const replies = await Promise.all([refreshCall(token), refreshCall(token)]);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 400]);
    expect(replies.find(({ status }) => status === 400)?.body.error_description).toBe('token request is already being processed');
    expect((await refreshCall(token)).status).toBe(200);
  });

  test('ends the oldest grant when the user grants a sixth time', async () => {
    for (let times = 0; times < 5; times++) await grant(connected.emulator, oauth2Of(connected.emulator));
    expect(await refreshCall(connected.tokens.refresh_token)).toEqual(OLD_TOKEN);
  });

  test('accepts a refresh token of the same org after a restart', async () => {
    const { refresh_token: token } = connected.tokens;
    await connected.emulator.close();
    connected.emulator = await startSalesforce({ size: 10 });
    expect((await refreshCall(token)).status).toBe(200);
    expect(await refreshCall(`${token}x`)).toEqual(OLD_TOKEN);
  });
});

describe('with rotation', () => {
  beforeEach(async () => {
    await connected.emulator.close();
    connected = await connect({ rotateRefreshTokens: true });
  });

  test('every refresh returns a new refresh token', async () => {
    const second = await refreshCall(connected.tokens.refresh_token);
    const third = await refreshCall(second.body.refresh_token ?? '');
    expect(third.status).toBe(200);
    expect(new Set([connected.tokens.refresh_token, second.body.refresh_token, third.body.refresh_token]).size).toBe(3);
  });

  test('an old refresh token ends the entire grant', async () => {
    const { refresh_token: first } = connected.tokens;
    const second = await refreshCall(first);
    expect(await sessionStatus()).toBe(200);
    expect(await refreshCall(first)).toEqual(OLD_TOKEN);
    expect(await refreshCall(second.body.refresh_token ?? '')).toEqual(OLD_TOKEN);
    expect(await sessionStatus()).toBe(401);
  });
});

describe('a session', () => {
  test('that ended returns 401 with WWW-Authenticate, and is not counted', async () => {
    await fetch(`${connected.emulator.instanceUrl}/emulator/sessions/expire`, { method: 'POST' });
    const reply = await connected.ask('/services/data/v66.0/limits');
    expect(reply.status).toBe(401);
    expect(reply.headers.get('WWW-Authenticate')).toBe('Token');
    expect(reply.headers.get('Sforce-Limit-Info')).toBeNull();
    expect(await reply.json()).toEqual([{ message: 'Session expired or invalid', errorCode: 'INVALID_SESSION_ID' }]);
    expect((await refreshCall(connected.tokens.refresh_token)).status).toBe(200);
  });

  test('expires after its minutes', async () => {
    await connected.emulator.close();
    connected = await connect({ sessionMinutes: 0 });
    expect(await sessionStatus()).toBe(401);
  });

  test('ends when its token is revoked', async () => {
    await connected.oauth2.revokeToken(connected.tokens.access_token);
    expect(await sessionStatus()).toBe(401);
    expect((await refreshCall(connected.tokens.refresh_token)).status).toBe(200);
  });

  test('ends when its refresh token is revoked, which is then invalid', async () => {
    await connected.oauth2.revokeToken(connected.tokens.refresh_token);
    expect(await sessionStatus()).toBe(401);
    expect(await refreshCall(connected.tokens.refresh_token)).toEqual(OLD_TOKEN);
    const again = await fetch(`${connected.emulator.loginUrl}/services/oauth2/revoke`, {
      method: 'POST',
      body: new URLSearchParams({ token: 'x' }),
    });
    expect([again.status, await again.json()]).toEqual([400, expect.objectContaining({ error: 'invalid_token' })]);
  });
});

describe('the identity URL', () => {
  const read = async (url: string, token?: string) => {
    const reply = await fetch(url, token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } });
    return { status: reply.status, text: await reply.text() };
  };

  test('identifies the user', async () => {
    const { status, text } = await read(`${connected.tokens.id}?version=latest`, connected.tokens.access_token);
    const { org, instanceUrl } = connected.emulator;
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({ id: connected.tokens.id, organization_id: org.id, user_id: org.users[0] });
    expect(JSON.parse(text).urls.rest).toBe(`${instanceUrl}/services/data/v66.0/`);
  });

  test('has the same user as userinfo on the instance', async () => {
    const userinfo = `${connected.emulator.instanceUrl}/services/oauth2/userinfo`;
    expect(JSON.parse((await read(userinfo, connected.tokens.access_token)).text)).toMatchObject({ sub: connected.tokens.id });
    expect(await read(userinfo, 'bad')).toEqual({ status: 403, text: 'Bad_OAuth_Token' });
  });

  test("refuses with Salesforce's own error texts", async () => {
    const { id, access_token: token } = connected.tokens;
    expect(await read(id, 'bad')).toEqual({ status: 403, text: 'Bad_OAuth_Token' });
    expect(await read(id)).toEqual({ status: 403, text: 'Missing_OAuth_Token' });
    expect(await read(id.replace('/id/00D', '/id/00E'), token)).toEqual({ status: 403, text: 'Wrong_Org' });
    expect(await read(id.replace('/005', '/006'), token)).toEqual({ status: 404, text: 'Bad_Id' });
  });
});
