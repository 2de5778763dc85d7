import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { connections } from '../../../app/commands/connections.ts';
import { endGrant, type GatewayService, jsonReply, startGatewayService } from '../../support/gateway.ts';
import { type Answer, readAnswer, type TestServiceOptions } from '../../support/service.ts';
import { serviceEnvironment } from '../../support/service-environment.ts';

let service: GatewayService;
let userId: string;

afterEach(() => service[Symbol.asyncDispose]());

/** Starts the service with a connection that has jobs for these objects. */
async function start(objects: string[], options: TestServiceOptions = {}): Promise<void> {
  service = await startGatewayService(options);
  userId = await service.connect();
  for (const object of objects) {
    await service.call('create_importing_job', { user_id: userId, object_name: object, start_date: '2023-03-01' });
  }
}

interface ConnectionView {
  id: number;
  alias: string | null;
  user_id: string;
  status: string;
  error: { code: string; message: string; since: string } | null;
  used_at: string | null;
  calls_in_24_hours: { own: number; allowed: number | null };
  message: string;
}

async function send(method: string, path: string, fields: Record<string, string> = {}): Promise<Answer> {
  const body = method === 'GET' ? {} : { body: new URLSearchParams(fields) };
  return await readAnswer(await fetch(`${service.url}/v1/connections${path}`, { method, ...body }));
}

async function view(method: string, path: string, fields?: Record<string, string>): Promise<ConnectionView> {
  return JSON.parse((await send(method, path, fields)).text) as ConnectionView;
}

/** The requests to the login host that revoke a token. */
const revocations = (): string[] => service.login.calls.filter(({ url }) => url.endsWith('/revoke')).map(({ body }) => body);

describe('a connection', () => {
  test('shows its user, org, scopes, use and calls, in the list and by id, alias or user_id', async () => {
    await start(['Account']);
    await service.context.calls.write();
    const expected = {
      id: 1,
      alias: null,
      user_id: userId,
      username: expect.stringContaining('@'),
      org_id: expect.stringMatching(/^00D/),
      org_name: 'Burlington Textiles Corp.',
      org_kind: 'sandbox',
      login_url: service.login.url,
      instance_url: service.instance.url,
      status: 'active',
      error: null,
      scopes: ['api', 'refresh_token'],
      granted_at: expect.any(String),
      used_at: expect.any(String),
      jobs: 1,
      api_share: null,
      quiet_hours: null,
      exclude_fields: [],
      hash_fields: [],
      new_fields: null,
    };
    expect(JSON.parse((await send('GET', '')).text)).toEqual({ connections: [expected], next: null });
    const shown = await view('GET', '/1');
    const { own, allowed } = shown.calls_in_24_hours;
    expect(shown).toEqual({
      ...expected,
      calls_in_24_hours: { own, allowed, org_used: expect.any(Number), org_limit: expect.any(Number) },
    });
    expect(await view('GET', `/${encodeURIComponent(userId)}`)).toEqual(shown);
    expect(own).toBeGreaterThan(3);
    expect(allowed).toBeGreaterThan(own);
    const text = (await send('GET', '/1')).text;
    for (const { access_token, refresh_token } of await tokens()) {
      for (const secret of [access_token, refresh_token]) expect(text).not.toContain(secret);
    }
  });

  test('can be named by an alias, which is unique, everywhere a user_id is taken', async () => {
    await start([]);
    await service.database.pool.query(
      `INSERT INTO connections (org_id, user_id, identity_url, login_url, instance_url, access_token, refresh_token)
       VALUES ('00D000000000009AAA', '005000000000009AAA', '', '', '', '', '')`,
    );
    expect(await view('PATCH', '/1', { alias: 'production' })).toMatchObject({ id: 1, alias: 'production' });
    expect(await view('GET', '/production')).toMatchObject({ id: 1 });
    const created = await service.call('create_importing_job', { user_id: 'production', object_name: 'Account', start_date: '2023-03-01' });
    expect(created).toMatchObject({ status: 200, text: 'OK' });
    expect(await send('PATCH', '/2', { alias: 'production' })).toMatchObject({ status: 409, code: 'conflict' });
    expect(await send('PATCH', '/2', { alias: 'Production' })).toMatchObject({
      status: 400,
      text: expect.stringMatching(/lower-case letters/),
    });
    expect(await view('PATCH', '/production', { alias: '' })).toMatchObject({ id: 1, alias: null });
    expect(await send('GET', '/production')).toMatchObject({ status: 404, text: expect.stringMatching(/connection in the path must be/) });
    expect(await send('PATCH', '/1')).toMatchObject({ status: 400, text: expect.stringMatching(/Nothing to change/) });
  });

  test('lists are read page by page', async () => {
    await start([]);
    await service.database.pool.query(
      `INSERT INTO connections (org_id, user_id, identity_url, login_url, instance_url, access_token, refresh_token)
       SELECT '00D000000000009AAA', '00500000000000' || number || 'AAA', '', '', '', '', '' FROM generate_series(1, 4) AS number`,
    );
    const ids: number[] = [];
    for (let query = '?limit=2'; ; ) {
      const { connections, next } = JSON.parse((await send('GET', query)).text) as { connections: { id: number }[]; next: string | null };
      expect(connections.length).toBeLessThanOrEqual(2);
      ids.push(...connections.map(({ id }) => id));
      if (next === null) break;
      query = `?limit=2&after=${next}`;
    }
    expect(ids).toEqual([1, 2, 3, 4, 5]);
    expect(await send('GET', '?after=bm9uZQ')).toMatchObject({
      status: 400,
      text: expect.stringMatching(/after must be the value of next/),
    });
  });

  test('is tested on request: it answers who it is, or why it cannot be used', async () => {
    await start([]);
    expect((await view('POST', '/1/test')).message).toMatch(
      /^Works: \S+@\S+ of Burlington Textiles Corp\. \(sandbox\), API version 66\.0, three calls in \d+\.\d s\.$/,
    );
    await endGrant(service);
    const cause = /invalid_grant: expired access\/refresh token/;
    expect(await send('POST', '/1/test')).toMatchObject({ status: 409, code: 'needs_login', text: expect.stringMatching(cause) });
    const { status, error } = await view('GET', '/1');
    expect({ status, error }).toMatchObject({
      status: 'needs_login',
      error: { code: 'needs_login', message: expect.stringMatching(cause) },
    });
  });
});

async function tokens(): Promise<{ access_token: string; refresh_token: string }[]> {
  return (await service.database.pool.query('SELECT access_token, refresh_token FROM connections')).rows as never;
}

describe('disconnecting', () => {
  test('revokes the grant, forgets the tokens and pauses the jobs; a login and resuming them continues', async () => {
    await start(['Account', 'Lead'], { env: { RUNS_PER_CONNECTION: '1' } });
    expect((await service.tickAt('2023-03-10T00:10:00Z')).text).toMatch(/^OK/);
    const { message, status, error } = await view('POST', '/1/disconnect');
    expect(message).toBe('Salesforce has revoked the grant. Its tokens are forgotten, and 2 jobs are paused. The tables stay.');
    expect({ status, error }).toMatchObject({
      status: 'disconnected',
      error: { code: 'disconnected', message: expect.stringMatching(/by local/) },
    });
    expect(revocations()).toHaveLength(1);
    expect(await tokens()).toEqual([{ access_token: '', refresh_token: '' }]);
    const paused = { active: 0, state: 'paused', needs_login: true, last_date: '2023-03-10', login_error: { code: 'disconnected' } };
    expect(await service.jobs()).toMatchObject([paused, paused]);
    expect(await service.rows('SELECT COUNT(*) > 0 AS kept FROM salesforce.Account')).toEqual([{ kept: true }]);
    expect(await send('POST', '/1/test')).toMatchObject({
      status: 409,
      code: 'needs_login',
      text: expect.stringMatching(/disconnected by local/),
    });
    expect((await view('POST', '/1/disconnect')).message).toMatch(/^The grant had already ended\. .* 0 jobs are paused/);

    await service.connect();
    expect(await service.jobs()).toMatchObject([
      { state: 'paused', needs_login: false },
      { state: 'paused', needs_login: false },
    ]);
    await service.call('resume_importing_job', { user_id: userId, object_name: 'Account' });
    expect((await service.tickAt('2023-03-20T00:10:00Z')).text).toMatch(/^OK: Account is complete .* Lead is paused/);
  });

  test('changes nothing while Salesforce cannot be reached, unless it is forced', async () => {
    await start(['Account'], { worker: false });
    service.login.handler = (call, pass) => (call.url.endsWith('/revoke') ? jsonReply(503, {}) : service.passLogin(call, pass));
    const refused = await send('POST', '/1/disconnect');
    expect(refused).toMatchObject({
      status: 503,
      code: 'salesforce_unavailable',
      text: expect.stringMatching(/HTTP 503.*Nothing has changed/),
    });
    expect(await view('GET', '/1')).toMatchObject({ status: 'active' });
    expect((await service.jobs())[0]).toMatchObject({ active: 1 });
    expect((await view('POST', '/1/test')).message).toMatch(/^Works/);
    const { message, status } = await view('POST', '/1/disconnect', { force: 'true' });
    expect(message).toMatch(/^The grant was not revoked: revoke the app in Salesforce: Setup, .* 1 job is paused/);
    expect(status).toBe('disconnected');
  });

  test('a grant that Salesforce has ended already is forgotten', async () => {
    await start(['Account'], { worker: false });
    await endGrant(service);
    await send('POST', '/1/test');
    service.login.handler = (call, pass) =>
      call.url.endsWith('/revoke') ? jsonReply(400, { error: 'invalid_token' }) : service.passLogin(call, pass);
    expect((await view('POST', '/1/disconnect')).message).toMatch(/^The grant had already ended\./);
    expect(await view('GET', '/1')).toMatchObject({ status: 'disconnected' });
  });

  test('waits for a renewal, whose new token it would not revoke', async () => {
    await start([], { worker: false });
    await service.database.pool.query(
      `UPDATE connections SET renewing_by = gen_random_uuid(), renewing_until = now() + interval '1 minute'`,
    );
    expect(await send('POST', '/1/disconnect')).toMatchObject({
      status: 409,
      code: 'conflict',
      text: expect.stringMatching(/being renewed/),
    });
    expect(revocations()).toEqual([]);
  });

  test('stops a run that is reading, which imports nothing more; a login and resuming its job continues', async () => {
    await start(['Account'], { salesforce: { size: 30 } });
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: reading, resolve: read } = Promise.withResolvers<void>();
    service.instance.handler = async (call, pass) => {
      if (!/SELECT .* FROM Account/.test(call.soql)) return await pass();
      read();
      await released;
      return await pass();
    };
    const ticked = service.tickAt('2023-03-10T00:10:00Z');
    await reading;
    expect((await view('POST', '/1/disconnect')).message).toMatch(/^Salesforce has revoked the grant\. .* 1 job is paused/);
    release();
    await ticked;
    expect(await tokens()).toEqual([{ access_token: '', refresh_token: '' }]);
    const [job] = await service.jobs();
    expect(job).toMatchObject({ active: 0, state: 'paused', last_date: '2023-03-01', login_error: { code: 'disconnected' } });
    expect((await service.database.pool.query(`SELECT 1 FROM runs WHERE state = 'running'`)).rowCount).toBe(0);
    await service.connect();
    await service.call('resume_importing_job', { user_id: userId, object_name: 'Account' });
    expect((await service.tickAt('2023-03-10T00:10:00Z')).text).toMatch(/^OK: Account is complete/);
  });

  test('ends no login that its user completes meanwhile', async () => {
    await start(['Account'], { worker: false });
    service.login.handler = async (call, pass) => {
      if (call.url.endsWith('/revoke')) await service.connect();
      return await service.passLogin(call, pass);
    };
    const refused = await send('POST', '/1/disconnect');
    expect(refused).toMatchObject({ status: 409, code: 'conflict', text: expect.stringContaining('connected again meanwhile') });
    expect(await view('GET', '/1')).toMatchObject({ status: 'active', error: null });
    expect((await service.jobs())[0]).toMatchObject({ active: 1 });
    expect((await view('POST', '/1/test')).message).toMatch(/^Works/);
    expect(revocations()).toHaveLength(1);
  });

  test('revokes the refresh token of a login that the previous release stored over one without a user', async () => {
    await start([], { worker: false });
    await service.database.pool.query(`UPDATE connections SET flow = 'jwt_bearer', error_code = 'needs_login', error_message = 'Old.'`);
    expect(await view('GET', '/1')).toMatchObject({ status: 'active', error: null });
    await view('POST', '/1/disconnect');
    expect(revocations()).toEqual([expect.stringContaining('token=5Aep')]);
  });
});

/** Quiet hours that contain now, in UTC. */
function quietNow(): string {
  const time = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString().slice(11, 16);
  return `${time(-1)}-${time(2)}`;
}

describe('the settings of a connection', () => {
  test('in quiet hours, windows run and repairs wait, until the hours end or are changed', async () => {
    await start(['Account']);
    expect(await view('PATCH', '/1', { quiet_hours: quietNow() })).toMatchObject({ quiet_hours: expect.stringMatching(/ UTC$/) });
    expect((await service.tickAt('2023-03-10T00:10:00Z')).text).toMatch(/^OK: Account is complete/);
    const [job] = await service.jobs();
    await fetch(`${service.url}/v1/jobs/${job!.id}/sweep`, { method: 'POST' });
    const repair = async () => (await service.jobs())[0]!.repair!;
    while ((await repair()).error === null) await sleep(20);
    const waiting = await repair();
    expect(waiting).toMatchObject({
      state: 'queued',
      failures: 0,
      error: { code: 'quiet_hours', message: expect.stringMatching(/has quiet hours/) },
    });
    const hours = (Date.parse(waiting.deferred_until!) - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(1.9);
    expect(hours).toBeLessThan(2.2);

    expect(await view('PATCH', '/1', { quiet_hours: '' })).toMatchObject({ quiet_hours: null });
    while ((await repair()).state !== 'succeeded') await sleep(20);
    expect(await send('PATCH', '/1', { quiet_hours: '8-18' })).toMatchObject({ status: 400, text: expect.stringMatching(/time of day/) });
  });

  test('its api_share replaces API_SHARE: its runs wait there, and continue once it is raised', async () => {
    await start(['Account'], { env: { API_SHARE: '1' } });
    expect(await view('PATCH', '/1', { api_share: '0.01' })).toMatchObject({
      api_share: 0.01,
      calls_in_24_hours: { allowed: expect.any(Number) },
    });
    service.salesforce.limits.set('DailyApiRequests', { Max: 100, Remaining: 90 });
    expect((await service.tickAt('2023-03-10T00:10:00Z')).text).toMatch(
      /salesforce_quota: .*its share is 1 \(api_share 0\.01\).*raise api_share/,
    );
    await view('PATCH', '/1', { api_share: '' });
    while ((await service.jobs())[0]!.last_date !== '2023-03-10') await sleep(20);
    expect(await send('PATCH', '/1', { api_share: '2' })).toMatchObject({
      status: 400,
      text: expect.stringMatching(/between 0\.01 and 1/),
    });
  });
});

describe('the command connections', () => {
  async function run(args: string[], options: object = {}): Promise<string> {
    const { database, salesforce, bigquery, login } = service;
    const env = {
      ...serviceEnvironment(database.url, salesforce, bigquery),
      API_KEYS: `ops:operate:${'a'.repeat(64)}`,
      SALESFORCE_LOGIN_URL: login.url,
    };
    const log = jest.spyOn(console, 'log').mockImplementation(() => {});
    try {
      expect(await connections({ args, options: options as never, env, stop: new AbortController().signal })).toBe(0);
      return log.mock.calls.join('\n');
    } finally {
      log.mockRestore();
    }
  }

  test('lists, shows, changes, tests and disconnects', async () => {
    await start(['Account'], { worker: false });
    expect(await run(['change', '1'], { alias: 'production', quietHours: '08:00-18:00' })).toMatch(
      /^alias: production\n.*^status: active\n.*^calls to the org in 24 hours: \d+ by this service, of [\d,]+ that it may make; [\d,]+ of [\d,]+ by all clients\n.*^api_share: that of API_SHARE\nquiet_hours: 08:00-18:00 UTC$/ms,
    );
    expect(await run(['list'])).toMatch(/production +Burlington Textiles Corp\. \(sandbox\) +\S+@\S+ +active +1 /);
    expect(await run(['test', 'production'])).toMatch(/^Works: /);
    // An admin of the org chooses its name, which must not control the terminal.
    await service.database.pool.query(`UPDATE connections SET org_name = E'Acme\\x1b]0;owned\\x07\\u202e'`);
    for (const args of [['list'], ['show', 'production']]) expect(await run(args)).toContain('Acme\\u001b]0;owned\\u0007\\u202e (sandbox)');
    expect(await run(['disconnect', 'production'])).toMatch(/^Salesforce has revoked the grant\./);
    expect(await run(['show', userId])).toMatch(/^status: disconnected since .*: The connection was disconnected by command line\./m);
    await expect(run(['show'])).rejects.toThrow('Name the connection: connections show <alias, id or user_id>.');
    await expect(run(['test', 'production'], { force: true })).rejects.toThrow('connections test has no option --force.');
  });
});

describe('a grant that has ended', () => {
  test('is shown with its cause on every job, and a login continues all of them without a tick', async () => {
    await start(['Account', 'Lead'], { env: { RUNS_PER_CONNECTION: '1' } });
    await endGrant(service);
    await service.tickAt('2023-03-10T00:10:00Z');
    const cause = { code: 'needs_login', message: expect.stringContaining('invalid_grant: expired access/refresh token') };
    const ended = { state: 'needs_login', needs_login: true, login_error: { ...cause, since: expect.any(String) } };
    expect(await service.jobs()).toMatchObject([ended, ended]);
    // Its windows are requested when the user logs in, though no tick can request them before.
    await service.tickAt('2023-03-20T00:10:00Z');

    service.login.handler = service.passLogin;
    await service.connect();
    while ((await service.jobs()).some(({ last_date, state }) => last_date !== '2023-03-20' || state !== 'complete')) await sleep(20);
    const recovered = { needs_login: false, login_error: null, last_date: '2023-03-20' };
    expect(await service.jobs()).toMatchObject([recovered, recovered]);
  });

  test('a login of an active connection requests no window', async () => {
    await start(['Account']);
    service.salesforce.clock.set(new Date('2023-03-20T00:10:00Z'));
    await service.connect();
    expect(await service.jobs()).toMatchObject([{ last_date: '2023-03-01', run: null }]);
  });
});
