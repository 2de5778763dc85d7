import { afterEach, expect, test } from '@jest/globals';
import { type GatewayService, jsonReply, startGatewayService } from '../../support/gateway.ts';

/** What a tick answers: without wait it only accepts, with wait it says how the jobs stand. */
let service: GatewayService;
let userId: string;

afterEach(() => service[Symbol.asyncDispose]());

async function start(objects: string[], options = {}): Promise<void> {
  service = await startGatewayService(options);
  userId = await service.connect();
  for (const object_name of objects) await create(object_name);
}

async function create(object_name: string): Promise<void> {
  const answer = await service.call('create_importing_job', { user_id: userId, object_name, start_date: '2023-03-01' });
  expect(answer.text).toBe('OK');
}

async function tickForJson(path: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${service.url}/${path}`, { headers: { accept: 'application/json' } });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

const NEXT = 'next window closes 2023-03-21 00:00 UTC';
const SYNC_NOW = '; for changes since then, call /v1/jobs/{job_id}/sync-now';
const refuse = (object: string): void => {
  service.instance.handler = (call, pass) =>
    call.soql.includes(`FROM ${object} `) ? jsonReply(400, [{ errorCode: 'INVALID_FIELD', message: 'no' }]) : pass();
};

test('says until when all jobs are complete, and whether anything was due', async () => {
  await start([]);
  expect((await service.tickAt('2023-03-20T00:10:00Z')).text).toBe('OK, nothing due: there are no jobs');
  for (const object of ['Account', 'Lead']) await create(object);
  const complete = `Account and Lead are complete through 2023-03-20 00:00 UTC; ${NEXT}`;
  expect(await service.tickAt('2023-03-20T00:10:00Z')).toMatchObject({ status: 200, text: `OK: ${complete}` });
  expect(await service.tickAt('2023-03-20T00:20:00Z')).toMatchObject({ status: 200, text: `OK, nothing due: ${complete}${SYNC_NOW}` });
  const one = { user_id: userId, object_name: 'Lead', wait: '5' };
  expect((await service.call('handle_importing_job', one)).text).toBe(
    `OK, nothing due: Lead is complete through 2023-03-20 00:00 UTC; ${NEXT}${SYNC_NOW}`,
  );
  await service.call('pause_importing_job', { user_id: userId, object_name: 'Account' });
  expect((await service.tickAt('2023-03-20T00:30:00Z')).text).toBe(
    `OK, nothing due: Lead is complete through 2023-03-20 00:00 UTC; ${NEXT}; Account is paused${SYNC_NOW}`,
  );
});

test('is exactly OK without wait, also as JSON, and says nothing about jobs', async () => {
  await start(['Account']);
  expect(await service.call('handle_importing_job')).toMatchObject({ status: 200, text: 'OK' });
  const json = await tickForJson('handle_importing_job');
  expect(json).toEqual({ ok: true, message: 'OK', next_window_closes: null, counts: {}, jobs: [] });
});

test('takes a longer wait than 50 seconds as 50, as the documentation says', async () => {
  await start([]);
  for (const wait of ['51', '3600', '1000000']) expect((await service.call('handle_importing_job', { wait })).text).toMatch(/^OK/);
  for (const wait of ['-1', '1.5', 'long']) expect(await service.call('handle_importing_job', { wait })).toMatchObject({ status: 400 });
  const { paths } = JSON.parse((await service.call('openapi.json')).text) as {
    paths: Record<string, { get: { parameters: { name: string; description: string; schema: object }[] } }>;
  };
  const documented = paths['/handle_importing_job']!.get.parameters.find(({ name }) => name === 'wait')!;
  expect(documented.description).toContain('More than 50 count as 50.');
  expect(documented.schema).toEqual({ type: 'integer', minimum: 0 });
});

test('names what failed and why, with 200 and no OK, as text and as JSON', async () => {
  await start(['Account', 'Lead']);
  refuse('Lead');
  const { status, text } = await service.tickAt('2023-03-20T00:10:00Z');
  expect(status).toBe(200);
  expect(text).toMatch(/^Not complete: 1 of 2 jobs\.\nLead failed\. salesforce_refused: Could not .*INVALID_FIELD.*$/);
  expect(await tickForJson('handle_importing_job?wait=50')).toEqual({
    ok: false,
    message: text,
    next_window_closes: '2023-03-21T00:00:00.000Z',
    counts: { complete: 1, failed: 1 },
    jobs: [
      {
        user_id: userId,
        object_name: 'Lead',
        state: 'failed',
        last_date: '2023-03-01',
        run_at: null,
        deferred_until: null,
        error: { code: 'salesforce_refused', message: expect.stringContaining('INVALID_FIELD') },
      },
    ],
  });
});

test('reports at once that all jobs of a connection wait for a login', async () => {
  await start(['Account', 'Lead'], { env: { RUNS_PER_CONNECTION: '1' } });
  service.login.handler = (call, pass) =>
    call.body.includes('grant_type=refresh_token')
      ? jsonReply(400, { error: 'invalid_grant', error_description: 'inactive user' })
      : service.passLogin(call, pass);
  await fetch(`${service.salesforce.instanceUrl}/emulator/sessions/expire`, { method: 'POST' });
  const { status, text } = await service.tickAt('2023-03-20T00:10:00Z');
  expect(status).toBe(200);
  const cause =
    'The Salesforce user of this connection is inactive. Have an admin of the org activate the user in Setup, Users, or connect as another user.';
  const waits = `waits for a login: call get_oauth_url and login_oauth_callback. needs_login: ${cause}`;
  expect(text).toBe(`Not complete: 2 of 2 jobs.\nAccount ${waits}\nLead ${waits}`);
  const needsLogin = { state: 'needs_login', needs_login: true, login_error: { code: 'needs_login', message: cause } };
  expect(await service.jobs()).toMatchObject([needsLogin, needsLogin]);
});

test('reports at once what is deferred, until when and why', async () => {
  await start(['Account'], { env: { API_SHARE: '0.01' } });
  service.salesforce.limits.set('DailyApiRequests', { Max: 100, Remaining: 98 });
  const answer = await service.tickAt('2023-03-20T00:10:00Z');
  expect(answer.status).toBe(200);
  expect(answer.text).toMatch(
    /^Not complete: 1 of 1 job\.\nAccount is deferred until 2\d{3}-\d\d-\d\d \d\d:\d\d UTC\. salesforce_quota: .*share/,
  );
  const [job] = await service.jobs();
  expect(job).toMatchObject({ state: 'deferred', run: { state: 'queued', error: { code: 'salesforce_quota' } } });
  const until = job!.run!.deferred_until;
  expect(Date.parse(until!)).toBeGreaterThan(Date.now());
  expect(JSON.parse((await service.call(`v1/runs/${job!.run!.id}`)).text)).toMatchObject({ deferred_until: until });
  expect(service.logged.join()).toContain('"event":"run_deferred"');
  expect(await tickForJson('handle_importing_job?wait=50')).toMatchObject({
    ok: false,
    jobs: [{ object_name: 'Account', state: 'deferred', run_at: until, deferred_until: until, error: { code: 'salesforce_quota' } }],
  });
});

test('a run is deferred for at least as long as Salesforce demands', async () => {
  await start(['Account']);
  service.salesforce.faults.arm({ kind: 'http', status: 503, headers: { 'Retry-After': '3000' }, times: 3 });
  const before = Date.now();
  expect((await service.tickAt('2023-03-20T00:10:00Z')).text).toMatch(/Account is deferred until .* salesforce_unavailable/);
  const until = Date.parse((await service.jobs())[0]!.run!.deferred_until!);
  expect(until).toBeGreaterThanOrEqual(before + 3_000_000);
  expect(until).toBeLessThan(Date.now() + 3_300_000 + 60_000);
});

test('does not wait for a window that Salesforce may still commit to', async () => {
  await start(['Account']);
  const { text } = await service.tickAt('2023-03-20T00:01:00Z');
  expect(text).toMatch(
    /^Not complete: 1 of 1 job\.\nAccount is deferred until .* UTC\. Salesforce may still commit changes of its window\.$/,
  );
});

test('names unfinished jobs when the wait ends', async () => {
  await start(['Account', 'Lead'], { worker: false });
  service.salesforce.clock.set(new Date('2023-03-20T00:10:00Z'));
  const answer = await service.call('handle_importing_job', { wait: '1' });
  expect(answer).toMatchObject({ status: 200, text: 'Not complete: 2 of 2 jobs.\nAccount is queued.\nLead is queued.' });
});

test('names at most ten jobs', async () => {
  await start([], { worker: false });
  await service.database.pool.query(
    `INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, start_date, synced_to, wanted_to)
     SELECT 1, 'Object_' || n, 'SystemModstamp', 'salesforce', 'Object_' || n, '2023-01-01', '2023-01-01', '2023-01-01'
     FROM generate_series(1, 250) AS n`,
  );
  const { text } = await service.call('handle_importing_job', { wait: '1' });
  expect(text.split('\n')).toHaveLength(12);
  expect(text).toMatch(/^Not complete: 250 of 250 jobs\.\n/);
  expect(text).toMatch(/\nAnd 240 more jobs: see \/jobs\.$/);
  expect((await tickForJson('handle_importing_job?wait=1')).jobs).toHaveLength(100);
});
