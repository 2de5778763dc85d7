import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import { readAnswer, startService, type TestService } from '../../support/service.ts';

const KEY = 'a key of an operator';
const WRONG = 'a key of nobody';
let service: TestService;

async function start(env: Record<string, string>): Promise<void> {
  const API_KEYS = `ops:operate:${createHash('sha256').update(KEY).digest('hex')}`;
  service = await startService({ worker: false, local: false, env: { API_KEYS, ...env } });
}
afterEach(() => service[Symbol.asyncDispose]());

/** From where the service thinks that a refused key came. */
async function addressOf(forwardedFor: string): Promise<unknown> {
  const answer = await fetch(`${service.url}/jobs`, { headers: { 'X-API-Key': WRONG, 'X-Forwarded-For': forwardedFor } });
  expect(answer.status).toBe(403);
  const line = service.logged
    .map((text) => JSON.parse(text) as { event: string; address: unknown })
    .findLast(({ event }) => event === 'key_refused');
  return line?.address;
}

describe('a refused key', () => {
  test('is logged with the address that our proxy reports, not what the caller wrote', async () => {
    await start({ TRUSTED_PROXY_HOPS: '1' });
    expect(await addressOf('203.0.113.9')).toBe('203.0.113.9');
    expect(await addressOf('10.0.0.1, 198.51.100.7, 203.0.113.9')).toBe('203.0.113.9');
    expect(service.logged.join('')).not.toContain(WRONG);
  });

  test('behind two proxies is logged with the address that the outer one saw', async () => {
    await start({ TRUSTED_PROXY_HOPS: '2' });
    expect(await addressOf('10.0.0.1, 203.0.113.9, 192.0.2.4')).toBe('203.0.113.9');
  });

  test('without proxies is logged with the socket address', async () => {
    await start({});
    expect(await addressOf('203.0.113.9')).toMatch(/127\.0\.0\.1$/);
  });
});

test('an invalid redirect_uri gets a suggestion with our own address, whatever the Host header', async () => {
  await start({ PUBLIC_URL: 'https://sync.acme.example/' });
  const body = new URLSearchParams({ redirect_uri: 'http://elsewhere.example/callback' });
  const headers = { 'X-API-Key': KEY, 'X-Forwarded-Host': 'evil.example' };
  const answer = await readAnswer(await fetch(`${service.url}/get_oauth_url`, { method: 'POST', headers, body }));
  expect(answer).toMatchObject({
    status: 400,
    code: 'invalid_request',
    text: expect.stringContaining('for example https://sync.acme.example/login/callback'),
  });
  expect(answer.text).not.toContain('evil');
});
