import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import Koa from 'koa';
import type { Context } from '../../../app/context.ts';
import { ERRORS } from '../../../app/errors.ts';
import { COMMON_ERRORS } from '../../../app/http/common-errors.ts';
import { operationsOf, responseForms } from '../../../app/http/docs/operations.ts';
import { serveDocs } from '../../../app/http/docs/serve-docs.ts';
import { pathParameters } from '../../../app/http/endpoint.ts';
import { ENDPOINTS } from '../../../app/http/endpoints.ts';
import { handleErrors } from '../../../app/http/errors.ts';
import { createValidator } from '../../../app/http/fields.ts';
import { GROUPS } from '../../../app/http/groups.ts';
import { RateLimits } from '../../../app/http/rate-limits.ts';
import { setSecurityHeaders } from '../../../app/http/security-headers.ts';
import { close, listen } from '../../support/server.ts';

const PUBLIC_URL = 'https://sync.example.com';
const context = { config: { http: { publicUrl: PUBLIC_URL, keyless: false } } } as Context;
const koa = new Koa();
koa.use(setSecurityHeaders(PUBLIC_URL));
koa.use(handleErrors(context, new RateLimits({ wrongKeysPerMinute: 100, requestsPerSecond: 500 })));
koa.use(serveDocs(context.config));
const server = createServer(koa.callback());
let url = '';

beforeAll(async () => {
  url = await listen(server);
});
afterAll(() => close(server));

interface Document extends Record<string, unknown> {
  openapi: string;
  info: { version: string };
  servers: { url: string }[];
  paths: Record<string, Record<string, { operationId: string; tags: string[]; responses: Record<string, { $ref?: string }> }>>;
  components: { responses: Record<string, { content: Record<string, { schema: { properties: { error: object } } }> }> };
}

const readDocument = async (): Promise<Document> => (await (await fetch(`${url}/openapi.json`)).json()) as Document;

describe('an endpoint', () => {
  test.each(ENDPOINTS.map((endpoint) => [`${endpoint.methods} ${endpoint.name}`, endpoint] as const))(
    '%s has a valid example',
    (_name, endpoint) => {
      const { request, response, json } = endpoint.example;
      const inPath = pathParameters(endpoint);
      expect(Object.keys(endpoint.request.shape)).toEqual(expect.arrayContaining(inPath));
      const [path, fields] = [true, false].map((wanted) =>
        Object.fromEntries(Object.entries(request).filter(([name]) => inPath.includes(name) === wanted)),
      );
      createValidator(endpoint.request, inPath)(fields!, path!);
      expect(Object.keys(path!)).toEqual(inPath);
      expect(endpoint.response.safeParse(response).error?.issues).toBeUndefined();
      const forms = responseForms(endpoint);
      if (forms.text && forms.json) expect(forms.json.safeParse(json).error?.issues).toBeUndefined();
    },
  );

  test('is described in a sentence, in a known group, with each error once', () => {
    for (const { name, summary, group, errors } of ENDPOINTS) {
      expect([name, summary]).toEqual([name, expect.stringMatching(/^[A-Z].{15,}[^.]\.$/)]);
      expect(Object.keys(GROUPS)).toContain(group);
      expect([name, errors]).toEqual([name, [...new Set(errors)].filter((code) => !(COMMON_ERRORS as readonly string[]).includes(code))]);
    }
  });
});

describe('/openapi.json', () => {
  test('is valid OpenAPI 3.1, with the version and the public address', async () => {
    const document = await readDocument();
    expect(await new Validator().validate(document)).toEqual({ valid: true });
    expect(document).toMatchObject({
      openapi: '3.1.1',
      info: { version: expect.stringMatching(/^\d+\.\d+\.\d+$/) },
      servers: [{ url: PUBLIC_URL }],
    });
  });

  test('has every operation of every endpoint, and nothing else but the paths without a key', async () => {
    const { paths } = await readDocument();
    const documented = Object.entries(paths).flatMap(([path, onPath]) =>
      Object.keys(onPath).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = operationsOf(ENDPOINTS).map(({ method, endpoint }) => `${method} /${endpoint.name}`);
    expect(documented.sort()).toEqual([...served, 'GET /healthz', 'GET /readyz', 'GET /metrics', 'GET /openapi.json', 'GET /docs'].sort());
    const ids = Object.values(paths).flatMap((onPath) => Object.values(onPath).map(({ operationId }) => operationId));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('declares every error of an operation, at its status', async () => {
    const { paths, components } = await readDocument();
    for (const { endpoint, method } of operationsOf(ENDPOINTS)) {
      const { responses } = paths[`/${endpoint.name}`]![method.toLowerCase()]!;
      for (const code of [...COMMON_ERRORS, ...endpoint.errors]) {
        const name = responses[ERRORS[code].status]!.$ref!.replace('#/components/responses/', '');
        const { schema } = components.responses[name]!.content['application/json']!;
        expect(schema.properties.error).toMatchObject({
          properties: { code: { enum: expect.arrayContaining([code]) } },
          required: ['code', 'message'],
        });
      }
    }
  });
});

describe('/docs', () => {
  test('shows every endpoint, field and error, and each link leads to something', async () => {
    const page = await (await fetch(`${url}/docs`)).text();
    for (const { name, methods } of ENDPOINTS) expect(page).toContain(`<code>${methods.join(', ')} /${name}</code>`);
    for (const code of Object.keys(ERRORS)) expect(page).toContain(`<tr id="${code}">`);
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const links = [...page.matchAll(/ href="([^"]+)"/g)].map(([, link]) => link!);
    expect(links.filter((link) => link.startsWith('#') && !ids.includes(link.slice(1)))).toEqual([]);
    expect(new Set(links.filter((link) => !link.startsWith('#')))).toEqual(new Set(['data:,', '/openapi.json']));
  });

  test('needs no script and no other request, and its policy allows only its own style', async () => {
    const response = await fetch(`${url}/docs`);
    const page = await response.text();
    expect(page).not.toMatch(/<script|<img|<iframe|<link (?!rel="icon" href="data:,")| style=| on\w+=|@import|url\(/);
    const style = /<style>(.*?)<\/style>/s.exec(page)![1]!;
    const policy = response.headers.get('content-security-policy');
    expect(policy).toContain(`default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`);
    expect(policy).not.toContain('unsafe');
  });

  test('supports only reading', async () => {
    for (const path of ['docs', 'openapi.json']) {
      expect((await fetch(`${url}/${path}`, { method: 'HEAD' })).status).toBe(200);
      const refused = await fetch(`${url}/${path}`, { method: 'POST' });
      expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    }
  });

  test('calls the service of its own address in its examples', async () => {
    const page = await (await fetch(`${url}/docs`)).text();
    expect(page).toContain(`${PUBLIC_URL}/v1/jobs/7c9e6679-7425-40de-944b-e07fc1f90ae7?table=keep`);
    expect(page).toContain('Authorization: Bearer $SYNC_API_KEY');
  });
});
