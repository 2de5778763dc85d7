import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { request } from 'undici';
import { waitForJob } from '../../../app/bigquery/jobs.ts';
import { uploadPage } from '../../../app/bigquery/load/load.ts';
import { openWarehouse, type Warehouse } from '../../../app/bigquery/warehouse.ts';
import { LIMITS } from '../../../app/core/connections/limits.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

/** Responses that are not from BigQuery's API, but from a proxy, a firewall or an edge server. */
let server: TestServer;

beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server[Symbol.asyncDispose]());

function warehouse(): Warehouse {
  const config = { project: 'p', location: 'EU', endpoint: server.url, stagingDataset: 'staging', federation: undefined };
  return openWarehouse(config, server.dispatcher, { ...LIMITS, pollMs: 1, bigqueryCallMs: 5_000 });
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
    expect(server.requests.filter((line) => line.includes('cancel'))).toEqual([]);
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
    expect(server.requests.map((line) => line.split(' ')[0])).toEqual(['POST', 'POST', 'PUT']);
  });

  test.each(UNUSABLE.filter(([status]) => status !== 200 && status !== 404))('continues after HTTP %i with %j', async (status, body) => {
    answer('PUT', status, body);
    await upload();
    expect(server.requests.map((line) => line.split(' ')[0])).toEqual(['POST', 'PUT', 'PUT', 'PUT']);
  });
});

describe('a download that is uploaded', () => {
  const load = { jobId: 'job', table: { project: 'p', dataset: 'staging', table: 't' }, columns: ['Id'], labels: {} };

  /** Uploads more than two chunks while they are downloaded. */
  async function uploadDownload(): Promise<void> {
    const { body } = await request(`${server.url}/page`, { dispatcher: server.dispatcher });
    await uploadPage(warehouse(), load, body);
  }

  function answer(onPost: (outgoing: ServerResponse) => void, onPut: (outgoing: ServerResponse) => void): void {
    server.answer = async (incoming, outgoing) => {
      if (incoming.method === 'GET') return Readable.from(Array.from({ length: 40 }, () => Buffer.alloc(1024 * 1024))).pipe(outgoing);
      await buffer(incoming);
      if (incoming.method === 'POST') onPost(outgoing);
      else onPut(outgoing);
    };
  }

  const session = (outgoing: ServerResponse): void => void outgoing.writeHead(200, { location: `${server.url}/session` }).end();

  test('ends if the job exists', async () => {
    answer((outgoing) => send(outgoing, 409, '{}'), session);
    await uploadDownload();
    expect(server.requests.map((line) => line.split(' ')[0])).toEqual(['GET', 'POST']);
  });

  test.each([
    ['refuses it', 400, '{"error":{"errors":[{"reason":"invalid","message":"no"}]}}', 'bigquery_refused'],
    ['no longer knows the upload', 410, '', 'bigquery_unavailable'],
    ['calls it complete before its end', 200, DONE, 'bigquery_unavailable'],
  ])('fails, and nothing else does, if BigQuery %s', async (_what, status, body, code) => {
    answer(session, (outgoing) => send(outgoing, status, body));
    await expect(uploadDownload()).rejects.toMatchObject({ code });
  });
});

describe('a part of an upload', () => {
  const content = Buffer.from(`"Id"\n${Array.from({ length: 200 }, (_, row) => `"${row}"\n`).join('')}`);
  const load = { jobId: 'job', table: { project: 'p', dataset: 'staging', table: 't' }, columns: ['Id'], labels: {} };

  /** Stores what is sent, and answers the first PUT with this Range although it stored so many bytes. @returns what was stored */
  async function uploadWith(range: string | undefined, kept: number): Promise<Buffer> {
    let [stored, isFirst] = [Buffer.alloc(0), true];
    server.answer = async (incoming, outgoing) => {
      const body = await buffer(incoming);
      if (incoming.method === 'POST') return outgoing.writeHead(200, { location: `${server.url}/session` }).end();
      const [, start] = /^bytes (\d+)-/.exec(String(incoming.headers['content-range'])) ?? [];
      // What is sent again is ignored.
      if (start !== undefined) stored = Buffer.concat([stored, body.subarray(stored.length - Number(start))]);
      if (!isFirst && stored.length === content.length) return send(outgoing, 200, DONE);
      if (isFirst) stored = stored.subarray(0, kept);
      const header = isFirst ? range : `bytes=0-${stored.length - 1}`;
      isFirst = false;
      return outgoing.writeHead(308, header === undefined || stored.length === 0 ? {} : { range: header }).end();
    };
    await uploadPage(warehouse(), load, Readable.from([content]));
    return stored;
  }

  test.each([
    ['bytes=0-9', 10],
    ['BYTES=0-9', 10],
    ['bytes 0-9', 10],
    ['0-9', 10],
    ['bytes=0-0', 1],
    [undefined, 0],
    ['bytes=0-', 10],
    ['bytes=1-9', 10],
    ['bytes=0-4,6-9', 10],
    ['nonsense', 10],
  ])('arrives exactly once if BigQuery reports it as %j', async (range, kept) => {
    expect((await uploadWith(range, kept)).equals(content)).toBe(true);
  });

  test.each(['bytes=0-99999', 'bytes=0-9007199254740993', `bytes=0-${'9'.repeat(400)}`])(
    'is uploaded again if BigQuery reports %j',
    async (range) => {
      await expect(uploadWith(range, 10)).rejects.toMatchObject({ code: 'bigquery_unavailable', recovery: 'retry' });
    },
  );
});
