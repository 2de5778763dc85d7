import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CONDITIONS, PROGRESS } from '../../app/core/alerts.ts';
import { claimMessage } from '../../app/store/webhook-messages.ts';
import { raiseAlerts } from '../../app/sync/raise-alerts.ts';
import { sendWebhooks } from '../../app/sync/send-webhooks.ts';
import { watchAlerts } from '../../app/sync/watch-alerts.ts';
import { isAuthentic, type Receiver, SECRET_PATH, startReceiver, WEBHOOK_SECRET } from '../support/receiver.ts';
import { startService, type TestService, type TestServiceOptions } from '../support/service.ts';

/** The receiver of alerts learns of each change once, however it responds, and nothing waits for it. */
let service: TestService;
let receiver: Receiver;
let userId: string;

beforeEach(async () => {
  receiver = await startReceiver();
});
afterEach(async () => {
  await service[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
});

const ALL = [...CONDITIONS, ...PROGRESS].join(',');

async function start(env: NodeJS.ProcessEnv = {}, options: TestServiceOptions = {}): Promise<void> {
  service = await startService({
    salesforce: { size: 5 },
    ...options,
    env: { ALERT_WEBHOOK_URL: receiver.url, ALERT_WEBHOOK_SECRET: WEBHOOK_SECRET, ...env },
  });
  userId = await service.connect();
  await create('Account');
  await raiseAlerts(service.context);
}

async function create(object_name: string): Promise<void> {
  const answer = await service.call('create_importing_job', { user_id: userId, object_name, start_date: '2023-03-01' });
  expect(answer.text).toBe('OK');
}

const send = () => sendWebhooks(service.context, service.context.webhook!, new AbortController().signal);

/** What a process does every few seconds. @returns the messages that it sends */
async function check() {
  await raiseAlerts(service.context);
  await send();
  return receiver.take();
}

const types = async (): Promise<string[]> => (await check()).map(({ type }) => type);

const change = (sql: string) => service.database.pool.query(sql);

const events = (name: string) => service.logged.map((line) => JSON.parse(line)).filter(({ event }) => event === name);

/** Lets every query of Salesforce's rows fail for good. */
function refuseQueries(): void {
  const body = JSON.stringify([{ errorCode: 'INVALID_TYPE', message: 'sObject type is not supported.' }]);
  const headers = { 'content-type': 'application/json' };
  service.salesforce.faults.arm({ kind: 'http', times: 1000, status: 400, headers, body, match: { path: '/queryAll' } });
}

describe('a job that fails', () => {
  test('is reported once, with a signature, and once when it succeeds again', async () => {
    await start({ ALERT_EVENTS: 'run_failed,run_succeeded,tick_completed', PUBLIC_URL: 'https://sync.acme.example' });
    const { id } = (await service.jobs())[0]!;
    refuseQueries();
    await service.tickAt('2023-03-20T00:10:00Z');
    const sent = await check();
    const run = (await service.jobs())[0]!.run!;
    const about = { service: 'https://sync.acme.example', job_id: id, object_name: 'Account', connection_id: 1, kind: 'window' };
    const window = { from: '2023-03-01T00:00:00.000Z', to: '2023-03-20T00:00:00.000Z' };
    expect(sent).toEqual([
      {
        type: 'run_failed',
        timestamp: expect.stringMatching(/^20\d\d-.*Z$/),
        data: { ...about, run_id: run.id, window, error_code: 'salesforce_refused', failures: 1 },
      },
      {
        type: 'tick_completed',
        timestamp: expect.any(String),
        data: {
          service: 'https://sync.acme.example',
          ...{ succeeded: 0, failed: 1, deferred: 0, waiting: 0, rows: 0, last_date: '2023-03-01T00:00:00Z', verdicts: {} },
        },
      },
    ]);
    expect(receiver.received.map(isAuthentic)).toEqual([true, true]);
    expect(receiver.received[0]).toMatchObject({ path: SECRET_PATH, headers: { 'content-type': 'application/json' } });

    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await types()).toEqual(['tick_completed']);
    service.salesforce.faults.clear();
    await service.tickAt('2023-03-21T00:10:00Z');
    const last = (await service.jobs())[0]!.run!;
    const rows = Number(last.receipt.inserted) + Number(last.receipt.updated) + Number(last.receipt.deleted);
    expect(rows).toBeGreaterThan(0);
    expect(await check()).toMatchObject([
      { type: 'run_failed.resolved', data: { ...about, run_id: run.id, opened_at: expect.any(String) } },
      { type: 'run_succeeded', data: { ...about, run_id: last.id, rows, verdict: 'exact' } },
      { type: 'tick_completed', data: { succeeded: 1, failed: 0, rows, last_date: '2023-03-21T00:00:00Z', verdicts: { exact: 1 } } },
    ]);
    expect(await check()).toEqual([]);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(receiver.received.length);
  });

  test('and succeeds before the next check is reported both times', async () => {
    await start({ ALERT_EVENTS: 'run_failed' });
    refuseQueries();
    await service.tickAt('2023-03-20T00:10:00Z');
    service.salesforce.faults.clear();
    await service.tickAt('2023-03-20T00:10:00Z');
    expect(await types()).toEqual(['run_failed', 'run_failed.resolved']);
  });

  test('is reported as over when it is deleted', async () => {
    await start({ ALERT_EVENTS: 'run_failed' });
    refuseQueries();
    await service.tickAt('2023-03-20T00:10:00Z');
    expect(await types()).toEqual(['run_failed']);
    const { id } = (await service.jobs())[0]!;
    await fetch(`${service.url}/v1/jobs/${id}?table=keep`, { method: 'DELETE' });
    expect(await service.jobs()).toEqual([]);
    expect(await types()).toEqual(['run_failed.resolved']);
  });

  test('is reported to a receiver that is set later, if it still does', async () => {
    await start({ ALERT_EVENTS: 'tick_completed' });
    refuseQueries();
    await service.tickAt('2023-03-20T00:10:00Z');
    expect(await types()).toEqual(['tick_completed']);
    service.context.config.webhook!.events = ['run_failed'];
    expect(await types()).toEqual(['run_failed']);
    expect(await types()).toEqual([]);
  });
});

describe('each condition is reported when it starts and when it is over:', () => {
  test('a login that is needed', async () => {
    await start();
    await change(`UPDATE connections SET status = 'needs_login', error_code = 'needs_login', error_message = 'private'`);
    const data = { connection_id: 1, org_id: expect.stringMatching(/^00D/), error_code: 'needs_login', jobs: 1 };
    expect(await check()).toEqual([{ type: 'needs_login', timestamp: expect.any(String), data }]);
    expect(await check()).toEqual([]);
    await service.connect();
    expect(await types()).toEqual(['needs_login.resolved']);
  });

  test('a run that waits, however often it is postponed', async () => {
    await start({ ALERT_EVENTS: 'deferred,tick_completed' });
    await service.tickAt('2023-03-20T00:10:00Z');
    expect(await types()).toEqual(['tick_completed']);
    service.salesforce.org.insert('Account', { Name: 'Another' });
    service.context.config.bigquery.dailyBytesPerJob = 1;
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await check()).toMatchObject([
      { type: 'deferred', data: { object_name: 'Account', error_code: 'bigquery_budget', deferred_until: expect.stringMatching(/Z$/) } },
      { type: 'tick_completed', data: { succeeded: 0, deferred: 1 } },
    ]);
    await change(`UPDATE runs SET run_at = now() WHERE state = 'queued'`);
    expect(await types()).toEqual([]);
    await service.tickAt('2023-03-21T00:10:00Z');
    expect((await service.jobs())[0]).toMatchObject({ state: 'deferred' });
    expect(await types()).toEqual([]);
    service.context.config.bigquery.dailyBytesPerJob = 1e12;
    await change(`UPDATE runs SET run_at = now() WHERE state = 'queued'`);
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await check()).toMatchObject([
      { type: 'deferred.resolved', data: { error_code: 'bigquery_budget' } },
      { type: 'tick_completed', data: { succeeded: 1, deferred: 0 } },
    ]);
  });

  test('an org without API calls, for all its jobs at once', async () => {
    await start({ ALERT_EVENTS: 'quota,deferred' });
    await create('Lead');
    service.salesforce.limits.set('DailyApiRequests', { Max: 100, Remaining: 0 });
    await service.tickAt('2023-03-20T00:10:00Z');
    while ((await service.jobs()).some(({ state }) => state !== 'deferred')) await sleep(20);
    expect(await check()).toMatchObject([{ type: 'quota', data: { error_code: 'salesforce_quota', jobs: 2 } }]);
    expect(await check()).toEqual([]);
    await change(`UPDATE runs SET state = 'cancelled', finished_at = now() WHERE state = 'queued'`);
    expect(await types()).toEqual(['quota.resolved']);
  });

  test('fields that disappear', async () => {
    await start();
    await service.tickAt('2023-03-20T00:10:00Z');
    const alter = async (kind: 'hide' | 'show', field: string, day: number): Promise<unknown> => {
      service.salesforce.org.changeField('Account', { field, change: kind });
      service.context.describes.forget(1, 'Account');
      service.salesforce.org.insert('Account', { Name: 'Another' });
      await service.tickAt(`2023-03-${day}T00:10:00Z`);
      return (await check()).map(({ type, data }) => [type, data.columns]);
    };
    expect(await alter('hide', 'Phone', 21)).toEqual([['fields_disappeared', ['Phone']]]);
    expect(await alter('hide', 'Fax', 22)).toEqual([['fields_disappeared', ['Fax']]]);
    expect(await alter('show', 'Fax', 23)).toEqual([]);
    expect(await alter('hide', 'Fax', 24)).toEqual([['fields_disappeared', ['Fax']]]);
    expect(await alter('show', 'Phone', 25)).toEqual([]);
    expect(await alter('show', 'Fax', 26)).toEqual([['fields_disappeared.resolved', ['Fax']]]);
  });

  test('jobs that are overdue', async () => {
    await start();
    service.salesforce.clock.set(new Date('2023-03-20T07:00:00Z'));
    expect(await check()).toMatchObject([{ type: 'overdue', data: { jobs: 1 } }]);
    await create('Lead');
    expect(await check()).toEqual([]);
    await service.tickAt('2023-03-20T07:00:00Z');
    expect(await types()).toEqual(['overdue.resolved']);
  });

  test('a sweep that finds too many rows missing', async () => {
    await start({ ALERT_EVENTS: 'sweep_refused,run_failed' });
    await service.tickAt('2023-03-20T00:10:00Z');
    const { org } = service.salesforce;
    const records = [...org.records('Account')].map(({ Id }) => String(Id));
    for (const id of records) org.changeAccess('Account', 'hide', id);
    await service.repair('sweep');
    expect(await check()).toMatchObject([
      { type: 'sweep_refused', data: { kind: 'sweep', error_code: 'share_limit', rows: expect.any(Number) } },
    ]);
    await service.repair('sweep');
    expect(await check()).toEqual([]);
    for (const id of records) org.changeAccess('Account', 'show', id);
    expect(await service.repair('sweep')).toMatchObject({ state: 'succeeded' });
    expect(await types()).toEqual(['sweep_refused.resolved']);
  });
});

test('a tick is complete once no window runs or is due, and counts jobs that wait', async () => {
  await start({ ALERT_EVENTS: 'tick_completed' }, { worker: false });
  await create('Lead');
  service.salesforce.clock.set(new Date('2023-03-20T00:10:00Z'));
  await service.call('handle_importing_job');
  expect(await check()).toEqual([]);
  service.startWorker();
  await service.tickAt('2023-03-20T00:10:00Z');
  expect(await check()).toMatchObject([
    { data: { succeeded: 2, failed: 0, deferred: 0, waiting: 0, last_date: '2023-03-20T00:00:00Z', verdicts: { exact: 2 } } },
  ]);
  await service.tickAt('2023-03-20T00:10:00Z');
  expect(await check()).toEqual([]);
  await service.tickAt('2023-03-21T00:10:00Z');
  await change(`UPDATE connections SET status = 'needs_login'`);
  expect(await check()).toMatchObject([{ data: { succeeded: 2, waiting: 2 } }]);
});

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
