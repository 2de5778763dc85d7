import { afterEach, describe, expect, test } from '@jest/globals';
import type { Limits } from '../../../app/core/connections/limits.ts';
import { type GatewayService, type Reply, startGatewayService } from '../../support/gateway.ts';

/** Result pages that do not make up the result, though each looks right by itself. */
let service: GatewayService;

afterEach(() => service[Symbol.asyncDispose]());

const TICK = '2023-03-20T00:10:00Z';

/** Pages of twenty rows. */
const BULK = { restRows: 10, firstPageRows: 20, pageTextBytes: 1 };

async function start(limits: Partial<Limits>): Promise<void> {
  service = await startGatewayService({ salesforce: { rows: { Task: 60 } }, limits });
  const user_id = await service.connect();
  await service.call('create_importing_job', { user_id, object_name: 'Task', start_date: 'all' });
}

const isPage = (url: string): boolean => url.includes('/results?');

/** Changes each page of a Bulk result on its way. */
function changePages(change: (reply: Reply, bulkJob: string) => Reply): void {
  service.instance.handler = async (call, pass) => {
    const reply = await pass();
    const [, bulkJob] = /\/query\/(\w+)\/results/.exec(call.url) ?? [];
    return bulkJob ? change(reply, bulkJob) : reply;
  };
}

async function expectFailure(code: string, reason: string): Promise<void> {
  const [job] = await service.jobs();
  expect(job).toMatchObject({ last_date: 'all', run: { state: 'failed', error: { code } } });
  expect(job!.run!.error!.message).toContain(reason);
}

const pagesRead = (): number => service.instance.calls.filter(({ url }) => isPage(url)).length;

describe('Bulk pages', () => {
  test('that repeat an earlier page never pass as exact', async () => {
    await start(BULK);
    const seen = new Map<string, string>();
    changePages((reply) => {
      const rows = String(reply.headers['sforce-numberofrecords']);
      if (!seen.has(rows)) seen.set(rows, reply.body);
      return { ...reply, body: seen.get(rows)! };
    });
    await service.tickAt(TICK);
    await expectFailure('ids_not_unique', 'Task');
  });

  test('that repeat an earlier page once are read again completely', async () => {
    await start(BULK);
    let [first, repeated]: [string, boolean] = ['', false];
    changePages((reply) => {
      first ||= reply.body;
      if (repeated || reply.body === first || reply.headers['sforce-numberofrecords'] !== '20') return reply;
      repeated = true;
      return { ...reply, body: first };
    });
    await service.tickAt(TICK);
    expect(repeated).toBe(true);
    expect((await service.jobs())[0]).toMatchObject({ last_date: '2023-03-20', run: { receipt: { verdict: 'exact' } } });
    const due = [...service.salesforce.org.records('Task')].filter(({ CreatedDate }) => String(CreatedDate) < '2023-03-20');
    expect(await service.rows('SELECT COUNT(DISTINCT Id) AS ids, COUNT(*) AS n FROM salesforce.Task')).toEqual([
      { ids: due.length, n: due.length },
    ]);
  });

  test('whose locator repeats are not read further', async () => {
    await start(BULK);
    const locators = new Map<string, string>();
    changePages((reply, bulkJob) => {
      const locator = locators.get(bulkJob) ?? String(reply.headers['sforce-locator']);
      locators.set(bulkJob, locator);
      return { ...reply, headers: { ...reply.headers, 'sforce-locator': locator } };
    });
    await service.tickAt(TICK);
    await expectFailure('count_mismatch', 'Salesforce returned the same page locator twice');
    expect(pagesRead()).toBeLessThanOrEqual(9);
  });

  test('with more rows than announced are not read further', async () => {
    await start(BULK);
    changePages((reply) => ({ ...reply, headers: { ...reply.headers, 'sforce-numberofrecords': '1000' } }));
    await service.tickAt(TICK);
    await expectFailure('count_mismatch', 'but its pages contain at least 1000');
    expect(pagesRead()).toBeLessThanOrEqual(3);
  });
});

test('a REST query whose locator repeats is not read further', async () => {
  await start({});
  const again = '/services/data/v66.0/query/01gAGAIN-2000';
  let page: Reply;
  service.instance.handler = async (call, pass) => {
    if (call.url === again) return page;
    const reply = await pass();
    if (!call.soql.startsWith('SELECT Id,')) return reply;
    page = { ...reply, body: JSON.stringify({ ...JSON.parse(reply.body), totalSize: 1_000, done: false, nextRecordsUrl: again }) };
    return page;
  };
  await service.tickAt(TICK);
  await expectFailure('count_mismatch', 'Salesforce returned the same page locator twice');
  expect(service.instance.calls.filter(({ url }) => url === again).length).toBeLessThanOrEqual(3);
});
