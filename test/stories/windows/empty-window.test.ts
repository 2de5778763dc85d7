import { afterEach, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { syncRun } from '../../../app/sync/sync-run.ts';
import { claimRun } from '../../support/claim-run.ts';
import { requestsDuring } from '../../support/requests.ts';
import { startService, type TestService } from '../../support/service.ts';

/** Most windows have no rows. What they cost the job store limits how many a deployment can import. */
let service: TestService;

/** A job whose first window, without rows, has been imported, and no worker. */
beforeEach(async () => {
  service = await startService({ salesforce: { now: '2023-02-01T00:10:00Z', rows: { Everything__c: 0 } } });
  const user_id = await service.connect();
  await service.call('create_importing_job', { user_id, object_name: 'Everything__c', start_date: '2023-02-01' });
  await service.tickAt('2023-02-02T00:10:00Z');
  await service.stopWorker();
  service.salesforce.clock.set(new Date('2023-02-03T00:10:00Z'));
  await service.call('handle_importing_job');
});
afterEach(() => service[Symbol.asyncDispose]());

/** The statements meanwhile, except the call counts, which a timer writes. */
async function statementsDuring(during: () => Promise<unknown>): Promise<string[]> {
  const { query } = pg.Client.prototype;
  const statements: string[] = [];
  pg.Client.prototype.query = function (this: pg.Client, ...parameters: unknown[]) {
    const [first] = parameters;
    const sql = typeof first === 'string' ? first : (first as { text: string }).text;
    if (!sql.includes('INSERT INTO org_calls')) statements.push(sql);
    return (query as (...parameters: unknown[]) => unknown).apply(this, parameters);
  } as typeof query;
  try {
    await during();
  } finally {
    pg.Client.prototype.query = query;
  }
  return statements;
}

async function importWindow(): Promise<void> {
  const run = (await claimRun(service.context.database, 60, 1))!;
  await syncRun(service.context, run, new AbortController().signal);
}

test('costs the job store at most 26 statements, 11 of which may write', async () => {
  const statements = await statementsDuring(importWindow);
  expect(await service.jobs()).toMatchObject([{ last_date: '2023-02-03', run: { state: 'succeeded', receipt: { verdict: 'exact' } } }]);
  expect(statements.length).toBeLessThanOrEqual(26);
  expect(statements.filter((sql) => /\b(INSERT INTO|UPDATE \w+ SET|DELETE FROM) ?/.test(sql)).length).toBeLessThanOrEqual(11);
});

test('costs one call to Salesforce, and no BigQuery job', async () => {
  const requests = await requestsDuring(importWindow);
  expect(requests.filter((request) => request.includes('/services/data'))).toHaveLength(1);
  expect(requests.filter((request) => /\/jobs|\/queries/.test(request))).toEqual([]);
});
