import { createHash, randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { fieldsOf, type Operation, operationsOf } from '../../../app/http/docs/operations.ts';
import { ENDPOINTS } from '../../../app/http/endpoints.ts';
import { type Answer, decide, REDIRECT_URI, readAnswer, startService, type TestService } from '../../support/service.ts';

/** These change what the other operations need, so they come last, in this order. */
const LAST = [
  'post_v1_jobs_by_job_id_erase',
  'post_v1_runs_by_run_id_cancel',
  'delete_v1_jobs_by_job_id',
  'post_v1_connections_by_connection_disconnect',
];

const OPERATIONS = operationsOf(ENDPOINTS).sort((left, right) => LAST.indexOf(left.id) - LAST.indexOf(right.id));
const named = OPERATIONS.map((operation) => [operation.id, operation] as const);
const find = (id: string): Operation => OPERATIONS.find((operation) => operation.id === id)!;

type Fields = Record<string, string>;
const MEDIA_TYPES = ['multipart', 'urlencoded', 'json'] as const;
type MediaType = (typeof MEDIA_TYPES)[number];

let service: TestService;
let errors: DeclaredErrors;
/** What exists, instead of what the examples name. */
const existing: Fields = {};

beforeAll(async () => {
  service = await startService({ salesforce: { now: '2024-04-02T00:10:00Z', preauthorized: true }, worker: false });
  errors = await readDeclaredErrors(service.url);
  const userId = await service.connect();
  existing.user_id = userId;
  await call('patch_v1_connections_by_connection', { connection: '1', alias: 'production' });
  const [account] = service.salesforce.org.records('Account');
  existing.record_id = String(account!.Id);
  await call('post_create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2024-03-10' });
  service.startWorker();
  expect((await call('post_handle_importing_job', { wait: '50' })).text).toMatch(/^OK/);
  await service.stopWorker();
  service.salesforce.clock.set(new Date('2024-04-03T00:10:00Z'));
  existing.link_id = (JSON.parse((await call('post_v1_connect_links', {})).text) as { id: string }).id;
});
afterAll(() => service[Symbol.asyncDispose]());

/** Sends fields where an operation expects them: in its path, its query, or a body of this media type. */
async function send(url: string, operation: Operation, fields: Fields, type: MediaType = 'json', headers: Fields = {}): Promise<Response> {
  const known = new Map(fieldsOf(operation).map((field) => [field.name, field.in]));
  const usual = operation.hasBody ? 'body' : 'query';
  const inPlace = (place: string) => Object.entries(fields).filter(([name]) => (known.get(name) ?? usual) === place);
  const path = inPlace('path').reduce(
    (text, [name, value]) => text.replace(`{${name}}`, encodeURIComponent(value)),
    operation.endpoint.name,
  );
  const query = new URLSearchParams(inPlace('query'));
  const body = inPlace('body');
  return await fetch(`${url}/${path}${query.size > 0 ? `?${query}` : ''}`, {
    method: operation.method,
    ...(body.length > 0 && { body: encode(body, type) }),
    headers: { ...(body.length > 0 && type === 'json' && { 'content-type': 'application/json' }), ...headers },
  });
}

function encode(fields: [string, string][], type: MediaType): string | FormData | URLSearchParams {
  if (type === 'json') return JSON.stringify(Object.fromEntries(fields));
  if (type === 'urlencoded') return new URLSearchParams(fields);
  const form = new FormData();
  for (const [name, value] of fields) form.set(name, value);
  return form;
}

const call = async (id: string, fields: Fields): Promise<Answer> => await readAnswer(await send(service.url, find(id), fields));

/** The request of an operation's example, for what exists. */
const exampleOf = ({ endpoint }: Operation): Fields =>
  Object.fromEntries(Object.entries(endpoint.example.request).map(([name, value]) => [name, existing[name] ?? value]));

/** The codes that the document declares, by operation and status. */
type DeclaredErrors = (operation: Operation, status: number) => string[];

async function readDeclaredErrors(url: string): Promise<DeclaredErrors> {
  const { paths, components } = (await (await fetch(`${url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { responses: Record<string, { $ref: string }> }>>;
    components: {
      responses: Record<string, { content: Record<string, { example: object; schema: { properties: { error: ErrorSchema } } }> }>;
    };
  };
  return ({ endpoint, method }, status) => {
    const { $ref } = paths[`/${endpoint.name}`]![method.toLowerCase()]!.responses[status]!;
    const { content } = components.responses[$ref.replace('#/components/responses/', '')]!;
    return content['application/json']!.schema.properties.error.properties.code.enum;
  };
}

interface ErrorSchema {
  properties: { code: { enum: string[] } };
}

async function expectError(operation: Operation, response: Response, status: number, code: string): Promise<void> {
  const answer = await readAnswer(response);
  expect(answer).toMatchObject({ status, code });
  expect(errors(operation, status)).toContain(code);
}

describe('an error that the document declares comes from', () => {
  test.each(named)('%s for an unknown field', async (_id, operation) => {
    await expectError(operation, await send(service.url, operation, { ...exampleOf(operation), color: 'red' }), 400, 'invalid_request');
  });

  const naming = named.filter(([, { endpoint }]) => endpoint.errors.includes('not_found'));
  test.each(naming)('%s for what does not exist', async (_id, operation) => {
    const [org, user] = ['00D000000000001', '005000000000001'];
    const id = randomUUID();
    const unknown: Fields = {
      job_id: id,
      run_id: id,
      link_id: id,
      connection: 'unknown',
      user_id: `https://login.salesforce.com/id/${org}/${user}`,
    };
    const fields = fieldsOf(operation).flatMap(({ name }) => (unknown[name] === undefined ? [] : [[name, unknown[name]]]));
    await expectError(
      operation,
      await send(service.url, operation, { ...exampleOf(operation), ...Object.fromEntries(fields) }),
      404,
      'not_found',
    );
  });

  test.each(named.filter(([, { hasBody }]) => hasBody))('%s for a body that is too large, or of another type', async (_id, operation) => {
    const large = { ...exampleOf(operation), color: 'x'.repeat(300_000) };
    for (const type of MEDIA_TYPES) await expectError(operation, await send(service.url, operation, large, type), 413, 'body_too_large');
    const text = await send(service.url, operation, { ...exampleOf(operation), color: 'red' }, 'json', { 'content-type': 'text/plain' });
    await expectError(operation, text, 415, 'unsupported_media_type');
  });

  test.each(named)('%s for a multipart body without its length', async (_id, operation) => {
    const url = `${service.url}/${operation.endpoint.name.replaceAll(/\{\w+\}/g, '1')}`;
    const headers = { 'content-type': 'multipart/form-data; boundary=x', 'transfer-encoding': 'chunked' };
    const status = await new Promise((resolve, reject) => {
      const sent = request(url, { method: operation.method, headers }, (response) => resolve(response.resume().statusCode));
      sent.on('error', reject).end('--x--');
    });
    expect(status).toBe(411);
    expect(errors(operation, 411)).toEqual(['invalid_request']);
  });

  test('calls that Salesforce refuses or does not answer', async () => {
    const callback = find('post_login_oauth_callback');
    await service.call('get_oauth_url', { redirect_uri: REDIRECT_URI });
    const denied = { redirect_uri: REDIRECT_URI, error: 'access_denied', error_description: 'end-user denied authorization' };
    await expectError(callback, await send(service.url, callback, denied), 400, 'login_refused');
    const objects = find('get_v1_connections_by_connection_objects');
    service.salesforce.faults.arm({ kind: 'http', times: 10, status: 503, body: 'down', match: { path: '/sobjects' } });
    await expectError(objects, await send(service.url, objects, { connection: 'production' }), 503, 'salesforce_unavailable');
    service.salesforce.faults.clear();
  });
});

describe('without an API key that permits it, no operation responds', () => {
  const ROLES = ['tick', 'read', 'data', 'operate', 'admin'] as const;
  let keyed: TestService;

  beforeAll(async () => {
    const keys = ROLES.map((role) => `${role}:${role}:${createHash('sha256').update(role).digest('hex')}`);
    keyed = await startService({ worker: false, local: false, env: { API_KEYS: keys.join(','), WRONG_KEYS_PER_MINUTE: '1000' } });
  });
  afterAll(() => keyed[Symbol.asyncDispose]());

  test.each(named)('%s', async (_id, operation) => {
    const request = (headers: Fields): Promise<Response> => send(keyed.url, operation, exampleOf(operation), 'json', headers);
    // A scheduler would repeat a tick that gets a 401.
    const isTick = operation.endpoint.name === 'handle_importing_job';
    await expectError(operation, await request({}), isTick ? 403 : 401, isTick ? 'forbidden' : 'unauthorized');
    await expectError(operation, await request({ 'x-api-key': 'wrong' }), 403, 'forbidden');
    for (const role of ROLES.filter((each) => !operation.endpoint.roles.includes(each))) {
      await expectError(operation, await request({ authorization: `Bearer ${role}` }), 403, 'forbidden');
    }
  });
});

describe('the example of the document gets a response of its schema by', () => {
  /** A job that has imported a window, with another one that waits for a worker, and no open repair. */
  async function prepareJob(): Promise<void> {
    await call('post_create_importing_job', { user_id: existing.user_id!, object_name: 'Account', start_date: '2024-03-10' });
    await call('post_handle_importing_job', {});
    const [job] = await service.jobs();
    if (job!.repair?.state === 'queued') await call('post_v1_runs_by_run_id_cancel', { run_id: job!.repair.id });
    Object.assign(existing, { job_id: job!.id, run_id: job!.run!.id });
  }

  /** What an operation needs besides. */
  const PREPARE: Record<string, () => Promise<Fields>> = {
    get_login_oauth_callback: logIn,
    post_login_oauth_callback: logIn,
    post_v1_runs_by_run_id_accept: failRun,
  };

  async function logIn(): Promise<Fields> {
    const { text } = await service.call('get_oauth_url', { redirect_uri: REDIRECT_URI });
    const { searchParams } = await decide(text, 'allow');
    return { authorization_code: searchParams.get('code')!, state: searchParams.get('state')! };
  }

  /** As a worker does when the counts differ. */
  async function failRun(): Promise<Fields> {
    await service.database.pool.query(
      `UPDATE runs SET state = 'failed', error_code = 'count_mismatch', error_message = 'The counts differ.', acceptable_rows = 1,
       finished_at = now() WHERE id = $1`,
      [existing.run_id],
    );
    return {};
  }

  test.each(named.map(([id, operation], index) => [id, operation, MEDIA_TYPES[index % MEDIA_TYPES.length]!] as const))(
    '%s',
    async (id, operation, type) => {
      await prepareJob();
      const prepared = await PREPARE[id]?.();
      const response = await send(service.url, operation, { ...exampleOf(operation), ...prepared }, type);
      const body = await response.text();
      expect([response.status, response.ok || body]).toEqual([200, true]);
      const isJson = response.headers.get('content-type')!.startsWith('application/json');
      const { response: schema } = operation.endpoint;
      expect(schema.safeParse(isJson ? JSON.parse(body) : body).error?.issues).toBeUndefined();
    },
  );

  test('the paths that need no key', async () => {
    for (const path of ['healthz', 'readyz']) expect(await (await fetch(`${service.url}/${path}`)).text()).toBe('OK');
    expect((await fetch(`${service.url}/docs`)).headers.get('content-type')).toBe('text/html; charset=utf-8');
  });

  test('nothing that calls the org, once its connection has ended', async () => {
    const probe = find('post_v1_connections_by_connection_test');
    await expectError(probe, await send(service.url, probe, { connection: 'production' }), 409, 'needs_login');
  });
});
