import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type Call, type GatewayService, type Reply, startGatewayService } from '../../support/gateway.ts';
import type { JobView } from '../../support/service.ts';

/** An org that lives at another address now, and hosts that point elsewhere. */
let service: GatewayService;

afterEach(() => service[Symbol.asyncDispose]());

async function start(): Promise<void> {
  service = await startGatewayService();
  const user_id = await service.connect();
  await service.call('create_importing_job', { user_id, object_name: 'Account', start_date: '2023-03-01' });
}

const redirectTo = (location: string, status = 302): Reply => ({ status, headers: { location }, body: '' });
const web = (status: number): Reply => ({
  status,
  headers: { 'content-type': 'text/html; charset=UTF-8' },
  body: '<html><body>This address is no longer in use.</body></html>',
});

/** Ticks without waiting, until the job's run has an error. */
async function tickUntilError(): Promise<JobView> {
  service.salesforce.clock.set(new Date('2023-03-11T00:10:00Z'));
  await service.call('handle_importing_job');
  for (;;) {
    const [job] = await service.jobs();
    if (job?.run?.error) return job;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const renewals = (): number => service.login.calls.filter(({ body }) => body.includes('grant_type=refresh_token')).length;
const expireSessions = async (): Promise<unknown> =>
  await fetch(`${service.salesforce.instanceUrl}/emulator/sessions/expire`, { method: 'POST' });

describe('an org whose old address', () => {
  test.each<[string, (to: string, call: Call) => Reply]>([
    ['redirects', (to, { url }) => redirectTo(to + url)],
    ['answers with a web page', () => web(404)],
    ['answers 200 with a web page', () => web(200)],
    [
      'closes every connection',
      () => {
        throw new Error('closed');
      },
    ],
  ])('%s is found at its new address by one renewal', async (_how, old) => {
    await start();
    await service.tickAt('2023-03-10T00:10:00Z');
    service.home = service.salesforce.instanceUrl;
    service.instance.handler = (call) => old(service.home, call);
    const before = renewals();
    await service.tickAt('2023-03-11T00:10:00Z');
    expect(await service.jobs()).toMatchObject([{ last_date: '2023-03-11', run: { state: 'succeeded', failures: 0 } }]);
    expect(renewals() - before).toBe(1);
  });

  test('shows a maintenance page asks the login host only once', async () => {
    await start();
    let answers = 0;
    const maintained = new Promise<void>((resolve) => {
      service.instance.handler = (_call, pass) => {
        if (++answers <= 4) return web(503);
        resolve();
        return pass();
      };
    });
    const before = renewals();
    await service.tickAt('2023-03-11T00:10:00Z');
    await maintained;
    expect(await service.jobs()).toMatchObject([{ last_date: '2023-03-11', run: { state: 'succeeded' } }]);
    expect(service.logged.join('')).toContain('a web page was returned instead of a Salesforce API response (HTTP 503)');
    expect(renewals() - before).toBe(1);
  });

  test('moved to a host outside Salesforce is not called there', async () => {
    await start();
    service.home = 'https://salesforce.com.example.org';
    service.instance.handler = () => web(404);
    const job = await tickUntilError();
    expect(job.run!.error!.message).toMatch(/salesforce\.com\.example\.org, which is not a Salesforce host/);
  });
});

test.each(['https://salesforce.com.example.org', 'http://acme.my.salesforce.com', 'https://acme.my.salesforce.com@example.org'])(
  'a login that leads to %s is refused, and its tokens are not stored',
  async (home) => {
    service = await startGatewayService();
    service.home = home;
    expect(await service.connect()).toMatch(
      /"login_refused".*which is not a Salesforce host, so the grant was not stored\. Check SALESFORCE_LOGIN_URL/,
    );
    expect((await service.database.pool.query('SELECT 1 FROM connections')).rowCount).toBe(0);
  },
);

describe('a redirect', () => {
  test('of the instance is never followed with the token', async () => {
    await start();
    const other = await elsewhere();
    service.instance.handler = ({ url }) => redirectTo(other.url + url);
    const { rows } = await service.database.pool.query<{ url: string }>('SELECT identity_url AS url FROM connections');
    const answer = await service.call('create_importing_job', { user_id: rows[0]!.url, object_name: 'Contact', start_date: '2023-03-01' });
    expect(answer).toMatchObject({ status: 503, code: 'salesforce_unavailable' });
    expect(answer.text).toContain('redirects to localhost');
    expect(other.received).toEqual([]);
    other.server.close();
  });

  test.each([302, 307, 308])('of the token endpoint by %i is never followed, and the error names the setting', async (status) => {
    await start();
    const other = await elsewhere();
    service.login.handler = ({ url }) => redirectTo(other.url + url, status);
    await expireSessions();
    const job = await tickUntilError();
    expect(job.run!.error!.message).toMatch(/redirects to localhost:\d+.*SALESFORCE_LOGIN_URL.*SALESFORCE_APPS/);
    expect(job.needs_login).toBe(false);
    expect(other.received).toEqual([]);
    other.server.close();
  });
});

test('a session refused right after its renewal is reported after one renewal', async () => {
  await start();
  service.instance.handler = () => ({
    status: 401,
    headers: { 'content-type': 'application/json' },
    body: '[{"errorCode":"INVALID_SESSION_ID","message":"This session is not valid for use with the REST API"}]',
  });
  const before = renewals();
  const job = await tickUntilError();
  expect(job.run!.error!.message).toContain('Salesforce refused the renewed access token as well');
  expect(renewals() - before).toBe(1);
});

/** Another origin, and what came there. */
async function elsewhere(): Promise<{ url: string; received: string[]; server: Server }> {
  const received: string[] = [];
  const server = createServer(async (incoming, outgoing) => {
    received.push(`${incoming.method} ${incoming.headers.authorization ?? ''} ${await buffer(incoming)}`);
    outgoing.writeHead(401).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://localhost:${(server.address() as AddressInfo).port}`, received, server };
}
