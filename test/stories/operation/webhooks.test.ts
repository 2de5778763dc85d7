import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type Alerting, isAuthentic, type Receiver, SECRET_PATH, startAlerting } from '../../support/receiver.ts';
import { repairEnded, type TestService, type TestServiceOptions } from '../../support/service.ts';

/** The receiver of alerts learns once that something starts, and once that it is over. */
let service: TestService;
let receiver: Receiver;
let alerting: Alerting;

afterEach(() => alerting[Symbol.asyncDispose]());

async function start(env: NodeJS.ProcessEnv = {}, options: TestServiceOptions = {}): Promise<void> {
  alerting = await startAlerting(env, options);
  ({ service, receiver } = alerting);
}

const check = () => alerting.check();
const types = () => alerting.types();
const create = (objectName: string) => alerting.create(objectName);
const change = (sql: string) => alerting.change(sql);

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

  test('fields that wait for approval', async () => {
    await start({ ALERT_EVENTS: 'field_pending' });
    const importWith = async (pending: string[], day: number): Promise<unknown> => {
      service.salesforce.org.insert('Account', { Name: 'Another' });
      await service.tickAt(`2023-03-${day}T00:10:00Z`);
      await change(
        `UPDATE runs SET drift = drift || '${JSON.stringify({ pending })}' WHERE id = (SELECT id FROM runs ORDER BY created_at DESC LIMIT 1)`,
      );
      return (await check()).map(({ type, data }) => [type, data.fields]);
    };
    expect(await importWith([], 20)).toEqual([]);
    expect(await importWith(['New__c'], 21)).toEqual([['field_pending', ['New__c']]]);
    expect(await importWith(['New__c'], 22)).toEqual([]);
    expect(await importWith([], 23)).toEqual([['field_pending.resolved', ['New__c']]]);
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

test('an erasure that failed stays reported until its record is erased, whatever else succeeds', async () => {
  await start({ ALERT_EVENTS: 'run_failed' });
  await service.tickAt('2023-03-20T00:10:00Z');
  const { id: jobId } = (await service.jobs())[0]!;
  const ids = [...service.salesforce.org.records('Account')].slice(0, 2).map(({ Id }) => String(Id));
  for (const id of ids) {
    service.salesforce.org.remove('Account', id);
    service.salesforce.org.purge('Account', id);
  }
  const erase = async (id: string): Promise<void> => {
    const answer = await fetch(`${service.url}/v1/jobs/${jobId}/erase`, { method: 'POST', body: new URLSearchParams({ record_id: id }) });
    expect(answer.status).toBe(200);
  };
  await service.stopWorker();
  await erase(ids[0]!);
  await change(
    `UPDATE runs SET state = 'failed', finished_at = now(), error_code = 'bigquery_refused', error_message = 'Refused.' WHERE scope ? 'erase'`,
  );
  expect(await check()).toMatchObject([
    { type: 'run_failed', data: { kind: 'reimport', repair: 'erase', error_code: 'bigquery_refused' } },
  ]);
  service.startWorker();
  expect(await service.repair('reimport', { compare: 'true' })).toMatchObject({ state: 'succeeded' });
  expect(await service.repair('reimport')).toMatchObject({ state: 'succeeded' });
  await erase(ids[1]!);
  expect(await repairEnded(service)).toMatchObject({ state: 'succeeded' });
  expect(await check()).toEqual([]);
  await erase(ids[0]!);
  expect(await repairEnded(service)).toMatchObject({ state: 'succeeded' });
  expect(await check()).toMatchObject([{ type: 'run_failed.resolved', data: { repair: 'erase' } }]);
});

test('a rebuild reports the rows that it wrote', async () => {
  await start({ ALERT_EVENTS: 'run_succeeded' });
  await service.tickAt('2023-03-20T00:10:00Z');
  const imported = (await check())[0]!.data.rows;
  const { receipt } = await service.repair('rebuild');
  expect(receipt.rows_after).toBe(imported);
  expect(await check()).toMatchObject([{ data: { kind: 'rebuild', rows: imported } }]);
  const metrics = await (await fetch(`${service.url}/metrics`)).text();
  expect(metrics).toContain(`sync_rows_written_total{kind="rebuild"} ${imported}`);
});

test('a comparison that failed is over when another one succeeds, not when a reimport does', async () => {
  await start({ ALERT_EVENTS: 'run_failed' });
  await service.tickAt('2023-03-20T00:10:00Z');
  refuseQueries();
  await service.repair('reimport', { compare: 'true' });
  expect(await check()).toMatchObject([{ type: 'run_failed', data: { kind: 'reimport', repair: 'compare' } }]);
  service.salesforce.faults.clear();
  expect(await service.repair('reimport')).toMatchObject({ state: 'succeeded' });
  expect(await check()).toEqual([]);
  expect(await service.repair('reimport', { compare: 'true' })).toMatchObject({ state: 'succeeded' });
  expect(await types()).toEqual(['run_failed.resolved']);
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
