import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { RateLimits } from '../../../app/http/rate-limits.ts';
import { startService, type TestService } from '../../support/service.ts';

const KEY = 'the key of ops';
let service: TestService;

async function start(env: Record<string, string> = {}): Promise<void> {
  const sha256 = (key: string): string => createHash('sha256').update(key).digest('hex');
  const API_KEYS = `ops:operate:${sha256(KEY)},reader:read:${sha256('the key of reader')}`;
  service = await startService({ worker: false, local: false, env: { API_KEYS, TRUSTED_PROXY_HOPS: '1', ...env } });
}

const get = (key: string | undefined, address: string, path = 'jobs', method = 'GET'): Promise<Response> =>
  fetch(`${service.url}/${path}`, { method, headers: { 'X-Forwarded-For': address, ...(key !== undefined && { 'X-API-Key': key }) } });

async function statuses(count: number, key: string, address: string): Promise<number[]> {
  const found: number[] = [];
  for (let number = 0; number < count; number++) found.push((await get(key, address)).status);
  return found;
}

const refusals = (): object[] =>
  service.logged.map((line) => JSON.parse(line) as { event: string }).filter(({ event }) => event === 'key_refused');

describe('wrong keys', () => {
  afterEach(() => service[Symbol.asyncDispose]());

  test('lock their address after 10 a minute, except for keys that it has used before', async () => {
    await start();
    const [office, attacker] = ['203.0.113.9', '198.51.100.7'];
    expect((await get(KEY, office)).status).toBe(200);
    expect(await statuses(10, 'wrong', office)).toEqual(Array(10).fill(403));
    expect(await statuses(10, 'wrong', attacker)).toEqual(Array(10).fill(403));
    const locked = await get('wrong', attacker);
    expect(locked.status).toBe(429);
    expect(Number(locked.headers.get('retry-after'))).toBeGreaterThan(30);
    expect(Number(locked.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect(await locked.json()).toEqual({
      error: { code: 'too_many_requests', message: 'Too many wrong API keys from this address. Check the key, then wait a minute.' },
    });
    // A guess that is right gets the same answer there.
    const guessed = await get(KEY, attacker);
    expect([guessed.status, await guessed.json()]).toEqual([
      429,
      expect.objectContaining({ error: expect.objectContaining({ code: 'too_many_requests' }) }),
    ]);
    expect((await get('wrong', office)).status).toBe(429);
    expect((await get(KEY, office)).status).toBe(200);
    expect((await get(KEY, '192.0.2.1')).status).toBe(200);
  });

  test('of one block of IPv6 addresses count together', async () => {
    await start({ WRONG_KEYS_PER_MINUTE: '1' });
    expect((await get('wrong', '2001:db8:1:2::1')).status).toBe(403);
    expect((await get('wrong', '2001:db8:1:2:ffff::9')).status).toBe(429);
    expect((await get('wrong', '2001:db8:1:3::1')).status).toBe(403);
    expect((await get('wrong', '2001:db8::1')).status).toBe(403);
    expect((await get('wrong', '2001:db8:0:0:7::1')).status).toBe(429);
  });

  test('are logged once per address, minute and status, with the name of a key whose role does not suffice', async () => {
    await start();
    const [one, other] = ['203.0.113.9', '198.51.100.7'];
    for (const address of [one, one, other]) await get(undefined, address);
    await statuses(3, 'wrong', one);
    await get('the key of reader', other, 'v1/connections/1/test', 'POST');
    expect(refusals()).toMatchObject([
      { address: one, status: 401 },
      { address: other, status: 401 },
      { address: one, status: 403 },
      { address: other, status: 403, by: 'reader' },
    ]);
  });

  test('of one block of IPv6 addresses are logged once: the addresses of a block would fill the log', async () => {
    await start();
    for (const address of ['2001:db8:1:2::1', '2001:db8:1:2::2', '2001:db8:1:3::1']) await get(undefined, address);
    expect(refusals()).toMatchObject([{ address: '2001:db8:1:2::1' }, { address: '2001:db8:1:3::1' }]);
  });

  test('a tick without a key is forbidden, which EventBridge does not repeat', async () => {
    await start();
    const answer = await get(undefined, '203.0.113.9', 'handle_importing_job', 'POST');
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([403, null]);
    expect(await answer.text()).toContain('Missing API key.');
    expect((await get(undefined, '203.0.113.9')).status).toBe(401);
  });
});

describe('valid keys', () => {
  afterEach(() => service[Symbol.asyncDispose]());

  test('may make so many requests a second, each key by itself', async () => {
    await start({ REQUESTS_PER_SECOND: '3' });
    const answers = await Promise.all(Array.from({ length: 8 }, () => get(KEY, '203.0.113.9', 'v1/audit')));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]!.headers.get('retry-after')).toBe('1');
    expect(await refused[0]!.json()).toMatchObject({
      error: { message: 'This API key may make 3 requests a second. Wait, then call again.' },
    });
    expect((await get('the key of reader', '203.0.113.9')).status).toBe(200);
    await sleep(1_100);
    expect((await get(KEY, '203.0.113.9')).status).toBe(200);
  });
});

describe('the headers of a response', () => {
  afterEach(() => service[Symbol.asyncDispose]());

  test('let a browser do nothing with it, whether it is a success, an error or a health check', async () => {
    await start({ PUBLIC_URL: 'https://sync.acme.example' });
    for (const answer of [
      await get(KEY, '203.0.113.9'),
      await get(undefined, '203.0.113.9'),
      await get(undefined, '203.0.113.9', 'healthz'),
    ]) {
      expect(Object.fromEntries(answer.headers)).toMatchObject({
        'content-security-policy': "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
        'strict-transport-security': 'max-age=31536000',
        'x-content-type-options': 'nosniff',
        'x-frame-options': expect.any(String),
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
      });
    }
  });
});

describe('many callers', () => {
  let limits: RateLimits;
  beforeAll(() => {
    limits = new RateLimits({ wrongKeysPerMinute: 1, requestsPerSecond: 1_000_000 });
  });

  test('are remembered up to a number; those that called first are forgotten first', async () => {
    for (let number = 0; number <= 10_000; number++) await limits.countRequest(`10.0.${number >> 8}.${number & 255}`, 'ops');
    for (const address of ['10.0.0.0', '10.0.0.1']) {
      await limits.countWrongKey(address);
      await expect(limits.countWrongKey(address)).rejects.toMatchObject({ status: 429 });
    }
    await expect(limits.countRequest('10.0.0.0', 'ops')).rejects.toMatchObject({ status: 429 });
    await limits.countRequest('10.0.0.1', 'ops');
  });
});
