import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startService, type TestService } from '../../support/service.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** Windows of few rows, after the first one, which creates the table. */
let service: TestService;
let user_id: string;

beforeEach(async () => {
  service = await startService();
  user_id = await service.connect();
});
afterEach(() => service[Symbol.asyncDispose]());

async function importFirst(fields: Record<string, string>): Promise<void> {
  await service.call('create_importing_job', { user_id, start_date: '2023-03-01', ...fields });
  await service.tickAt('2023-03-10T00:10:00Z');
}

/** The steps of the latest run for which it started BigQuery jobs, such as `merge`. */
async function steps(): Promise<string[]> {
  const run = (await service.jobs())[0]!.run!;
  const [jobs] = await service.client.getJobs({ maxResults: 1_000 });
  const prefix = `sync_${run.id.replaceAll('-', '')}_`;
  return jobs
    .map(({ id }) => id!.replace(/^.*[:.]/, ''))
    .filter((id) => id.startsWith(prefix))
    .map((id) => id.slice(prefix.length).replace(/_.*/, ''))
    .sort();
}

test('is loaded and merged by two BigQuery jobs', async () => {
  await importFirst({ object_name: 'Account' });
  await service.tickAt('2023-03-20T00:10:00Z');
  expect(await steps()).toEqual(['load', 'merge']);
  expect((await service.jobs())[0]!.run!.receipt).toMatchObject({ verdict: 'exact', invalid_values: {} });
  await expectWholeTable(service);
});

test('is merged by the next worker as it was staged by the one before', async () => {
  await importFirst({ object_name: 'Account' });
  const unavailable = { kind: 'job-failed', match: '_merge_', times: 1_000 };
  await fetch(`${service.bigquery.url}/emulator/faults`, { method: 'POST', body: JSON.stringify(unavailable) });
  service.salesforce.clock.set(new Date('2023-03-20T00:10:00Z'));
  await service.call('handle_importing_job', { wait: '3' });
  await service.stopWorker();
  await fetch(`${service.bigquery.url}/emulator/faults`, { method: 'DELETE' });
  service.startWorker();
  await service.tickAt('2023-03-20T00:20:00Z');
  expect(new Set(await steps())).toEqual(new Set(['load', 'merge']));
  await expectWholeTable(service);
});

describe('needs a delta table', () => {
  const LONG = ['bad', 'count', 'delta', 'load', 'merge'];

  test('if a value may be invalid', async () => {
    await importFirst({ object_name: 'Opportunity' });
    const id = service.salesforce.org.insert('Opportunity', { Name: 'far', StageName: 'Closed', CloseDate: '12023-05-05' });
    await service.tickAt('2023-03-20T00:10:00Z');
    expect(await steps()).toEqual(LONG);
    expect(await service.rows(`SELECT Name, CloseDate FROM salesforce.Opportunity WHERE Id = '${id}'`)).toEqual([
      { Name: 'far', CloseDate: null },
    ]);
    expect(await service.rows('SELECT value FROM salesforce._invalid_values')).toEqual([{ value: '12023-05-05' }]);
  });

  test('if the values of deleted rows must be erased', async () => {
    await importFirst({ object_name: 'Account', deletes: 'remove' });
    service.salesforce.org.remove('Account', service.salesforce.org.insert('Account', { Name: 'Acme' }));
    await service.tickAt('2023-03-20T00:10:00Z');
    expect(await steps()).toEqual(LONG.slice(1));
    expect((await service.jobs())[0]!.run!.receipt!.deleted).toBeGreaterThan(0);
  });
});
