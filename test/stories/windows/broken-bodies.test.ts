import { afterEach, expect, test } from '@jest/globals';
import type { Call, Handler, Reply } from '../../support/gateway.ts';
import { type GatewayService, startGatewayService } from '../../support/gateway.ts';

/** Response bodies that do not arrive whole, in any call to Salesforce. An error that nothing catches would fail these tests. */
let service: GatewayService;

afterEach(() => service[Symbol.asyncDispose]());

const BULK = { limits: { restRows: 0 } };

async function start(options: object = {}): Promise<void> {
  service = await startGatewayService({ ...options });
  await service.connect();
}

async function createJob(): Promise<void> {
  const { rows } = await service.database.pool.query<{ url: string }>('SELECT identity_url AS url FROM connections');
  const answer = await service.call('create_importing_job', { user_id: rows[0]!.url, object_name: 'Account', start_date: '2023-03-01' });
  expect(answer).toMatchObject({ status: 200, text: 'OK' });
}

/** Breaks the first reply to such a call. @returns how many were broken so far */
function breakFirst(
  which: (call: Call) => boolean,
  pass: Handler,
  broken: (reply: Reply) => Reply,
): { count: () => number; handler: Handler } {
  let count = 0;
  return {
    count: () => count,
    handler: async (call, forward) => {
      const reply = await pass(call, forward);
      if (!which(call) || count > 0) return reply;
      count++;
      return broken(reply);
    },
  };
}

const cut = (reply: Reply): Reply => ({ ...reply, cut: true });
const badGzip = (reply: Reply): Reply => ({ ...reply, headers: { ...reply.headers, 'content-encoding': 'gzip' } });
const through: Handler = (_call, pass) => pass();

const isCreate = ({ method, url }: Call): boolean => method === 'POST' && url.endsWith('/jobs/query');
const isPoll = ({ method, url }: Call): boolean => method === 'GET' && /\/jobs\/query\/\w+$/.test(url);
const isDescribe = ({ url }: Call): boolean => url.includes('/describe');
const isCount = ({ soql }: Call): boolean => soql.includes('COUNT()');
const isFirstPage = ({ soql, method }: Call): boolean => method === 'GET' && soql.startsWith('SELECT Id');

async function expectImported(): Promise<void> {
  await service.tickAt('2023-03-11T00:10:00Z');
  expect(await service.jobs()).toMatchObject([{ last_date: '2023-03-11', needs_login: false, run: { state: 'succeeded' } }]);
}

test.each<[string, (call: Call) => boolean, object]>([
  ['count', isCount, BULK],
  ['first REST page', isFirstPage, {}],
  ['new Bulk job', isCreate, BULK],
  ['look at a Bulk job', isPoll, BULK],
])('a %s whose body breaks off, or is no gzip, is requested again', async (_what, which, options) => {
  await start(options);
  await createJob();
  const breaks = [breakFirst(which, through, cut), breakFirst(which, through, badGzip)] as const;
  service.instance.handler = breaks[0].handler;
  await expectImported();
  expect(breaks[0].count()).toBe(1);
  service.instance.handler = breaks[1].handler;
  await service.tickAt('2023-03-12T00:10:00Z');
  expect(breaks[1].count()).toBe(1);
  expect(await service.jobs()).toMatchObject([{ last_date: '2023-03-12', run: { state: 'succeeded' } }]);
});

test.each([
  ['breaks off', cut],
  ['is no gzip', badGzip],
])('a describe whose body %s is requested again', async (_how, broken) => {
  await start();
  const first = breakFirst(isDescribe, through, broken);
  service.instance.handler = first.handler;
  await createJob();
  expect(first.count()).toBe(1);
  await expectImported();
});

test.each([
  ['breaks off', cut],
  ['is no gzip', badGzip],
])('a token reply whose body %s is requested again', async (_how, broken) => {
  await start();
  await createJob();
  const first = breakFirst(({ url }) => url.startsWith('/services/oauth2/token'), service.passLogin, broken);
  service.login.handler = first.handler;
  await fetch(`${service.salesforce.instanceUrl}/emulator/sessions/expire`, { method: 'POST' });
  await expectImported();
  expect(first.count()).toBe(1);
});
