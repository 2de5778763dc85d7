import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { SalesforceClient, type SessionSource } from '../../../app/salesforce/client.ts';
import { openResponse, readResponse, type SalesforceRequest } from '../../../app/salesforce/transport.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

let server: TestServer;

beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server[Symbol.asyncDispose]());

const get = (): SalesforceRequest => ({ method: 'GET', url: `${server.url}/path`, headers: {} });
const read = (limits = {}) => readResponse(server.dispatcher, get(), { signal: undefined, totalMs: 5_000, ...limits });
const json = { 'content-type': 'application/json' };
const text = JSON.stringify({ value: 'x'.repeat(5_000) });

describe('a response that is buffered', () => {
  test('is decoded', async () => {
    server.answer = (_incoming, outgoing) => outgoing.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(gzipSync(text));
    expect((await read()).body.toString()).toBe(text);
  });

  test.each<[string, Buffer]>([
    ['is truncated', gzipSync(text).subarray(0, -20)],
    ['is not gzip', Buffer.from(text)],
  ])('is incomplete if its gzip %s', async (_how, body) => {
    server.answer = (_incoming, outgoing) => outgoing.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(body);
    await expect(read()).rejects.toMatchObject({ name: 'UnusableResponse', reason: 'incomplete' });
  });

  test('is incomplete if the connection drops', async () => {
    server.answer = (_incoming, outgoing) => {
      outgoing.writeHead(200, { ...json, 'content-length': text.length });
      outgoing.write(text.slice(0, 100), () => outgoing.socket!.destroy());
    };
    await expect(read()).rejects.toMatchObject({ name: 'UnusableResponse', reason: 'incomplete' });
  });

  test('times out if it stalls', async () => {
    server.answer = (_incoming, outgoing) => {
      outgoing.writeHead(200, json).write(text.slice(0, 100));
    };
    await expect(read({ totalMs: 200 })).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  test("is aborted by its caller's signal", async () => {
    const stop = new AbortController();
    server.answer = (_incoming, outgoing) => {
      outgoing.writeHead(200, json).write(text.slice(0, 100), () => stop.abort(new Error('stopping')));
    };
    await expect(read({ signal: stop.signal })).rejects.toThrow('stopping');
  });

  test('is refused if it inflates to more than any describe or page', async () => {
    const bomb = gzipSync(Buffer.alloc(130 * 1024 * 1024));
    server.answer = (_incoming, outgoing) => outgoing.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(bomb);
    await expect(read()).rejects.toMatchObject({ reason: 'too-large' });
  });
});

test('a streamed response is passed through compressed', async () => {
  const compressed = gzipSync(text);
  server.answer = (_incoming, outgoing) =>
    outgoing.writeHead(200, { 'content-type': 'text/csv', 'content-encoding': 'gzip' }).end(compressed);
  const { body } = await openResponse(server.dispatcher, get(), { signal: undefined, idleMs: 5_000 });
  expect(Buffer.from(await body.arrayBuffer())).toEqual(compressed);
});

test('a redirect is an error that names its target', async () => {
  server.answer = (_incoming, outgoing) => outgoing.writeHead(302, { location: 'https://new.my.salesforce.com/path' }).end();
  await expect(read()).rejects.toMatchObject({ reason: 'redirect', status: 302, target: 'new.my.salesforce.com' });
});

describe('a client', () => {
  const session = { accessToken: 'token', instanceUrl: '' };
  let calls: unknown[];
  let renewals: string[];

  function client(renewed = session): SalesforceClient {
    const current = { ...session, instanceUrl: server.url };
    calls = [];
    renewals = [];
    const sessions: SessionSource = {
      current: async () => current,
      renew: async (_failed, reason) => {
        renewals.push(reason);
        return renewed === session ? current : renewed;
      },
    };
    return new SalesforceClient(sessions, server.dispatcher, {
      version: '66.0',
      gzip: true,
      limits: { idleMs: 5_000, pollMs: 1 },
      trustedHosts: [server.url],
      onCall: (usage) => calls.push(usage),
    });
  }

  const create = (of: SalesforceClient): Promise<unknown> =>
    of.call('create a job', (connection) => connection.request({ method: 'POST', url: '/jobs', body: '{}', headers: json }));

  test('counts each jsforce call once, with the API usage that Salesforce reports', async () => {
    server.answer = (_incoming, outgoing) =>
      outgoing.writeHead(200, { ...json, 'sforce-limit-info': 'api-usage=24/15000' }).end('{"totalSize":3,"done":true,"records":[]}');
    const { totalSize } = await client().call('count', (connection) => connection.query('SELECT COUNT() FROM Account'));
    expect(totalSize).toBe(3);
    expect(calls).toEqual([{ used: 24, limit: 15_000 }]);
  });

  test('retries a GET without a response once, and counts both calls', async () => {
    server.answer = (incoming, outgoing) => {
      if (server.requests.length === 1) incoming.socket.destroy();
      else outgoing.writeHead(200, json).end('{}');
    };
    await client().get('look', '/path', {});
    expect(server.requests).toHaveLength(2);
    expect(calls).toHaveLength(2);
    expect(renewals).toEqual([]);
  });

  test('does not retry a POST that may have had an effect', async () => {
    server.answer = (incoming) => incoming.socket.destroy();
    await expect(create(client())).rejects.toMatchObject({ code: 'salesforce_unavailable' });
    expect(server.requests).toEqual(['POST /services/data/v66.0/jobs']);
    expect(renewals).toEqual([]);
  });

  test.each<[string, (of: SalesforceClient) => Promise<unknown>, string]>([
    ['a jsforce call', create, 'application/json'],
    ['a jsforce call that gets a web page', create, 'text/html'],
    ['a GET', (of) => of.get('look', '/path', {}), 'application/json'],
    ['a page', (of) => of.fetch('read', '/path', AbortSignal.timeout(5_000), {}), 'text/html'],
  ])('reports how long Salesforce demands to wait: %s', async (_what, send, type) => {
    const body = '[{"errorCode":"SERVER_UNAVAILABLE","message":"busy"}]';
    server.answer = (_incoming, outgoing) => outgoing.writeHead(503, { 'content-type': type, 'retry-after': '120' }).end(body);
    await expect(send(client())).rejects.toMatchObject({ code: 'salesforce_unavailable', retryAfterMs: 120_000 });
  });

  test('returns a 304 with its headers', async () => {
    server.answer = (incoming, outgoing) =>
      outgoing.writeHead(304, { 'last-modified': String(incoming.headers['if-modified-since']) }).end();
    const since = 'Wed, 01 Mar 2023 00:00:00 GMT';
    expect(await client().get('describe', '/path', { 'if-modified-since': since })).toMatchObject({
      status: 304,
      headers: { 'last-modified': since },
    });
  });

  test('reports a response that is not JSON as malformed', async () => {
    server.answer = (_incoming, outgoing) => outgoing.writeHead(200, json).end('{"totalSize":');
    await expect(create(client())).rejects.toMatchObject({ code: 'salesforce_unavailable', message: expect.stringContaining('malformed') });
  });

  test('retries a moved org once, at its new address', async () => {
    server.answer = (_incoming, outgoing) => outgoing.writeHead(404, { 'content-type': 'text/html' }).end('<html></html>');
    const elsewhere = { accessToken: 'new', instanceUrl: server.url.replace('127.0.0.1', 'localhost') };
    await expect(client(elsewhere).get('look', '/path', {})).rejects.toMatchObject({ code: 'salesforce_unavailable' });
    expect(server.requests).toHaveLength(2);
    expect(renewals).toEqual(['moved']);
  });

  test('does not retry an org that has not moved', async () => {
    server.answer = (_incoming, outgoing) => outgoing.writeHead(503, { 'content-type': 'text/html' }).end('<html></html>');
    await expect(client().get('look', '/path', {})).rejects.toMatchObject({ code: 'salesforce_unavailable' });
    expect(server.requests).toHaveLength(1);
    expect(renewals).toEqual(['moved']);
  });
});
