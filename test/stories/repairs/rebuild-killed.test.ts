import { expect, test } from '@jest/globals';
import { syncRun } from '../../../app/sync/sync-run.ts';
import { claimRun } from '../../support/claim-run.ts';
import { noteRequests } from '../../support/requests.ts';
import { startService, type TestService } from '../../support/service.ts';
import { dueRecords } from '../../support/whole-table.ts';

/**
 * A rebuild, and a window of a whole object, is killed at each of its last requests to Salesforce and BigQuery and at some of the earlier ones
 * (with EVERY_CALL=1, at each), and resumed. Each time the table must equal the org, having been replaced once.
 */
const STEP = process.env.EVERY_CALL === '1' ? 1 : 5;
const LAST_REQUESTS = 6;

/** The numbers of the requests at which to kill a run that makes this many. */
function killsOf(requests: number): number[] {
  return Array.from({ length: requests }, (_, index) => index + 1).filter(
    (number) => number > requests - LAST_REQUESTS || number % STEP === 0,
  );
}

async function startImported(object: string): Promise<TestService> {
  const service = await startService({ salesforce: { size: 10 } });
  await service.call('create_importing_job', { user_id: await service.connect(), object_name: object, start_date: '2023-03-01' });
  await service.tickAt('2023-03-20T00:10:00Z');
  await service.stopWorker();
  return service;
}

/** Executes the run that is due, and kills its worker at the given request. @returns the number of requests */
async function execute({ context, database }: TestService, killedAt = Number.POSITIVE_INFINITY): Promise<number> {
  await database.pool.query(`UPDATE runs SET lease_until = now() - interval '1 second' WHERE state = 'running'`);
  const run = (await claimRun(context.database, 60, 1))!;
  const killed = new AbortController();
  const during = {
    ...context,
    warehouse: context.warehouse.withSignal(killed.signal),
    salesforce: (connectionId: number) => context.salesforce(connectionId, killed.signal),
  };
  let requests = 0;
  await noteRequests(
    ({ url }) => {
      if (!/\/services\/data\/|\/bigquery\/v2\//.test(url!)) return;
      if (++requests === killedAt) killed.abort(new Error('killed'));
    },
    async () => {
      const ended = syncRun(during, run, killed.signal);
      if (killedAt === Number.POSITIVE_INFINITY) await ended;
      else await ended.catch(() => {});
    },
  );
  return requests;
}

async function requestRebuild(service: TestService): Promise<void> {
  const job = (await service.jobs())[0]!;
  expect((await fetch(`${service.url}/v1/jobs/${job.id}/rebuild`, { method: 'POST' })).status).toBe(200);
}

async function expectRebuiltOnce(service: TestService): Promise<void> {
  const rows = await service.rows('SELECT Id, Name, UNIX_MILLIS(SystemModstamp) AS stamp FROM salesforce.Account ORDER BY Id');
  const expected = dueRecords(service).sort((one, other) => (String(one.Id) < String(other.Id) ? -1 : 1));
  expect(rows.map(({ Id, Name, stamp }) => [Id, Name, Number(stamp)])).toEqual(
    expected.map((record) => [record.Id, record.Name, Date.parse(String(record.SystemModstamp))]),
  );
  const { repair, last_date } = (await service.jobs())[0]!;
  expect([repair!.state, last_date]).toEqual(['succeeded', '2023-03-20']);
  expect(repair!.receipt).toMatchObject({ rows_after: rows.length });
  expect(await countSwaps(service, repair!.id)).toBe(1);
}

async function countSwaps(service: TestService, runId: string): Promise<number> {
  const [jobs] = await service.client.getJobs({ allUsers: true });
  return jobs.filter(({ id }) => id!.startsWith(`sync_${runId.replaceAll('-', '')}_swap_`)).length;
}

test.each(['exists', 'is missing'])(
  'a rebuild killed at any request replaces a table that %s once',
  async (state) => {
    await using service = await startImported('Account');
    const damage = async (): Promise<void> => {
      if (state === 'exists') await service.rows(`UPDATE salesforce.Account SET Name = 'damaged' WHERE TRUE`);
      else await service.client.dataset('salesforce').table('Account').delete();
    };
    await damage();
    await requestRebuild(service);
    const requests = await execute(service);
    await expectRebuiltOnce(service);
    for (const killedAt of killsOf(requests)) {
      await damage();
      await requestRebuild(service);
      await execute(service, killedAt);
      if ((await service.jobs())[0]!.repair!.state === 'running') await execute(service);
      await expectRebuiltOnce(service);
    }
    expect(requests).toBeGreaterThan(20);
  },
  600_000,
);

test('a window of a whole object killed at any request replaces its table once, and then advances last_date', async () => {
  await using service = await startImported('LoginHistory');
  const { org, clock } = service.salesforce;
  let day = new Date('2023-03-20T00:10:00Z');
  /** Changes the object and executes the next day's window. @returns the number of requests of the last attempt */
  const importNextDay = async (killedAt?: number): Promise<number> => {
    org.insert('LoginHistory', { LoginTime: '2023-03-20T09:00:00Z', SourceIp: '198.51.100.1' });
    org.purge('LoginHistory', String([...org.records('LoginHistory')][0]!.Id));
    day = new Date(day.getTime() + 24 * 60 * 60 * 1000);
    clock.set(day);
    await service.call('handle_importing_job');
    let requests = await execute(service, killedAt);
    if ((await service.jobs())[0]!.run!.state === 'running') requests = await execute(service);
    const rows = await service.rows('SELECT Id FROM salesforce.LoginHistory ORDER BY Id');
    expect(rows.map(({ Id }) => Id)).toEqual([...org.records('LoginHistory')].map(({ Id }) => Id).sort());
    const { run, last_date } = (await service.jobs())[0]!;
    expect([run!.state, last_date]).toEqual(['succeeded', day.toISOString().slice(0, 10)]);
    expect(await countSwaps(service, run!.id)).toBe(1);
    return requests;
  };
  const requests = await importNextDay();
  for (const killedAt of killsOf(requests)) await importNextDay(killedAt);
  expect(requests).toBeGreaterThan(15);
}, 600_000);
