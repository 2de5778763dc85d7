import { createHash, randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Answer, decide, REDIRECT_URI, readAnswer, startService, type TestService } from '../../support/service.ts';

let service: TestService;
let userId: string;

beforeAll(async () => {
  service = await startService({ worker: false });
  userId = await service.connect();
});
afterAll(() => service[Symbol.asyncDispose]());

const create = (fields: Record<string, string>): Promise<Answer> =>
  service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01', ...fields });

async function send(path: string, init: RequestInit): Promise<Answer> {
  return await readAnswer(await fetch(`${service.url}/${path}`, init));
}

describe('an invalid request', () => {
  test('names every missing field and every unknown one', async () => {
    const missing = await service.call('create_importing_job', { object_name: 'Account' });
    expect(missing).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(missing.text).toMatch(/user_id, start_date/);
    const unknown = await create({ color: 'red', startdate: '2023-03-01' });
    expect(unknown).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(unknown.text).toMatch(/color.*startdate/);
  });

  test.each([
    ['a user_id that is no identity URL', { user_id: 'user_1' }, 400],
    ['a user_id that nobody connected', { user_id: 'https://login.salesforce.com/id/00D1U000000rQgaUAE/0051U0000022xRgQAI' }, 404],
    ['an object that does not exist', { object_name: 'Unicorn__c' }, 404],
    ['an object_name that cannot be one', { object_name: 'Account; DROP' }, 400],
    ['a malformed start_date', { start_date: '10.03.2024' }, 400],
    ['a future start_date', { start_date: '2023-03-02' }, 400],
    ['a dataset that is not configured', { dataset: 'elsewhere' }, 400],
    ['an append_only that is neither true nor false', { append_only: 'yes' }, 400],
    ['an every that is no interval', { every: '5m' }, 400],
    ['a take_over that is neither true nor false', { take_over: '1' }, 400],
  ])('is refused for %s, and writes nothing', async (_what, fields, status) => {
    const answer = await create(fields);
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(/"message":".{20,}"/);
    expect(await service.jobs()).toEqual([]);
  });

  test('is refused for an object that cannot be queried, with the reason', async () => {
    const notQueryable = await create({ object_name: 'ActivityHistory' });
    expect(notQueryable).toMatchObject({ status: 400, code: 'invalid_request' });
    expect(notQueryable.text).toMatch(/does not allow queries/);
    expect(await service.jobs()).toEqual([]);
  });

  test.each(['pause_importing_job', 'resume_importing_job'])('%s names a job that does not exist', async (path) => {
    const answer = await service.call(path, { user_id: userId, object_name: 'Contact' });
    expect(answer).toMatchObject({ status: 404, code: 'not_found' });
    expect(answer.text).toMatch(/create_importing_job/);
  });

  test('is refused for a wrong content type, a broken body, a repeated field, a file or a large body', async () => {
    const path = 'create_importing_job';
    const json = { 'content-type': 'application/json' };
    expect(await send(path, { method: 'POST', body: 'user_id=1', headers: { 'content-type': 'text/plain' } })).toMatchObject({
      status: 415,
    });
    expect(await send(path, { method: 'POST', body: '{"user_id":', headers: json })).toMatchObject({ status: 400 });
    expect(await send(path, { method: 'POST', body: '[1]', headers: json })).toMatchObject({ status: 400 });
    expect(await send(path, { method: 'POST', body: '{"user_id":{"a":1}}', headers: json })).toMatchObject({ status: 400 });
    expect(
      await send(path, { method: 'POST', body: 'nonsense', headers: { 'content-type': 'multipart/form-data; boundary=x' } }),
    ).toMatchObject({ status: 400 });
    expect(await send(path, { method: 'POST', body: new URLSearchParams('user_id=1&user_id=2') })).toMatchObject({ status: 400 });
    const file = new FormData();
    file.set('user_id', new Blob(['x']), 'x.txt');
    expect(await send(path, { method: 'POST', body: file })).toMatchObject({ status: 400 });
    const large = 'x'.repeat(70_000);
    const form = new FormData();
    form.set('user_id', large);
    expect(await send(path, { method: 'POST', body: form })).toMatchObject({ status: 413, code: 'body_too_large' });
    expect(await send(path, { method: 'POST', body: JSON.stringify({ user_id: large }), headers: json })).toMatchObject({ status: 413 });
    expect(await send(path, { method: 'POST', body: new URLSearchParams({ user_id: large }) })).toMatchObject({ status: 413 });
  });

  test('says in which form a list and an id are sent', async () => {
    const list = { method: 'POST', body: '{"object_names":["Account"]}', headers: { 'content-type': 'application/json' } };
    expect((await send('v1/jobs', list)).text).toContain(
      '\\"object_names\\" must be text, not an array. Separate several values by commas.',
    );
    expect((await send(`v1/jobs/${randomUUID()}`, { method: 'DELETE' })).text).toContain(
      'Missing field table (keep or drop). Send it in the query.',
    );
    expect((await send('v1/jobs', { method: 'POST' })).text).toContain('Send each as a form field.');
    expect((await send('v1/runs?job_id=nope', {})).text).toContain('job_id must be a UUID. Take it from /jobs.');
  });

  test.each(['not-a-run', '%E0%A4%A', "'; DROP TABLE runs; --", '..%2Fv1', '%00', 'x'.repeat(4_000)])(
    'is refused for a run id that cannot be one (%#)',
    async (id) => {
      for (const [method, path] of [
        ['GET', `v1/runs/${id}`],
        ['POST', `v1/runs/${id}/cancel`],
        ['POST', `v1/runs/${id}/retry`],
      ]) {
        const answer = await send(path!, { method: method! });
        expect(answer).toMatchObject({ status: 400, code: 'invalid_request' });
        expect(answer.text).toContain('must be a UUID');
      }
    },
  );

  test('is refused for a run that does not exist, for fields, other methods and other content types', async () => {
    const run = `v1/runs/${randomUUID()}`;
    expect(await send(run, {})).toMatchObject({ status: 404, code: 'not_found' });
    expect(await send(run, { method: 'POST' })).toMatchObject({ status: 405, code: 'method_not_allowed' });
    for (const action of ['cancel', 'retry', 'accept']) {
      const path = `${run}/${action}`;
      for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
        const response = await fetch(`${service.url}/${path}`, { method });
        expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
      }
      expect(await send(path, { method: 'POST' })).toMatchObject({ status: 404, code: 'not_found' });
      const json = { method: 'POST', headers: { 'content-type': 'application/json' } };
      expect(await send(path, { ...json, body: '{}' })).toMatchObject({ status: 404 });
      expect(await send(path, { ...json, body: '{"run_id": "other"}' })).toMatchObject({ status: 400, code: 'invalid_request' });
      expect(await send(path, { ...json, body: '{' })).toMatchObject({ status: 400 });
      expect(await send(`${path}?force=true`, { method: 'POST' })).toMatchObject({ status: 400 });
      expect(await send(path, { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } })).toMatchObject({ status: 415 });
      expect(await send(`${path}/again`, { method: 'POST' })).toMatchObject({ status: 404 });
    }
  });

  test('is refused for an unknown path or method', async () => {
    expect(await send('nowhere', {})).toMatchObject({ status: 404, code: 'not_found' });
    expect(await send('jobs', { method: 'POST' })).toMatchObject({ status: 405, code: 'method_not_allowed' });
    expect(await send('handle_importing_job', { method: 'DELETE' })).toMatchObject({ status: 405, code: 'method_not_allowed' });
    expect((await fetch(`${service.url}/handle_importing_job`, { method: 'HEAD' })).status).toBe(405);
  });

  test.each(['a\0b', 'x'.repeat(8_000), 'https://x.example/\ud800'])('is refused for invalid or very long text (%#)', async (text) => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' } };
    expect(await send('get_oauth_url', { ...init, body: JSON.stringify({ redirect_uri: text }) })).toMatchObject({ status: 400 });
    const callback = { redirect_uri: REDIRECT_URI, authorization_code: 'x', state: text };
    expect(await send('login_oauth_callback', { ...init, body: JSON.stringify(callback) })).toMatchObject({ status: 400 });
  });

  test('reveals nothing about an internal error', async () => {
    await service.database.pool.query('ALTER TABLE jobs RENAME TO moved');
    const answer = await service.call('jobs');
    await service.database.pool.query('ALTER TABLE moved RENAME TO jobs');
    expect(answer).toMatchObject({ status: 500, code: 'internal' });
    expect(answer.text).not.toMatch(/relation|jobs|select/i);
    // The log tells by Postgres's own code what it was: 42P01, undefined table.
    expect(service.logged.at(-1)).toContain('42P01');
  });
});

describe('a login', () => {
  test('that the user denied is reported as such', async () => {
    const { text } = await service.call('get_oauth_url', { redirect_uri: REDIRECT_URI });
    const redirect = await decide(text, 'deny');
    const answer = await service.call('login_oauth_callback', { redirect_uri: REDIRECT_URI, ...Object.fromEntries(redirect.searchParams) });
    expect(answer).toMatchObject({ status: 400, code: 'login_refused' });
    expect(answer.text).toMatch(/Allow/);
  });

  test('with a used or invented code says what to do without showing code or secret', async () => {
    const { text } = await service.call('get_oauth_url', { redirect_uri: REDIRECT_URI });
    const code = (await decide(text, 'allow')).searchParams.get('code')!;
    const fields = { redirect_uri: REDIRECT_URI, authorization_code: code };
    expect((await service.call('login_oauth_callback', fields)).status).toBe(200);
    await service.call('get_oauth_url', { redirect_uri: REDIRECT_URI });
    const used = await service.call('login_oauth_callback', fields);
    expect(used).toMatchObject({ status: 400, code: 'login_refused' });
    expect(used.text).toMatch(/get_oauth_url/);
    expect(service.logged.join('') + used.text).not.toContain(code);
    expect(service.logged.join('')).not.toContain(service.salesforce.clientSecret);
  });

  test('that was not started is refused', async () => {
    const answer = await service.call('login_oauth_callback', { redirect_uri: 'https://other.example/cb', authorization_code: 'x' });
    expect(answer).toMatchObject({ status: 400, code: 'invalid_request' });
  });

  test.each([
    'http://evil.example/cb',
    'ftp://x',
    'nonsense',
    'https://x.example/#f',
    'https://user@x.example/cb',
    'https://user:pass@x.example/cb',
    'https://x.example@evil.example/cb',
    'https:/x.example/cb',
    'https:///x.example/cb',
    'https:\\\\x.example/cb',
    'https://x.example\\@evil.example/cb',
    'https://x.example//cb',
    'https://x.example/c b',
    ' https://x.example/cb',
    'http://127.0.0.1@evil.example/cb',
  ])('does not start for redirect_uri %s', async (redirectUri) => {
    expect(await service.call('get_oauth_url', { redirect_uri: redirectUri })).toMatchObject({ status: 400, code: 'invalid_request' });
  });

  test('does not start at a login host that is not configured', async () => {
    const answer = await service.call('get_oauth_url', { redirect_uri: REDIRECT_URI, login_url: 'https://evil.example' });
    expect(answer).toMatchObject({ status: 400, code: 'invalid_request' });
  });

  test('works beside another one that ends first', async () => {
    const urls = await Promise.all([1, 2].map(() => service.call('get_oauth_url', { redirect_uri: REDIRECT_URI })));
    for (const { text } of urls) {
      const { code, state } = Object.fromEntries((await decide(text, 'allow')).searchParams);
      const answer = await service.call('login_oauth_callback', { redirect_uri: REDIRECT_URI, authorization_code: code!, state: state! });
      expect(answer).toMatchObject({ status: 200, text: userId });
    }
  });

  test('works with any of several authorize URLs, with and without state', async () => {
    const first = await service.call('get_oauth_url', { redirect_uri: REDIRECT_URI });
    await service.call('get_oauth_url', { redirect_uri: REDIRECT_URI });
    const redirect = await decide(first.text, 'allow');
    const [code, state] = [redirect.searchParams.get('code')!, redirect.searchParams.get('state')!];
    const answer = await service.call('login_oauth_callback', { redirect_uri: REDIRECT_URI, authorization_code: code, state });
    expect(answer).toMatchObject({ status: 200, text: userId });
  });
});

describe('without API keys', () => {
  /** fetch does not let a caller choose Host and Origin as a browser would. */
  const statusWith = (headers: Record<string, string>): Promise<number> =>
    new Promise((resolve, reject) => {
      request(`${service.url}/handle_importing_job`, { headers }, (response) => resolve(response.resume().statusCode!))
        .on('error', reject)
        .end();
    });

  test('only local programs and pages may call', async () => {
    expect(await statusWith({})).toBe(200);
    expect(await statusWith({ 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await statusWith({ host: 'rebound.example' })).toBe(403);
    expect(await statusWith({ host: 'localhost' })).toBe(403);
    expect(await statusWith({ host: 'localhost:1' })).toBe(403);
    expect(await statusWith({ host: `localhost:${new URL(service.url).port}` })).toBe(200);
    expect(await statusWith({ origin: 'https://evil.example' })).toBe(403);
    expect(await statusWith({ 'sec-fetch-site': 'cross-site' })).toBe(403);
  });
});

describe('with API keys', () => {
  const sha256 = (key: string): string => createHash('sha256').update(key).digest('hex');
  let keyed: TestService;
  beforeAll(async () => {
    const env = {
      API_KEYS: `clock:tick:${sha256('tick-key')},reader:read:${sha256('read-key')},ops:operate:${sha256('ops-key')},analyst:data:${sha256('data-key')},root:admin:${sha256('admin-key')}`,
    };
    keyed = await startService({ worker: false, local: false, env });
  });
  afterAll(() => keyed[Symbol.asyncDispose]());

  const withKey = async (path: string, key?: string, init: RequestInit = {}): Promise<Answer> =>
    await readAnswer(
      await fetch(`${keyed.url}/${path}`, { ...init, headers: { ...init.headers, ...(key && { authorization: `Bearer ${key}` }) } }),
    );

  test('only the health check responds without a key', async () => {
    expect((await fetch(`${keyed.url}/healthz`)).status).toBe(200);
    for (const path of ['jobs', 'handle_importing_job', 'nowhere']) {
      // EventBridge would repeat a tick that gets a 401.
      const expected = path === 'handle_importing_job' ? { status: 403, code: 'forbidden' } : { status: 401, code: 'unauthorized' };
      expect(await withKey(path)).toMatchObject(expected);
      expect(await withKey(path, 'wrong')).toMatchObject({ status: 403, code: 'forbidden' });
    }
    const body = 'x'.repeat(100_000);
    expect(await withKey('create_importing_job', 'wrong', { method: 'POST', body })).toMatchObject({ status: 403 });
  });

  test('a key grants its role, as Bearer or X-API-Key', async () => {
    expect(
      await withKey('handle_importing_job', 'tick-key', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }),
    ).toMatchObject({ status: 200, text: 'OK' });
    expect(await withKey('handle_importing_job?wait=5', 'tick-key')).toMatchObject({ status: 403 });
    const refused = 'API keys with role tick may not call /jobs. Use a key with role read, data, operate, or admin.';
    expect(await withKey('jobs', 'tick-key')).toMatchObject({ status: 403, text: expect.stringContaining(refused) });
    expect(await withKey('jobs', 'read-key')).toMatchObject({ status: 200 });
    expect(await withKey('handle_importing_job', 'read-key')).toMatchObject({ status: 403 });
    expect((await fetch(`${keyed.url}/jobs`, { headers: { 'x-api-key': 'ops-key' } })).status).toBe(200);
    expect(keyed.logged.join('')).not.toMatch(/tick-key|read-key|ops-key/);
  });

  test('only operate and admin may cancel, retry and accept runs; the key is checked first', async () => {
    const run = `v1/runs/${randomUUID()}`;
    for (const path of [`${run}/cancel`, `${run}/retry`, `${run}/accept`, 'v1/runs/not-a-run/cancel']) {
      const post = { method: 'POST' };
      expect(await withKey(path, undefined, post)).toMatchObject({ status: 401 });
      expect(await withKey(path, 'wrong', post)).toMatchObject({ status: 403 });
      for (const key of ['tick-key', 'read-key', 'data-key']) {
        const answer = await withKey(path, key, post);
        expect(answer).toMatchObject({ status: 403, code: 'forbidden' });
        expect(answer.text).toContain('Use a key with role operate or admin.');
      }
      for (const key of ['ops-key', 'admin-key']) expect([400, 404]).toContain((await withKey(path, key, post)).status);
    }
    expect(await withKey(run, 'tick-key')).toMatchObject({ status: 403 });
    for (const key of ['read-key', 'data-key', 'ops-key', 'admin-key']) expect(await withKey(run, key)).toMatchObject({ status: 404 });
  });
});
