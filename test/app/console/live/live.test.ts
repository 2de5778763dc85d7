import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type Koa from 'koa';
import { LiveStreams } from '../../../../app/console/live/live-streams.ts';
import { SESSION_SECONDS } from '../../../../app/console/session/cookies.ts';
import { startSession } from '../../../../app/console/session/sessions.ts';
import { createSigner } from '../../../../app/console/session/signer.ts';
import { API_KEYS, ConsoleBrowser, textOf } from '../../../support/console.ts';
import { startService, type TestService } from '../../../support/service.ts';

let service: TestService;
let open: { closing: AbortController; response: Response }[] = [];
beforeAll(async () => {
  service = await startService({ worker: false, local: false, env: { API_KEYS, REQUESTS_PER_SECOND: '1000' } });
});
afterEach(() => {
  for (const { closing } of open) closing.abort();
  open = [];
});
afterAll(() => service[Symbol.asyncDispose]());

/** The cookie of a session that started some time ago. */
function cookieOf(keyName: string, startedMsAgo = 0): string {
  const { http, tokenKeys } = service.context.config;
  const key = http.keys.find(({ name }) => name === keyName)!;
  let cookie = '';
  const append = (_: string, value: string): void => {
    cookie = value.split(';')[0]!;
  };
  const ctx = { secure: false, state: {}, append } as unknown as Koa.Context;
  startSession(ctx, createSigner(tokenKeys), key, new Date(Date.now() - startedMsAgo));
  return cookie;
}

async function openStream(cookie: string, page = '/workers'): Promise<Response> {
  const closing = new AbortController();
  const headers = { cookie, accept: 'text/event-stream' };
  const response = await fetch(`${service.url}/console${page}/live`, { headers, redirect: 'manual', signal: closing.signal });
  // A response without a reference would be closed by the garbage collector.
  open.push({ closing, response });
  return response;
}

describe('a live page', () => {
  test('ends with its session, and is then refused until the next sign-in', async () => {
    const leftMs = 3_000;
    const cookie = cookieOf('read', SESSION_SECONDS * 1000 - leftMs);
    const startedAt = Date.now();
    const stream = await openStream(cookie);
    expect(stream.status).toBe(200);
    expect(await stream.text()).toMatch(/^data: /);
    expect(Date.now() - startedAt).toBeLessThan(leftMs + 2_000);
    expect((await openStream(cookie)).status).toBe(401);
    const page = await new ConsoleBrowser(service.url).page('/sign-in?ended=yes');
    expect(textOf(page)).toContain('Your session has ended. Sign in again to return to the page');
  });

  test('is refused to a key that has too many open, and to that key only', async () => {
    const streams = await Promise.all(Array.from({ length: 50 }, () => openStream(cookieOf('read'))));
    expect(new Set(streams.map(({ status }) => status))).toEqual(new Set([200]));
    const refused = await openStream(cookieOf('read'));
    expect(refused).toMatchObject({ status: 429 });
    expect(refused.headers.get('retry-after')).toBe('60');
    expect(await refused.text()).toContain('Too many live pages of the API key read are open. Close some, then reload the page.');
    expect((await openStream(cookieOf('operate'))).status).toBe(200);
    open[0]!.closing.abort();
    while ((await openStream(cookieOf('read'))).status === 429) await sleep(50);
  });

  test.each(['jobs', 'runs'])('of what was deleted is not found: /%s', async (kind) => {
    const stream = await openStream(cookieOf('operate'), `/${kind}/${randomUUID()}`);
    expect(stream.status).toBe(404);
  });

  test('is refused if the process has too many of all keys', () => {
    const streams = new LiveStreams();
    const closings = Array.from({ length: 200 }, () => new AbortController());
    for (const [index, closing] of closings.entries()) streams.add(`key ${index % 5}`, closing.signal);
    const add = (): void => streams.add('another', new AbortController().signal);
    expect(add).toThrow('Too many live pages of the console are open.');
    expect(streams.pauseMs).toBe(10_000);
    closings[0]!.abort();
    expect(add).not.toThrow();
    expect(add).toThrow();
  });
});
