import { afterEach, describe, expect, test } from '@jest/globals';
import { cancelOpenRun } from '../../../app/store/runs/end-run.ts';
import { mergeJobId } from '../../../app/sync/names.ts';
import { type GatewayService, startGatewayService } from '../../support/gateway.ts';
import type { JobView, TestServiceOptions } from '../../support/service.ts';

/** Each rule that keeps a window complete and correct, broken on purpose. */
let service: GatewayService;

afterEach(() => service[Symbol.asyncDispose]());

async function start(object = 'Account', startDate = '2023-03-01', options: TestServiceOptions = {}): Promise<void> {
  service = await startGatewayService({ salesforce: { rows: { Account: 10, Everything__c: 0 } }, ...options });
  const user_id = await service.connect();
  await service.call('create_importing_job', { user_id, object_name: object, start_date: startDate });
}

const isQuery = (soql: string): boolean => soql.startsWith('SELECT Id, ');
const job = async (): Promise<JobView> => (await service.jobs())[0]!;

async function bigQueryFault(fault: object): Promise<void> {
  await fetch(`${service.bigquery.url}/emulator/faults`, { method: 'POST', body: JSON.stringify(fault) });
}

/** The SQL of the MERGEs so far, by their try number. */
async function merges(): Promise<Record<string, string>> {
  const [jobs] = await service.client.getJobs({ allUsers: true });
  const found = jobs.filter(({ id }) => id!.includes('_merge_'));
  const sql = (metadata: unknown): string => (metadata as { configuration: { query: { query: string } } }).configuration.query.query;
  return Object.fromEntries(found.map(({ id, metadata }) => [id!.split('_merge_')[1]!, sql(metadata)]));
}

async function insertOnly(): Promise<unknown[]> {
  const { rows } = await service.database.pool.query('SELECT insert_only FROM runs ORDER BY created_at');
  return rows.map(({ insert_only }) => insert_only);
}

describe('a window', () => {
  test('is not read before its lag has passed', async () => {
    await start();
    service.salesforce.clock.set(new Date('2023-03-20T00:02:00Z'));
    service.instance.calls.length = 0;
    await service.call('handle_importing_job');
    const { rows } = await service.database.pool.query(
      'SELECT state, attempt, extract(epoch FROM run_at - created_at)::int AS seconds FROM runs',
    );
    expect(rows).toEqual([{ state: 'queued', attempt: 0, seconds: 180 }]);
    expect(service.instance.calls.filter(({ soql }) => isQuery(soql))).toEqual([]);
  });

  test('reaches back for a row that was committed after the previous window was read', async () => {
    await start();
    await service.tickAt('2023-03-20T00:10:00Z');
    const stamp = '2023-03-19T23:51:00.000Z';
    const id = service.salesforce.org.insert('Account', { Name: 'Late', CreatedDate: stamp, SystemModstamp: stamp });
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await service.rows(`SELECT Name FROM salesforce.Account WHERE Id = '${id}'`)).toEqual([{ Name: 'Late' }]);
  });

  test('fails if a row cannot be ordered', async () => {
    await start();
    service.instance.handler = async (call, pass) => {
      const reply = await pass();
      return isQuery(call.soql) ? { ...reply, body: reply.body.replace(/"SystemModstamp":"[^"]*"/, '"SystemModstamp":"unknown"') } : reply;
    };
    await service.tickAt('2023-03-20T00:10:00Z');
    expect(await job()).toMatchObject({ last_date: '2023-03-01', run: { state: 'failed', error: { code: 'count_mismatch' } } });
    expect((await job()).run!.error!.message).toContain('1 rows have no usable Id or cursor');
  });

  test('fails if its MERGE changes more rows than it read', async () => {
    await start();
    await service.tickAt('2023-03-20T00:10:00Z');
    const [first] = await service.rows('SELECT Id FROM salesforce.Account WHERE NOT IsDeleted ORDER BY Id LIMIT 1');
    await service.rows(`INSERT INTO salesforce.Account (Id) VALUES ('${first!.Id}')`);
    service.salesforce.clock.set(new Date('2023-03-20T10:00:00Z'));
    service.salesforce.org.update('Account', String(first!.Id), { Name: 'Edited' });
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await job()).toMatchObject({ last_date: '2023-03-20', run: { state: 'failed', error: { code: 'count_mismatch' } } });
    expect((await job()).run!.error!.message).toContain('the target table contains duplicate Ids');
  });

  test('waits for the MERGE that a cancelled run left behind', async () => {
    await start('Account', '2023-03-01', { limits: { bigqueryJobMs: 2_000 } });
    await bigQueryFault({ kind: 'job-stuck', match: '_merge_1' });
    service.salesforce.clock.set(new Date('2023-03-20T00:10:00Z'));
    await service.call('handle_importing_job');
    while (Object.keys(await merges()).length === 0);
    const { pool } = service.database;
    const { rows } = await pool.query<{ statement: string; run_id: string }>('SELECT statement, run_id FROM table_writes');
    await service.stopWorker();
    await cancelOpenRun(pool, rows[0]!.run_id, { code: 'cancelled', message: 'Cancelled.' });
    service.startWorker();
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await job()).toMatchObject({ last_date: '2023-03-21', run: { state: 'succeeded' } });
    const [{ statistics }] = await service.client.job(rows[0]!.statement).getMetadata();
    const [{ statistics: next }] = await service.client.job(mergeJobId((await job()).run!.id, 1)).getMetadata();
    expect(Number(next.creationTime)).toBeGreaterThanOrEqual(Number(statistics.endTime));
    expect((await pool.query('SELECT FROM table_writes')).rowCount).toBe(0);
  });
});

describe('a MERGE only inserts', () => {
  const edit = async (day: string, change: () => void): Promise<void> => {
    service.salesforce.clock.set(new Date(`${day}T12:00:00Z`));
    change();
  };

  test('in the run that created the table, not in the first one that has rows', async () => {
    await start('Everything__c', '2023-02-01', { salesforce: { now: '2023-02-01T00:10:00Z', rows: { Everything__c: 0 } } });
    await service.tickAt('2023-02-02T00:10:00Z');
    await edit('2023-02-02', () => service.salesforce.org.insert('Everything__c', { Text__c: 'first' }));
    await service.tickAt('2023-02-03T00:10:00Z');
    expect(await insertOnly()).toEqual([true, false]);
    expect((await merges())['1']).toContain('WHEN MATCHED');
  });

  test('not into a table that has rows, even if the job does not know the table yet', async () => {
    await start();
    await service.tickAt('2023-03-20T00:10:00Z');
    await service.database.pool.query('UPDATE jobs SET target_created_at = NULL');
    const [first] = await service.rows('SELECT Id FROM salesforce.Account WHERE NOT IsDeleted ORDER BY Id LIMIT 1');
    await edit('2023-03-20', () => service.salesforce.org.update('Account', String(first!.Id), { Name: 'Edited' }));
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await insertOnly()).toEqual([true, false]);
    expect(await service.rows(`SELECT Name FROM salesforce.Account WHERE Id = '${first!.Id}'`)).toEqual([{ Name: 'Edited' }]);
  });

  test('in its first try', async () => {
    await start();
    await bigQueryFault({ kind: 'job-failed', match: '_merge_1' });
    await service.tickAt('2023-03-20T00:10:00Z');
    expect(await job()).toMatchObject({ last_date: '2023-03-20', run: { state: 'succeeded' } });
    const sql = await merges();
    expect([sql['1'], sql['2']]).toEqual([expect.not.stringContaining('WHEN MATCHED'), expect.stringContaining('WHEN MATCHED')]);
  });
});
