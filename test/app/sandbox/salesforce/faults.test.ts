import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Fault } from '../../../../app/sandbox/salesforce/faults.ts';
import { type Connected, connect, createJob, finish, grant } from './connect.ts';

let connected: Connected;

beforeEach(async () => {
  connected = await connect();
});
afterEach(() => connected.sandbox.close());

const arm = (fault: Partial<Fault>): Promise<Response> =>
  fetch(`${connected.sandbox.instanceUrl}/sandbox/faults`, { method: 'POST', body: JSON.stringify(fault) });

/** The address of a complete job's results. */
async function results(): Promise<string> {
  const { id } = await createJob(connected, 'SELECT Id, Name FROM Account');
  await finish(connected, id);
  return `/services/data/v66.0/jobs/query/${id}/results`;
}

describe('a fault on demand', () => {
  test('answers HTML from the edge, on the path and as often as asked', async () => {
    await arm({ kind: 'http', status: 502, body: '<html>Bad Gateway</html>', times: 2, match: { path: '/limits' } });
    const limits = () => connected.ask('/services/data/v66.0/limits');
    expect((await connected.ask('/services/data')).status).toBe(200);
    const first = await limits();
    expect([first.status, first.headers.get('Content-Type'), await first.text()]).toEqual([
      502,
      'text/html; charset=UTF-8',
      '<html>Bad Gateway</html>',
    ]);
    expect((await limits()).status).toBe(502);
    expect((await limits()).status).toBe(200);
  });

  test('reaches the login host too', async () => {
    await arm({ kind: 'http', match: { path: '/services/oauth2/token', method: 'POST' } });
    await expect(grant(connected.sandbox, connected.oauth2)).rejects.toThrow();
    await expect(grant(connected.sandbox, connected.oauth2)).resolves.toHaveProperty('access_token');
  });

  test('sends headers, such as a time to wait', async () => {
    await arm({ kind: 'http', status: 429, headers: { 'Retry-After': '7' } });
    expect((await connected.ask('/services/data')).headers.get('Retry-After')).toBe('7');
  });

  test.each(['identity', 'gzip'])('breaks the connection in the middle of a page (%s)', async (encoding) => {
    const path = await results();
    await arm({ kind: 'cut-page', afterBytes: 300, match: { object: 'Account' } });
    const cut = await connected.ask(path, { headers: { 'Accept-Encoding': encoding } });
    expect(cut.status).toBe(200);
    await expect(cut.text()).rejects.toThrow();
    await expect((await connected.ask(path)).text()).resolves.toMatch(/\n$/);
  });

  test('stalls a page and leaves the connection open', async () => {
    const path = await results();
    await arm({ kind: 'stall-page', afterBytes: 20 });
    const reply = await connected.ask(path, { headers: { 'Accept-Encoding': 'identity' } });
    const reader = reply.body?.getReader();
    expect((await reader?.read())?.value).toHaveLength(20);
    await connected.sandbox.close();
    await expect(reader?.read()).rejects.toThrow();
  });

  test('leaves the locator out', async () => {
    const path = await results();
    await arm({ kind: 'missing-locator' });
    expect((await connected.ask(path)).headers.has('Sforce-Locator')).toBe(false);
    expect((await connected.ask(path)).headers.get('Sforce-Locator')).toBe('null');
  });

  test('miscounts the rows of a page', async () => {
    const path = await results();
    const right = Number((await connected.ask(path)).headers.get('Sforce-NumberOfRecords'));
    await arm({ kind: 'wrong-count', by: -2 });
    expect((await connected.ask(path)).headers.get('Sforce-NumberOfRecords')).toBe(String(right - 2));
  });

  test('ends the session in the middle of a download', async () => {
    const path = await results();
    await arm({ kind: '401-mid-download' });
    expect((await connected.ask(path)).status).toBe(401);
    expect((await connected.ask(path)).status).toBe(401);
    const { access_token: token } = await connected.oauth2.refreshToken(connected.tokens.refresh_token);
    expect((await connected.ask(path, { headers: { Authorization: `Bearer ${token}` } })).status).toBe(200);
  });

  test('fails a job, with and without a message', async () => {
    await arm({ kind: 'job-failed', errorMessage: 'QUERY_TIMEOUT: Your query request was running for too long.' });
    await arm({ kind: 'job-failed' });
    const run = async () => finish(connected, (await createJob(connected, 'SELECT Id FROM Account')).id);
    expect(await run()).toMatchObject({ state: 'Failed', errorMessage: expect.stringContaining('QUERY_TIMEOUT') });
    const second = await run();
    expect(second.state).toBe('Failed');
    expect(second).not.toHaveProperty('errorMessage');
    expect((await run()).state).toBe('JobComplete');
  });

  test('loses a job', async () => {
    const path = await results();
    await arm({ kind: 'job-vanished' });
    expect((await connected.ask(path)).status).toBe(404);
    expect((await connected.ask(path)).status).toBe(404);
  });

  test('can be listed and cleared; an unknown one is refused by name', async () => {
    await arm({ kind: 'job-stuck', times: 3 });
    const faults = `${connected.sandbox.instanceUrl}/sandbox/faults`;
    expect(await (await fetch(faults)).json()).toEqual([{ kind: 'job-stuck', times: 3, match: {} }]);
    await fetch(faults, { method: 'DELETE' });
    expect(await (await fetch(faults)).json()).toEqual([]);
    const refused = await arm({ kind: 'earthquake' as Fault['kind'] });
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('There is no fault earthquake')]);
  });
});
