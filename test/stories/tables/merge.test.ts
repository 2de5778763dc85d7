import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let userId: string;

beforeEach(async () => {
  service = await startService();
  userId = await service.connect();
});
afterEach(() => service[Symbol.asyncDispose]());

const create = (fields: Record<string, string>): Promise<unknown> =>
  service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01', ...fields });

/** An account that is imported by the first tick, and deleted before the second. */
async function importAndDelete(): Promise<string> {
  service.salesforce.clock.set(new Date('2023-03-05T10:00:00Z'));
  const id = service.salesforce.org.insert('Account', { Name: 'Acme', Industry: 'Energy' });
  await service.tickAt('2023-03-20T00:10:00Z');
  service.salesforce.clock.set(new Date('2023-03-20T10:00:00Z'));
  service.salesforce.org.remove('Account', id);
  await service.tickAt('2023-03-21T00:10:00Z');
  return id;
}

const row = (id: string): Promise<Record<string, unknown>[]> =>
  service.rows(`SELECT Name, Industry, IsDeleted, _deleted_at IS NOT NULL AS deleted FROM salesforce.Account WHERE Id = '${id}'`);

describe('a row that is deleted in Salesforce', () => {
  test('is kept by default, with its values', async () => {
    await create({});
    expect(await row(await importAndDelete())).toEqual([{ Name: 'Acme', Industry: 'Energy', IsDeleted: true, deleted: true }]);
  });

  test('keeps only its Id with deletes=blank', async () => {
    await create({ deletes: 'blank' });
    expect(await row(await importAndDelete())).toEqual([{ Name: null, Industry: null, IsDeleted: true, deleted: true }]);
  });

  test('is removed with deletes=remove, even if first seen deleted', async () => {
    await create({ deletes: 'remove' });
    expect(await row(await importAndDelete())).toEqual([]);
    expect(await service.rows('SELECT Id FROM salesforce.Account WHERE IsDeleted')).toEqual([]);
    expect((await service.jobs())[0]!.run!.receipt!.deleted).toBeGreaterThan(0);
  });

  test('refuses an unknown value of deletes, and a later change', async () => {
    expect(await create({ deletes: 'forget' })).toMatchObject({ status: 400, code: 'invalid_request' });
    await create({});
    expect(await create({ deletes: 'remove' })).toMatchObject({ status: 409, code: 'conflict' });
  });
});

describe('a table that is partitioned by month', () => {
  test('has the same rows, and its MERGE names the affected months', async () => {
    await create({});
    await service.database.pool.query('UPDATE jobs SET partitioned = true');
    const id = await importAndDelete();
    expect(await row(id)).toHaveLength(1);
    const [metadata] = await service.client.dataset('salesforce').table('Account').getMetadata();
    expect(metadata).toMatchObject({ timePartitioning: { type: 'MONTH', field: 'CreatedDate' }, clustering: { fields: ['Id'] } });
    const ids = await service.rows('SELECT Id FROM salesforce.Account');
    expect(new Set(ids.map((found) => found.Id)).size).toBe(ids.length);
    const [jobs] = await service.client.getJobs({ allUsers: true });
    const merges = jobs.filter((job) => job.id!.includes('_merge_'));
    const sql = merges.map((job) => String((job.metadata as { configuration: { query: { query: string } } }).configuration.query.query));
    for (const statement of sql) expect(statement).toMatch(/target\.`CreatedDate` >= TIMESTAMP '\d{4}-\d\d-01/);
  });
});

test('only the first MERGE of a job is insert-only', async () => {
  await create({});
  await importAndDelete();
  const { rows } = await service.database.pool.query('SELECT insert_only, receipt FROM runs ORDER BY created_at');
  expect(rows.map((run) => run.insert_only)).toEqual([true, false]);
  expect(rows[0]!.receipt).toMatchObject({ updated: 0 });
  expect(rows[1]!.receipt.updated).toBeGreaterThan(0);
});
