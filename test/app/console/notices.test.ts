import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import Koa from 'koa';
import { keepNotice, takeNotice } from '../../../app/console/notices.ts';
import { createSigner } from '../../../app/console/session/signer.ts';

/** What browsers keep of a cookie's name and value, in bytes. */
const MAX_COOKIE_BYTES = 4_096;

let server: Server;
let url: string;
let text: string;

beforeAll(async () => {
  const signer = createSigner([randomBytes(32)]);
  const app = new Koa().use((ctx) => {
    // As behind a proxy with TLS, where the name is longest.
    ctx.state.isPublicOverHttps = true;
    if (ctx.method === 'POST') keepNotice(ctx, signer, { kind: 'bad', text });
    ctx.body = { notice: ctx.method === 'GET' ? takeNotice(ctx, signer) : undefined };
  });
  server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
afterAll(() => void server.close());

/** The notice as the next page shows it. */
async function shown(given: string): Promise<string> {
  text = given;
  const kept = await fetch(url, { method: 'POST' });
  const [cookie = ''] = kept.headers.get('set-cookie')!.split(';');
  expect(cookie.length).toBeLessThanOrEqual(MAX_COOKIE_BYTES);
  const { notice } = (await (await fetch(url, { headers: { cookie } })).json()) as { notice: { kind: string; text: string } };
  expect(notice.kind).toBe('bad');
  return notice.text;
}

test.each(['Paused 3 jobs.', '“Ä” → 日本語 😀\nsecond line'])('a notice is shown as it is: %s', async (given) => {
  expect(await shown(given)).toBe(given);
});

test.each([
  ['letters', 'a'],
  ['umlauts', 'ü'],
  ['Chinese characters', '語'],
  ['emoji', '😀'],
  ['quotes and line breaks', '"\\\n'],
])('of a long notice of %s, the start is shown', async (_, character) => {
  const whole = character.repeat(6_000);
  const start = await shown(whole);
  expect(start.endsWith('…')).toBe(true);
  expect(whole.startsWith(start.slice(0, -1))).toBe(true);
  expect(start.isWellFormed()).toBe(true);
  expect(start.length).toBeGreaterThan(600);
});
