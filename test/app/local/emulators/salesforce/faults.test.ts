import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FAULT_KINDS, type Fault } from '../../../../../app/local/emulators/salesforce/faults.ts';
import { type Connected, connect, createJob, finish, grant } from './connect.ts';

let connected: Connected;

beforeEach(async () => {
  connected = await connect();
});
afterEach(() => connected.emulator.close());

const arm = (fault: Partial<Fault>): Promise<Response> =>
  fetch(`${connected.emulator.instanceUrl}/emulator/faults`, { method: 'POST', body: JSON.stringify(fault) });

/** The path of a completed job's results. */
async function results(): Promise<string> {
  const { id } = await createJob(connected, 'SELECT Id, Name FROM Account');
  await finish(connected, id);
  return `/services/data/v66.0/jobs/query/${id}/results`;
}

describe('an armed fault', () => {
  test('returns HTML on the given path, the given number of times', async () => {
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

  test('applies to the login host too', async () => {
    await arm({ kind: 'http', match: { path: '/services/oauth2/token', method: 'POST' } });
    await expect(grant(connected.emulator, connected.oauth2)).rejects.toThrow();
    await expect(grant(connected.emulator, connected.oauth2)).resolves.toHaveProperty('access_token');
  });

  test('sends headers such as Retry-After', async () => {
    await arm({ kind: 'http', status: 429, headers: { 'Retry-After': '7' } });
    expect((await connected.ask('/services/data')).headers.get('Retry-After')).toBe('7');
  });

  test.each(['identity', 'gzip'])('drops the connection in the middle of a page (%s)', async (encoding) => {
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
    await connected.emulator.close();
    await expect(reader?.read()).rejects.toThrow();
  });

  test('omits the locator', async () => {
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

  test.each([false, true])('ends the session during a download until it is refreshed (rotation %s)', async (rotateRefreshTokens) => {
    await connected.emulator.close();
    connected = await connect({ rotateRefreshTokens });
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

  test('lets a job run until it is aborted', async () => {
    await arm({ kind: 'job-stuck' });
    const { id } = await createJob(connected, 'SELECT Id FROM Account');
    const path = `/services/data/v66.0/jobs/query/${id}`;
    const state = async () => ((await (await connected.ask(path)).json()) as { state: string }).state;
    await setTimeout(30);
    expect(await state()).toBe('InProgress');
    await connected.ask(path, { method: 'PATCH', body: '{"state":"Aborted"}', headers: { 'Content-Type': 'application/json' } });
    expect(await state()).toBe('Aborted');
  });

  test('makes a job disappear', async () => {
    const path = await results();
    await arm({ kind: 'job-vanished' });
    expect((await connected.ask(path)).status).toBe(404);
    expect((await connected.ask(path)).status).toBe(404);
  });

  test.each([420, 429, 502, 503])('returns HTML and %d with Retry-After', async (status) => {
    await arm({ kind: 'http', status, headers: { 'Retry-After': '2' } });
    const reply = await connected.ask('/services/data/v66.0/limits');
    expect([reply.status, reply.headers.get('Retry-After'), await reply.text()]).toEqual([status, '2', expect.stringContaining('<html>')]);
  });

  test('sends a page slowly but completely', async () => {
    const path = await results();
    const complete = await (await connected.ask(path)).text();
    await arm({ kind: 'slow-page', afterBytes: Math.ceil(complete.length / 5), everyMs: 20 });
    const started = performance.now();
    expect(await (await connected.ask(path, { headers: { 'Accept-Encoding': 'identity' } })).text()).toBe(complete);
    expect(performance.now() - started).toBeGreaterThan(70);
  });

  test('drops the connection in the middle of any response', async () => {
    await arm({ kind: 'cut-body', afterBytes: 10, match: { path: '/describe' } });
    const path = '/services/data/v66.0/sobjects/Account/describe';
    const cut = await connected.ask(path);
    expect(cut.status).toBe(200);
    await expect(cut.text()).rejects.toThrow();
    expect(await (await connected.ask(path)).json()).toHaveProperty('fields');
  });

  test('never responds', async () => {
    await arm({ kind: 'stall', match: { path: '/limits' } });
    await expect(connected.ask('/services/data/v66.0/limits', { signal: AbortSignal.timeout(50) })).rejects.toThrow();
    expect((await connected.ask('/services/data/v66.0/limits')).status).toBe(200);
  });

  test('ignores the request for compression', async () => {
    const path = await results();
    const headers = { 'Accept-Encoding': 'gzip' };
    for (const address of [path, '/services/data/v66.0/sobjects/Account/describe']) {
      await arm({ kind: 'not-compressed' });
      const encodings = [await connected.ask(address, { headers }), await connected.ask(address, { headers })].map((reply) =>
        reply.headers.get('Content-Encoding'),
      );
      expect(encodings).toEqual([null, 'gzip']);
    }
  });

  test.each([
    ['quota', 'TotalRequests Limit exceeded.'],
    ['concurrent-requests', 'ConcurrentRequests (Concurrent API Requests) Limit exceeded.'],
  ] as const)('refuses a call with 403: %s', async (kind, message) => {
    connected.emulator.faults.arm({ kind });
    const reply = await connected.ask('/services/data/v66.0/limits');
    expect([reply.status, await reply.json()]).toEqual([403, [{ message, errorCode: 'REQUEST_LIMIT_EXCEEDED' }]]);
    expect(reply.headers.has('Sforce-Limit-Info')).toBe(true);
    expect((await connected.ask('/services/data/v66.0/limits')).status).toBe(200);
  });

  test('times out counts above a number of rows while it is armed', async () => {
    await arm({ kind: 'count-timeout', rows: 20 });
    const count = (soql: string) => connected.connection.query(soql);
    for (const aggregate of ['COUNT()', 'MIN(CreatedDate)', 'COUNT(Id)'])
      await expect(count(`SELECT ${aggregate} FROM Account`)).rejects.toMatchObject({ errorCode: 'QUERY_TIMEOUT' });
    expect((await count('SELECT COUNT() FROM TaskStatus')).totalSize).toBe(3);
    expect((await count('SELECT Id FROM Account')).totalSize).toBeGreaterThan(20);
  });

  test('times out jobs above a number of rows while it is armed', async () => {
    await arm({ kind: 'query-timeout', rows: 20, match: { object: 'Account' } });
    const run = async (soql: string) => finish(connected, (await createJob(connected, soql)).id);
    const message = 'QUERY_TIMEOUT: Your query request was running for too long.';
    expect(await run('SELECT Id FROM Account')).toMatchObject({ state: 'Failed', errorMessage: message });
    expect(await run('SELECT Name FROM Account')).toMatchObject({ state: 'Failed' });
    expect(await run('SELECT Name FROM Account LIMIT 20')).toMatchObject({ state: 'JobComplete', numberRecordsProcessed: 20 });
    expect(await run('SELECT Name FROM Contact')).toMatchObject({ state: 'JobComplete' });
  });

  test('refuses queries with too many calculated fields, by REST at once and by Bulk at the end', async () => {
    const formulas = ['A__c', 'B__c'];
    for (const field of formulas) {
      connected.emulator.org.changeField('Account', { field, change: 'add', type: 'string', facts: { calculated: true } });
    }
    await arm({ kind: 'too-complicated', calculated: 1 });
    const [both, one] = ['SELECT Id, A__c, B__c FROM Account', 'SELECT Id, Name, A__c FROM Account'];
    await expect(connected.connection.query(both)).rejects.toMatchObject({ errorCode: 'QUERY_TOO_COMPLICATED' });
    expect((await connected.connection.query(one)).totalSize).toBeGreaterThan(0);
    const run = async (soql: string) => finish(connected, (await createJob(connected, soql)).id);
    expect(await run(both)).toMatchObject({ state: 'Failed', errorMessage: expect.stringMatching(/^QUERY_TOO_COMPLICATED: /) });
    expect(await run(one)).toMatchObject({ state: 'JobComplete' });
  });

  test('retries a job, and gives up after fifteen times', async () => {
    await arm({ kind: 'job-retries', retries: 15 });
    await arm({ kind: 'job-retries' });
    const run = async () => finish(connected, (await createJob(connected, 'SELECT Id FROM Account')).id);
    expect(await run()).toMatchObject({ state: 'JobComplete', retries: 15 });
    expect(await run()).toMatchObject({ state: 'Failed', retries: 16, errorMessage: 'Retried more than fifteen times' });
  });

  test('loses the response to the creation of a job, which is created', async () => {
    await arm({ kind: 'lost-reply', match: { method: 'POST', path: '/jobs/query' } });
    await expect(createJob(connected, 'SELECT Id FROM Account')).rejects.toThrow();
    const { records } = await connected.connection.request<{ records: object[] }>('/services/data/v66.0/jobs/query?jobType=V2Query');
    expect(records).toHaveLength(1);
  });

  test.each([false, true])('loses the response to a refresh, which ends the grant with rotation (%s)', async (rotateRefreshTokens) => {
    await connected.emulator.close();
    connected = await connect({ rotateRefreshTokens });
    const { oauth2, tokens } = connected;
    await arm({ kind: 'lost-reply', match: { path: '/services/oauth2/token' } });
    await expect(oauth2.refreshToken(tokens.refresh_token)).rejects.toThrow();
    const again = oauth2.refreshToken(tokens.refresh_token);
    if (rotateRefreshTokens) await expect(again).rejects.toMatchObject({ name: 'invalid_grant' });
    else expect(await again).toHaveProperty('access_token');
  });

  test('can be listed and cleared; an unknown kind is refused by name', async () => {
    await arm({ kind: 'job-stuck', times: 3 });
    const faults = `${connected.emulator.instanceUrl}/emulator/faults`;
    expect(await (await fetch(faults)).json()).toEqual([{ kind: 'job-stuck', times: 3, match: {} }]);
    await fetch(faults, { method: 'DELETE' });
    expect(await (await fetch(faults)).json()).toEqual([]);
    const refused = await arm({ kind: 'earthquake' as Fault['kind'] });
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('Unknown fault earthquake')]);
  });
});

test('the README documents every fault', async () => {
  const readme = await readFile('app/local/emulators/README.md', 'utf8');
  for (const kind of FAULT_KINDS) expect(readme).toContain(`\`${kind}\``);
});
