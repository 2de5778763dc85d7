import { spawn, spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, test } from '@jest/globals';
import { CONDITIONS, PROGRESS } from '../../../app/core/alerts.ts';
import { claimMessage } from '../../../app/store/outbox/webhook-messages.ts';
import { raiseAlerts } from '../../../app/sync/watch/raise-alerts.ts';
import { watchAlerts } from '../../../app/sync/watch/watch-alerts.ts';
import { type Alerting, type Receiver, SECRET_PATH, startAlerting, WEBHOOK_SECRET } from '../../support/receiver.ts';
import type { TestService, TestServiceOptions } from '../../support/service.ts';

/** However the receiver of alerts responds, it gets each message, or it is given up; and nothing waits for it. */
let service: TestService;
let receiver: Receiver;
let alerting: Alerting;

afterEach(() => alerting[Symbol.asyncDispose]());

async function start(env: NodeJS.ProcessEnv = {}, options: TestServiceOptions = {}): Promise<void> {
  alerting = await startAlerting(env, options);
  ({ service, receiver } = alerting);
}

const send = () => alerting.send();
const change = (sql: string) => alerting.change(sql);
const events = (name: string) => alerting.events(name);

const ALL = [...CONDITIONS, ...PROGRESS].join(',');

describe('a message', () => {
  async function raiseOne(env: NodeJS.ProcessEnv = {}, options: TestServiceOptions = {}): Promise<void> {
    await start({ ALERT_EVENTS: 'needs_login', ...env }, { worker: false, ...options });
    await change(`UPDATE connections SET status = 'needs_login'`);
    await raiseAlerts(service.context);
  }
  const makeDue = () => change('UPDATE webhook_messages SET next_try_at = now()');
  const left = async (): Promise<number> => (await change('SELECT FROM webhook_messages')).rowCount!;
  const ids = (): unknown[] => receiver.received.map(({ headers }) => headers['webhook-id']);

  test.each([
    ['responds with 500', 500, {}, /responded with 500/],
    ['responds with 404', 404, {}, /responded with 404/],
    ['redirects', 302, { location: '/elsewhere' }, /redirects \(302\), which is not followed/],
  ])('to a receiver that %s is sent again later, under the same id', async (_, status, headers, reason) => {
    await raiseOne();
    receiver.respond = (response) => response.writeHead(status, headers).end('a body');
    await send();
    await send();
    expect(receiver.received).toHaveLength(1);
    await makeDue();
    await send();
    const failures = events('webhook_not_sent');
    expect(failures).toMatchObject([
      { level: 'warn', type: 'needs_login', tries: 1, error_code: 'webhook_failed', error_message: expect.stringMatching(reason) },
      { tries: 2 },
    ]);
    receiver.respond = (response) => response.writeHead(200).end('ok');
    await makeDue();
    await send();
    expect(ids()).toEqual(Array(3).fill(ids()[0]));
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    expect(receiver.received.map(({ path }) => path)).toEqual(Array(3).fill(SECRET_PATH));
    expect(await left()).toBe(0);
  });

  test('waits for as long as the receiver demands', async () => {
    await raiseOne();
    receiver.respond = (response) => response.writeHead(429, { 'retry-after': '600' }).end();
    await send();
    expect((await change(`SELECT FROM webhook_messages WHERE next_try_at > now() + interval '590 seconds'`)).rowCount).toBe(1);
  });

  test('to a receiver that responds with 410 is given up at once', async () => {
    await raiseOne();
    receiver.respond = (response) => response.writeHead(410).end();
    await send();
    expect(events('webhook_given_up')).toMatchObject([{ level: 'error', error_code: 'webhook_failed', tries: 1 }]);
    expect(await left()).toBe(0);
  });

  test('is given up after a day', async () => {
    await raiseOne();
    receiver.respond = (response) => response.writeHead(500).end();
    await change(`UPDATE webhook_messages SET created_at = now() - interval '23 hours 59 minutes 59 seconds'`);
    await send();
    expect(events('webhook_given_up')).toMatchObject([{ error_message: expect.stringContaining('responded with 500') }]);
    expect(await left()).toBe(0);
  });

  test.each([
    ['never responds', () => {}],
    ['never ends its response', (response: { write(text: string): void }) => response.write('{')],
  ])('to a receiver that %s holds up neither imports nor the end of the process', async (_, respond) => {
    await start({ ALERT_EVENTS: ALL }, { limits: { webhookMs: 2_000 } });
    receiver.respond = respond;
    const watch = watchAlerts(service.context);
    await service.tickAt('2023-03-20T00:10:00Z');
    expect((await service.tickAt('2023-03-21T00:10:00Z')).text).toMatch(/^OK/);
    while (receiver.received.length === 0) await sleep(20);
    const stoppedAt = performance.now();
    await watch.stop();
    expect(performance.now() - stoppedAt).toBeLessThan(1_500);
  });

  test('to a receiver that never responds fails after the time limit', async () => {
    await raiseOne({}, { limits: { webhookMs: 200 } });
    receiver.respond = () => {};
    await send();
    expect(events('webhook_not_sent')).toMatchObject([{ error_message: expect.stringContaining('did not respond within 0.2 seconds') }]);
  });

  test('whose sender dies before it stores the outcome is sent again under the same id', async () => {
    await raiseOne();
    const claimed = (await claimMessage(service.context.database, 60_000))!;
    await service.context.webhook!.send(claimed.id, claimed.content, new AbortController().signal);
    await send();
    expect(receiver.received).toHaveLength(1);
    await makeDue();
    await send();
    expect(ids()).toEqual([claimed.id, claimed.id]);
  });

  test('is sent by one of several processes, after those about the same', async () => {
    await raiseOne();
    await change(`UPDATE connections SET status = 'active'`);
    await Promise.all([1, 2, 3].map(() => raiseAlerts(service.context)));
    receiver.respond = (response) => setTimeout(() => response.writeHead(204).end(), 100);
    await Promise.all([1, 2, 3].map(() => send()));
    await send();
    expect(receiver.take().map(({ type }) => type)).toEqual(['needs_login', 'needs_login.resolved']);
  });

  test('to Slack is one line of text, without a signature', async () => {
    await raiseOne({ ALERT_FORMAT: 'slack', ALERT_WEBHOOK_SECRET: '', PUBLIC_URL: 'https://sync.acme.example' });
    await send();
    const [{ headers, body }] = receiver.received as [(typeof receiver.received)[0]];
    expect(JSON.parse(body)).toEqual({
      text: expect.stringMatching(/^org 00D\w{15} needs a login\. Jobs that wait for it: 1 – https:\/\/sync\.acme\.example$/),
    });
    expect(headers['webhook-signature']).toBeUndefined();
  });
});

/** The code block of a document that contains some text. */
function codeIn(file: string, language: string, contained: string): string {
  const blocks = [...readFileSync(file, 'utf8').matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  return blocks.find(([, found, code]) => found === language && code!.includes(contained))![2]!;
}

describe('the documentation', () => {
  const folder = mkdtempSync(join(tmpdir(), 'webhooks-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('verifies a message as it says, and no other', async () => {
    const file = join(folder, 'verify.mjs');
    writeFileSync(file, codeIn('app/README.md', 'js', 'isAuthentic'));
    const { isAuthentic: verify } = (await import(file)) as { isAuthentic(secret: string, headers: object, body: string): boolean };
    await start({ ALERT_EVENTS: 'tick_completed' });
    await service.tickAt('2023-03-20T00:10:00Z');
    await alerting.check();
    const [{ headers, body }] = receiver.received as [(typeof receiver.received)[0]];
    const old = { ...headers, 'webhook-timestamp': String(Number(headers['webhook-timestamp']) - 400) };
    expect(verify(WEBHOOK_SECRET, headers, body)).toBe(true);
    expect(verify(WEBHOOK_SECRET, headers, `${body} `)).toBe(false);
    expect(verify(WEBHOOK_SECRET, old, body)).toBe(false);
    expect(verify(WEBHOOK_SECRET, {}, body)).toBe(false);
  });

  const hasPython = spawnSync('python3', ['--version']).status === 0;

  (hasPython ? test : test.skip)('starts dbt once a tick is complete, if it is the service that says so', async () => {
    const port = await freePort();
    const started = join(folder, 'started');
    writeFileSync(join(folder, 'dbt'), `#!/bin/sh\necho "dbt $*" >> ${started}\n`, { mode: 0o755 });
    const code = codeIn('README.md', 'python', 'dbt').replace('("", 8080)', `("127.0.0.1", ${port})`);
    const env = { PATH: `${folder}${delimiter}${process.env.PATH}`, ALERT_WEBHOOK_SECRET: WEBHOOK_SECRET };
    const python = spawn('python3', ['-c', code], { env, stdio: 'ignore' });
    try {
      const url = `http://127.0.0.1:${port}/`;
      while (!(await fetch(url, { method: 'POST', body: '{"type":"tick_completed"}' }).catch(() => undefined))) await sleep(50);
      expect((await fetch(url, { method: 'POST', body: '{"type":"tick_completed"}' })).status).toBe(401);
      await start({ ALERT_WEBHOOK_URL: url, ALERT_EVENTS: 'tick_completed,run_succeeded' });
      await service.tickAt('2023-03-20T00:10:00Z');
      await alerting.check();
      while (!existsSync(started) || readFileSync(started, 'utf8') === '') await sleep(20);
      expect(readFileSync(started, 'utf8')).toBe('dbt build\n');
      expect(events('webhook_not_sent')).toEqual([]);
      // A message that is sent again, as during a long build, starts no other.
      for (const id of ['first', 'first', 'second']) {
        const body = '{"type":"tick_completed"}';
        const at = String(Math.floor(Date.now() / 1000));
        const digest = createHmac('sha256', Buffer.from(WEBHOOK_SECRET.slice('whsec_'.length), 'base64')).update(`${id}.${at}.${body}`);
        const headers = { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': `v1,${digest.digest('base64')}` };
        expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(204);
      }
      while (readFileSync(started, 'utf8').split('\n').length < 4) await sleep(20);
      expect(readFileSync(started, 'utf8')).toBe('dbt build\n'.repeat(3));
    } finally {
      python.kill();
      await once(python, 'exit');
    }
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}
