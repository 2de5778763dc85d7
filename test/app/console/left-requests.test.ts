import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ConsoleBrowser, formOf } from '../../support/console.ts';
import { type GatewayService, startGatewayService } from '../../support/gateway.ts';

/** Requests whose sender leaves while the org is slow. */
let service: GatewayService;
let userId: string;

const OBJECTS = ['Account', 'Contact', 'Lead', 'Opportunity', 'Case', 'Task', 'Event', 'Campaign', 'Product2', 'Contract'];

beforeAll(async () => {
  service = await startGatewayService({ worker: false });
  userId = await service.connect();
});
afterAll(() => service[Symbol.asyncDispose]());
afterEach(async () => {
  service.instance.handler = (_call, pass) => pass();
  await service.database.pool.query('DELETE FROM jobs');
});

/** Sends a request, and leaves once the org has been called `calls` times. @returns how often it was called until then, and afterwards */
async function leave(calls: number, send: (signal: AbortSignal) => Promise<unknown>): Promise<{ before: number; after: number }> {
  const leaving = new AbortController();
  const release = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  let count = 0;
  service.instance.handler = async (_call, pass) => {
    if (++count >= calls) {
      reached.resolve();
      await release.promise;
    }
    return await pass();
  };
  const answer = send(leaving.signal).catch((error: Error) => error.name);
  await reached.promise;
  await sleep(100);
  leaving.abort();
  expect(await answer).toBe('AbortError');
  // The service has seen that the other connection is closed once it responds to this one.
  await fetch(`${service.url}/healthz`);
  await sleep(100);
  const before = count;
  release.resolve();
  await sleep(500);
  return { before, after: count - before };
}

const post = (path: string, fields: Record<string, string>, signal: AbortSignal, headers = {}): Promise<unknown> =>
  fetch(path, { method: 'POST', body: new URLSearchParams(fields), signal, headers });

describe('calls to Salesforce end when their caller leaves', () => {
  const preview = { user_id: '', object_name: 'Account', start_date: 'all' };

  test.each([1, 2, 3])('a preview by the API, at call %s', async (calls) => {
    const { after } = await leave(calls, (signal) => post(`${service.url}/v1/jobs/preview`, { ...preview, user_id: userId }, signal));
    expect(after).toBe(0);
  });

  test('an object that is described by the API', async () => {
    const { after } = await leave(1, (signal) => fetch(`${service.url}/v1/connections/1/objects/Account`, { signal }));
    expect(after).toBe(0);
  });

  test('previews in the console', async () => {
    const query = OBJECTS.map((object) => `object=${object}`).join('&');
    const { url } = new ConsoleBrowser(service.url);
    const { before, after } = await leave(6, (signal) => fetch(`${url}/console/jobs/new/preview?connection=1&${query}`, { signal }));
    expect(before).toBeLessThan(12);
    expect(after).toBe(0);
  });

  test.each(['api', 'console'])('creations by the %s, of which each is whole or not there at all', async (by) => {
    const browser = new ConsoleBrowser(service.url);
    const fields = { user_id: userId, object_names: OBJECTS.join(','), start_date: '2023-02-20' };
    const query = OBJECTS.map((object) => `object=${object}`).join('&');
    const page = by === 'console' ? await browser.page(`/jobs/new/preview?connection=1&start_date=2023-02-20&${query}`) : undefined;
    const token = page && formOf(page, '/console/jobs/new')!.form_token!;
    const { after } = await leave(14, (signal) => {
      if (!token) return post(`${service.url}/v1/jobs`, fields, signal);
      const form = new URLSearchParams([
        ['form_token', token],
        ['connection', '1'],
        ...OBJECTS.map((object) => ['object', object]),
      ] as string[][]);
      return fetch(`${browser.url}/console/jobs/new`, { method: 'POST', body: form, signal });
    });
    expect(after).toBe(0);
    const jobs = (await service.jobs()).map(({ object_name }) => object_name).sort();
    expect(jobs.length).toBeLessThan(OBJECTS.length);
    const { rows } = await service.database.pool.query<{ object_name: string }>(
      `DELETE FROM audit WHERE action = 'job_created' RETURNING object_name`,
    );
    expect(rows.map(({ object_name }) => object_name).sort()).toEqual(jobs);
  });

  test('and are no failures of the service', () => {
    expect(service.logged.filter((line) => line.includes('request_failed'))).toEqual([]);
  });
});
