import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Agent } from 'undici';
import { waitForJob } from '../../../app/bigquery/jobs.ts';
import { uploadPage } from '../../../app/bigquery/load.ts';
import { openWarehouse, type Warehouse } from '../../../app/bigquery/warehouse.ts';
import { LIMITS } from '../../../app/core/limits.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

/** Responses that are not from BigQuery's API, but from a proxy, a firewall or an edge server. */
let server: TestServer;
let dispatcher: Agent;

beforeEach(async () => {
  dispatcher = new Agent();
  server = await startTestServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await dispatcher.destroy();
});

function warehouse(): Warehouse {
  const config = { project: 'p', location: 'EU', endpoint: server.url, stagingDataset: 'staging', federation: undefined };
  return openWarehouse(config, dispatcher, { ...LIMITS, pollMs: 1, bigqueryCallMs: 5_000 });
}

const PAGE = '<html><body>Access denied</body></html>';

/** Status and body. */
const UNUSABLE: [number, string][] = [
  [200, PAGE],
  [200, ''],
  [200, 'null'],
  [200, '[]'],
  [200, '{}'],
  [200, '"DONE"'],
  [400, PAGE],
  [400, ''],
  [403, PAGE],
  [403, ''],
  [403, 'null'],
  [403, '"denied"'],
  [403, '{"error":null}'],
  [403, '{"error":"denied"}'],
  [403, '{"error":{"message":5,"errors":{}}}'],
  [404, PAGE],
  [405, PAGE],
  [413, PAGE],
  [429, ''],
  [503, '{}'],
  [503, 'no JSON'],
];

function send(outgoing: ServerResponse, status: number, body: string): void {
  outgoing.writeHead(status, { 'content-type': body.startsWith('<') ? 'text/html' : 'application/json' }).end(body);
}

const DONE = JSON.stringify({ status: { state: 'DONE' } });

test.each(UNUSABLE)('the state of a job is requested again after HTTP %i with %j', async (status, body) => {
  server.answer = (_incoming, outgoing) => (server.requests.length > 2 ? send(outgoing, 200, DONE) : send(outgoing, status, body));
  expect(await waitForJob(warehouse(), 'job')).toEqual(JSON.parse(DONE));
});

test('the state of a job is requested again if the connection breaks within the response', async () => {
  server.answer = (_incoming, outgoing) => {
    if (server.requests.length > 2) return send(outgoing, 200, DONE);
    outgoing.writeHead(200, { 'content-length': DONE.length });
    outgoing.write(DONE.slice(0, server.requests.length * 5), () => outgoing.destroy());
  };
  expect(await waitForJob(warehouse(), 'job')).toEqual(JSON.parse(DONE));
});

describe("a step of this machine's clock", () => {
  const now = Date.now;
  const step = (ms: number): void => {
    Date.now = () => now() + ms;
  };
  afterEach(() => {
    Date.now = now;
  });

  test.each([4, -4])('by %i hours neither cancels a job nor makes it count as missing', async (hours) => {
    const running = JSON.stringify({ status: { state: 'RUNNING' }, statistics: { creationTime: String(now()) } });
    server.answer = (_incoming, outgoing) => {
      if (server.requests.length === 1) return send(outgoing, 404, '{"error":{"errors":[{"reason":"notFound"}]}}');
      if (server.requests.length === 2) return send(outgoing, 200, running);
      if (server.requests.length > 4) return send(outgoing, 200, DONE);
      step(hours * 60 * 60_000);
      return send(outgoing, server.requests.length === 3 ? 404 : 200, server.requests.length === 3 ? '{}' : running);
    };
    expect(await waitForJob(warehouse(), 'job')).toEqual(JSON.parse(DONE));
    expect(server.requests.filter((request) => request.includes('cancel'))).toEqual([]);
  });
});

describe('an upload', () => {
  const load = { jobId: 'job', table: { project: 'p', dataset: 'staging', table: 't' }, columns: ['Id'], labels: {} };
  const upload = () => uploadPage(warehouse(), load, Readable.from([Buffer.from('"Id"\n"1"\n')]));

  /** Answers like BigQuery, but the first request of this method. */
  function answer(method: string, status: number, body: string): void {
    let isFirst = true;
    server.answer = (incoming, outgoing) => {
      incoming.resume().on('end', () => {
        if (incoming.method === method && isFirst) {
          isFirst = false;
          return send(outgoing, status, body);
        }
        if (incoming.method === 'POST') return outgoing.writeHead(200, { location: `${server.url}/session` }).end();
        // The status query after the failure.
        if (incoming.headers['content-range'] === 'bytes */*') return outgoing.writeHead(308).end();
        send(outgoing, 200, DONE);
      });
    };
  }

  test.each(UNUSABLE)('is started again after HTTP %i with %j', async (status, body) => {
    answer('POST', status, body);
    await upload();
    expect(server.requests.map((request) => request.split(' ')[0])).toEqual(['POST', 'POST', 'PUT']);
  });

  test.each(UNUSABLE.filter(([status]) => status !== 200 && status !== 404))('continues after HTTP %i with %j', async (status, body) => {
    answer('PUT', status, body);
    await upload();
    expect(server.requests.map((request) => request.split(' ')[0])).toEqual(['POST', 'PUT', 'PUT', 'PUT']);
  });
});
