import { generateKeyPairSync } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type GatewayService, jsonReply, startGatewayService } from '../../support/gateway.ts';
import { type Answer, type JobView, readAnswer, startService, type TestService, type TestServiceOptions } from '../../support/service.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const USERNAME = 'integration@sandbox.example.com';
const CLIENT_CREDENTIALS = { flow: 'client_credentials' };
const JWT_BEARER = { flow: 'jwt_bearer', username: USERNAME };

/** The app of this org may use both flows. */
const OPTIONS: TestServiceOptions = {
  salesforce: { jwtPublicKey: publicKey, preauthorized: true },
  env: { SALESFORCE_JWT_KEY: privateKey },
};

let service: TestService;
afterEach(() => service[Symbol.asyncDispose]());

async function post(fields: Record<string, string>): Promise<Answer> {
  return await readAnswer(await fetch(`${service.url}/v1/connections`, { method: 'POST', body: new URLSearchParams(fields) }));
}

/** @returns the user_id */
async function connect(fields: Record<string, string>): Promise<string> {
  const { status, text } = await post(fields);
  expect([status, text]).toEqual([200, expect.any(String)]);
  return (JSON.parse(text) as { user_id: string }).user_id;
}

const expireSessions = async (): Promise<unknown> =>
  await fetch(`${service.salesforce.instanceUrl}/emulator/sessions/expire`, { method: 'POST' });

async function createJob(user_id: string): Promise<void> {
  const { text } = await service.call('create_importing_job', { user_id, object_name: 'Account', start_date: '2023-03-01' });
  expect(text).toBe('OK');
}

/** The token endpoint refuses the next requests like this. */
function refuse(error: string, error_description: string): void {
  const body = JSON.stringify({ error, error_description });
  const headers = { 'content-type': 'application/json;charset=UTF-8' };
  service.salesforce.faults.arm({ kind: 'http', match: { path: '/services/oauth2/token' }, times: 100, status: 400, body, headers });
}

async function tickUntilError(): Promise<JobView> {
  service.salesforce.clock.set(new Date('2023-03-21T00:10:00Z'));
  await service.call('handle_importing_job');
  for (;;) {
    const [job] = await service.jobs();
    if (job?.run?.error) return job;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe.each([
  ['client_credentials', CLIENT_CREDENTIALS],
  ['jwt_bearer', JWT_BEARER],
])('an org connected by %s', (flow, fields) => {
  test('imports, and renews its sessions by the same flow', async () => {
    service = await startService(OPTIONS);
    const { status, text } = await post(fields);
    const { user_id, ...others } = JSON.parse(text);
    expect([status, others]).toEqual([200, { flow, login_url: service.salesforce.loginUrl }]);
    await createJob(user_id);
    expect((await service.tickAt('2023-03-20T00:10:00Z')).text).toMatch(/^OK/);
    await expireSessions();
    expect((await service.tickAt('2023-03-21T00:10:00Z')).text).toMatch(/^OK/);
    expect(await service.jobs()).toMatchObject([{ last_date: '2023-03-21', user_id, run: { state: 'succeeded', failures: 0 } }]);
  });

  test('leaves no secret in the job store or the log', async () => {
    service = await startService(OPTIONS);
    await connect(fields);
    const { rows } = await service.database.pool.query('SELECT * FROM connections');
    expect(rows).toMatchObject([{ flow, refresh_token: '', status: 'active', username: USERNAME }]);
    const kept = JSON.stringify(rows) + service.logged.join('');
    for (const secret of [service.salesforce.clientSecret, privateKey.split('\n')[1]!, service.salesforce.org.id.slice(0, 15).concat('!')])
      expect(kept).not.toContain(secret);
  });

  test('waits while Salesforce refuses it, and continues by itself once it does not', async () => {
    service = await startService(OPTIONS);
    await createJob(await connect(fields));
    await expireSessions();
    refuse('invalid_grant', 'ip restricted');
    const job = await tickUntilError();
    expect(job).toMatchObject({ needs_login: false, state: 'deferred', run: { error: { code: 'login_refused' } } });
    service.salesforce.faults.clear();
    await fetch(`${service.url}/v1/runs/${job.run!.id}/retry`, { method: 'POST' });
    expect((await service.tickAt('2023-03-21T00:10:00Z')).text).toMatch(/^OK/);
  });

  test('needs to be connected again if its app acts as another user', async () => {
    const behind: GatewayService = await startGatewayService(OPTIONS);
    service = behind;
    await createJob(await connect(fields));
    await expireSessions();
    behind.login.handler = async (call, pass) => {
      const reply = await behind.passLogin(call, pass);
      const body = JSON.parse(reply.body);
      return jsonReply(200, { ...body, id: body.id.replace(/005\w+$/, '005000000000009AAA') });
    };
    const { text } = await service.tickAt('2023-03-20T00:10:00Z');
    expect(text).toMatch(/^Not complete/);
    const [job] = await service.jobs();
    expect(job).toMatchObject({ needs_login: true, last_date: '2023-03-01' });
    expect(job!.run!.error!.message).toMatch(/acts as another user or in another org.*POST \/v1\/connections/);
    behind.login.handler = behind.passLogin;
    await connect(fields);
    expect((await service.tickAt('2023-03-20T00:10:00Z')).text).toMatch(/^OK/);
  });
});

test('disconnecting an org without a refresh token ends its session, and says how to connect it again', async () => {
  service = await startService(OPTIONS);
  await connect(CLIENT_CREDENTIALS);
  const [accessToken] = service.salesforce.secrets().filter((text) => /^00D\w+!/.test(text));
  const query = (): Promise<Response> =>
    fetch(`${service.salesforce.instanceUrl}/services/data/v66.0/limits`, { headers: { authorization: `Bearer ${accessToken}` } });
  expect((await query()).status).toBe(200);
  const answer = await fetch(`${service.url}/v1/connections/1/disconnect`, { method: 'POST' });
  expect(await answer.json()).toMatchObject({
    message: expect.stringMatching(/^Salesforce has revoked the grant\./),
    status: 'disconnected',
    error: { message: expect.stringContaining('call POST /v1/connections') },
  });
  expect((await query()).status).toBe(401);
});

test('a login in the browser and one without replace each other', async () => {
  service = await startService(OPTIONS);
  const user_id = await service.connect();
  await createJob(user_id);
  const stored = async (): Promise<unknown> => (await service.database.pool.query('SELECT flow, username FROM connections')).rows;
  expect(await connect(JWT_BEARER)).toBe(user_id);
  expect(await stored()).toEqual([{ flow: 'jwt_bearer', username: USERNAME }]);
  expect(await service.connect()).toBe(user_id);
  expect(await stored()).toEqual([{ flow: 'browser', username: USERNAME }]);
  await expireSessions();
  expect((await service.tickAt('2023-03-20T00:10:00Z')).text).toMatch(/^OK/);
});

test('a deployed service defers the jobs of a trial, and continues once its user connects by an app of the org', async () => {
  service = await startService(OPTIONS);
  await createJob(await service.connect());
  await service.database.pool.query('UPDATE connections SET trial = true');
  // Only serve --local uses trials.
  service.context.config.salesforce.trials = false;
  const job = await tickUntilError();
  expect(job).toMatchObject({ state: 'deferred', run: { error: { code: 'login_refused', message: expect.stringContaining('trial') } } });
  await service.connect();
  await fetch(`${service.url}/v1/runs/${job.run!.id}/retry`, { method: 'POST' });
  expect((await service.tickAt('2023-03-21T00:10:00Z')).text).toMatch(/^OK/);
});

describe('what Salesforce refuses is explained:', () => {
  test.each<[Record<string, string>, string, string, RegExp]>([
    [CLIENT_CREDENTIALS, 'invalid_grant', 'no client credentials user enabled', /no user to run as.*Run As/],
    [CLIENT_CREDENTIALS, 'invalid_grant', 'authentication failure', /no user to run as/],
    [CLIENT_CREDENTIALS, 'invalid_grant', 'request not supported on this domain', /only at the org's My Domain/],
    [CLIENT_CREDENTIALS, 'invalid_client', 'invalid client credentials', /SALESFORCE_CLIENT_SECRET/],
    [CLIENT_CREDENTIALS, 'invalid_client_id', 'client identifier invalid', /SALESFORCE_CLIENT_ID/],
    [CLIENT_CREDENTIALS, 'unsupported_grant_type', 'grant type not supported', /does not allow this flow/],
    [CLIENT_CREDENTIALS, 'invalid_grant', 'something new', /Could not log in: Salesforce refused it \(invalid_grant\): something new\./],
    [JWT_BEARER, 'invalid_grant', "user hasn't approved this consumer", /pre-authorize the user/],
    [JWT_BEARER, 'invalid_grant', 'Audience validation failed', /audience/],
    [JWT_BEARER, 'invalid_grant', 'invalid assertion', /certificate of SALESFORCE_JWT_KEY/],
    [JWT_BEARER, 'invalid_grant', 'inactive user', /inactive/],
    [JWT_BEARER, 'invalid_grant', 'ip restricted', /IP address/],
    [JWT_BEARER, 'invalid_app_access', 'user is not admin approved to access this app', /pre-authorize the user/],
  ])('%j, %s: %s', async (fields, error, description, message) => {
    service = await startService({ ...OPTIONS, worker: false });
    refuse(error, description);
    const { status, code, text } = await post(fields);
    expect([status, code]).toEqual([400, 'login_refused']);
    expect(text).toMatch(message);
  });

  test('too many logins can be tried again', async () => {
    service = await startService({ ...OPTIONS, worker: false });
    refuse('rate_limit_exceeded', '');
    expect(await post(JWT_BEARER)).toMatchObject({ status: 503, code: 'salesforce_unavailable' });
  });
});

test('refuses fields that do not fit the flow, a host without an app, and a flow without its key', async () => {
  service = await startService({ salesforce: OPTIONS.salesforce!, worker: false });
  const invalid = [
    { flow: 'password' },
    { flow: 'jwt_bearer' },
    { ...CLIENT_CREDENTIALS, username: USERNAME },
    { ...CLIENT_CREDENTIALS, login_url: 'https://acme.my.salesforce.com' },
  ];
  for (const fields of invalid) expect(await post(fields)).toMatchObject({ status: 400, code: 'invalid_request' });
  expect(await post(JWT_BEARER)).toMatchObject({ code: 'login_refused', text: expect.stringContaining('Set SALESFORCE_JWT_KEY') });
});

test('never sends client credentials to a login host that all orgs share', async () => {
  const apps = { 'login.salesforce.com': { client_id: 'a', client_secret: 'b' } };
  service = await startService({ env: { SALESFORCE_APPS: JSON.stringify(apps) }, worker: false });
  const { code, text } = await post({ ...CLIENT_CREDENTIALS, login_url: 'https://login.salesforce.com' });
  expect([code, text]).toEqual(['login_refused', expect.stringContaining("only at the org's My Domain")]);
});
