import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import Koa from 'koa';
import * as z from 'zod';
import type { Context } from '../../../app/context.ts';
import { requireApiKey } from '../../../app/http/auth.ts';
import { defineEndpoint, type Endpoint } from '../../../app/http/endpoint.ts';
import { handleErrors } from '../../../app/http/errors.ts';
import { RateLimits } from '../../../app/http/rate-limits.ts';
import { createRouter } from '../../../app/http/router.ts';
import { flag, text } from '../../../app/http/schemas/fields.ts';
import { close, listen } from '../../support/server.ts';

/** An endpoint that returns its methods and the fields that it received. */
const endpoint = (fields: Record<string, z.ZodType>, { name = 'v1/things/{thing_id}', ...given }: Partial<Endpoint>): Endpoint =>
  defineEndpoint({
    name,
    methods: ['GET'],
    group: 'jobs',
    summary: 'For this test.',
    roles: ['read', 'admin'],
    request: z.object({ ...(name.includes('{') && { thing_id: text('Its id.') }), ...fields }),
    response: z.unknown(),
    errors: [],
    example: { request: {}, response: {} },
    handle: async (_context, received) => ({ ...given, fields: received }),
    ...given,
  });

const THINGS = [
  endpoint({}, {}),
  endpoint({ color: text('Its color.') }, { methods: ['PATCH'], roles: ['admin'] }),
  endpoint({ drop: flag('drop', 'Whether to drop it.') }, { methods: ['DELETE'], roles: ['admin'] }),
  endpoint({}, { name: 'v1/things', methods: ['GET', 'POST'] }),
];
const KEYS = { keys: ['read', 'admin'].map((role) => ({ name: role, role, sha256: createHash('sha256').update(role).digest() })) };

/** One server that requires keys, and one that serves this machine without any. */
const servers = [
  { ...KEYS, keyless: false },
  { keys: [], keyless: true },
].map((http) => createServer(app(http).callback()));
let [keyed, keyless] = ['', ''];

beforeAll(async () => {
  [keyed, keyless] = (await Promise.all(servers.map(listen))) as [string, string];
});
afterAll(() => Promise.all(servers.map(close)));

function app(http: object): Koa {
  const context = {
    config: { http },
    keyUses: { note: () => {} },
    events: { keyRefused: () => {}, requestFailed: () => {} },
  } as unknown as Context;
  const limits = new RateLimits({ wrongKeysPerMinute: 100, requestsPerSecond: 500 });
  const koa = new Koa();
  koa.use(handleErrors(context, limits));
  koa.use(requireApiKey(context, limits));
  koa.use(createRouter(context, THINGS).routes());
  return koa;
}

const send = (path: string, init: RequestInit = {}, role = 'admin'): Promise<Response> =>
  fetch(`${keyed}/${path}`, { ...init, headers: { 'X-API-Key': role, ...init.headers } });
const json = (method: string, body: object): RequestInit => ({
  method,
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
});

test('endpoints on one path are distinguished by method, each with its own fields', async () => {
  expect(await (await send('v1/things/7')).json()).toEqual({ fields: { thing_id: '7' } });
  expect(await (await send('v1/things/7', json('PATCH', { color: 'red' }))).json()).toMatchObject({
    methods: ['PATCH'],
    fields: { thing_id: '7', color: 'red' },
  });
  for (const deletion of [send('v1/things/7?drop=true', { method: 'DELETE' }), send('v1/things/7', json('DELETE', { drop: true }))]) {
    expect(await (await deletion).json()).toMatchObject({ methods: ['DELETE'], fields: { thing_id: '7', drop: true } });
  }
  expect((await send('v1/things', { method: 'POST' })).status).toBe(200);
});

test('an unknown, missing or invalid field is refused by any method', async () => {
  expect((await send('v1/things/7', { method: 'PATCH' })).status).toBe(400);
  expect((await send('v1/things/7', json('PATCH', { color: 'red', drop: true }))).status).toBe(400);
  expect((await send('v1/things/7', json('DELETE', { color: 'red' }))).status).toBe(400);
  expect(await (await send('v1/things/7?drop=yes', { method: 'DELETE' })).json()).toEqual({
    error: { code: 'invalid_request', message: 'drop must be true or false.' },
  });
  expect((await send('v1/things/7', json('DELETE', { thing_id: '8' }))).status).toBe(400);
  expect((await send('v1/things/7?drop=true', json('DELETE', { drop: true }))).status).toBe(400);
  expect((await send('v1/things/7', { method: 'PATCH', body: 'color', headers: { 'content-type': 'text/plain' } })).status).toBe(415);
});

test('another method is refused with all methods of the path', async () => {
  for (const method of ['POST', 'PUT', 'HEAD', 'OPTIONS']) {
    const response = await send('v1/things/7', { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, PATCH, DELETE']);
  }
  const refused = await send('v1/things', { method: 'DELETE' });
  expect(refused.headers.get('allow')).toBe('GET, POST');
  expect(await refused.json()).toEqual({ error: { code: 'method_not_allowed', message: '/v1/things supports only GET and POST.' } });
});

test('each method requires its own role', async () => {
  expect((await send('v1/things/7', {}, 'read')).status).toBe(200);
  for (const init of [json('PATCH', { color: 'red' }), { method: 'DELETE' }]) {
    const refused = await send('v1/things/7', init, 'read');
    expect(refused.status).toBe(403);
    expect(await refused.text()).toContain(`may not call ${init.method} /v1/things/{thing_id}. Use a key with role admin.`);
    expect((await send('v1/things/7', init, 'unknown')).status).toBe(403);
  }
});

test('without keys, no page of another site can change anything', async () => {
  const headers = { origin: 'https://evil.example' };
  expect((await fetch(`${keyless}/v1/things/7`, { method: 'DELETE' })).status).toBe(200);
  for (const method of ['GET', 'PATCH', 'DELETE', 'OPTIONS']) {
    const response = await fetch(`${keyless}/v1/things/7`, { method, headers });
    expect(response.status).toBe(403);
    expect(response.headers.has('access-control-allow-origin')).toBe(false);
  }
});
