import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;

beforeAll(async () => {
  service = await startService({ worker: false });
});
afterAll(() => service[Symbol.asyncDispose]());

const tick = async (headers: Record<string, string> = {}): Promise<string> =>
  (await fetch(`${service.url}/handle_importing_job`, { headers })).headers.get('x-request-id')!;

/** The request ids of the ticks so far. */
const logged = (): unknown[] =>
  service.logged
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .flatMap(({ event, request_id }) => (event === 'tick' ? [request_id] : []));

test("a request's id is returned, and logged with each event that it causes", async () => {
  expect(await tick({ 'X-Request-Id': 'Root=1-67891233-abcdef012345678912345678' })).toBe('Root=1-67891233-abcdef012345678912345678');
  const own = await tick();
  expect(own).toMatch(/^[0-9a-f-]{36}$/);
  expect(logged()).toEqual(['Root=1-67891233-abcdef012345678912345678', own]);
});

test.each([['x'.repeat(129)], ['a b'], ['{"event":"tick"}'], ['é']])('an id that is no id, such as %s, is replaced', async (given) => {
  expect(await tick({ 'X-Request-Id': given })).toMatch(/^[0-9a-f-]{36}$/);
});

test('requests at the same time have different ids, also if they fail', async () => {
  const ids = await Promise.all(Array.from({ length: 10 }, () => tick()));
  expect(new Set(ids).size).toBe(10);
  expect(logged().slice(-10).toSorted()).toEqual(ids.toSorted());
  const missing = await fetch(`${service.url}/v1/runs/${crypto.randomUUID()}`);
  expect([missing.status, missing.headers.get('x-request-id')]).toEqual([404, expect.stringMatching(/^[0-9a-f-]{36}$/)]);
});
