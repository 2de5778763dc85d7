import { expect, test } from '@jest/globals';
import { mergeStatement } from '../../../app/bigquery/sql/merge-statement.ts';
import { deltaJobId, deltaTable, mergeJobId } from '../../../app/sync/names.ts';
import { Worker } from '../../../app/sync/worker.ts';
import { noteRequests } from '../../support/requests.ts';
import { startService, type TestService } from '../../support/service.ts';
import { dueRecords } from '../../support/whole-table.ts';

const OBJECTS = ['Account', 'Contact', 'Opportunity'];
const DAYS = ['2023-03-20', '2023-03-21', '2023-03-25'];

async function expectComplete(service: TestService, object: string, lastDate: string): Promise<void> {
  const expected = dueRecords(service, object, lastDate);
  const rows = await service.rows(`SELECT Id, UNIX_MILLIS(SystemModstamp) AS stamp FROM salesforce.${object}`);
  expect(rows).toHaveLength(expected.length);
  const stamps = new Map(rows.map((row) => [row.Id, Number(row.stamp)]));
  expect(stamps).toEqual(new Map(expected.map((record) => [record.Id, Date.parse(String(record.SystemModstamp))])));
}

/**
 * Takes a running run from its owner after 15 requests to Salesforce and BigQuery, then after 30 more, 45 more, and so on: counted in
 * requests, so that a slow machine takes as many as a fast one, and ever rarer, so that the runs end.
 * @returns how many were taken
 */
async function steal(service: TestService, during: () => Promise<void>): Promise<number> {
  const thefts: Promise<number>[] = [];
  let [requests, gap] = [0, 15];
  const take = async (): Promise<number> => {
    const { rowCount } = await service.database.pool.query(
      `UPDATE runs SET lease_until = now() - interval '1 second'
       WHERE id = (SELECT id FROM runs WHERE state = 'running' AND lease_until > now() ORDER BY random() LIMIT 1)`,
    );
    await service.database.pool.query(`SELECT pg_notify('runs', '')`);
    return rowCount ?? 0;
  };
  await noteRequests(({ url }) => {
    if (!/\/services\/data\/|\/bigquery\/v2\//.test(url!) || ++requests < gap) return;
    [requests, gap] = [0, gap + 15];
    thefts.push(take());
  }, during);
  return (await Promise.all(thefts)).reduce((sum, taken) => sum + taken, 0);
}

test('neither loses nor duplicates a row while workers keep taking runs from each other', async () => {
  const limits = { restRows: 0, firstPageRows: 10, pageTextBytes: 5_000 };
  await using service = await startService({ worker: false, limits, env: { WORKERS: '3', RUNS_PER_CONNECTION: '6' } });
  const userId = await service.connect();
  for (const object of OBJECTS) {
    await service.call('create_importing_job', { user_id: userId, object_name: object, start_date: '2023-03-01' });
  }
  const workers = [1, 2, 3].map(() => new Worker(service.context));
  for (const worker of workers) worker.start();
  const stolen = await steal(service, async () => {
    for (const day of DAYS) {
      while ((await service.jobs()).some((job) => job.last_date !== day)) await service.tickAt(`${day}T00:10:00Z`);
    }
  });
  expect(stolen).toBeGreaterThan(3);
  await Promise.all(workers.map((worker) => worker.stop()));
  for (const object of OBJECTS) await expectComplete(service, object, DAYS.at(-1)!);
  // A new owner adopts the jobs of the previous one.
  const [jobs] = await service.client.getJobs({ allUsers: true });
  const { rows: runs } = await service.database.pool.query<{ id: string; merge_try: number }>(
    `SELECT id, merge_try FROM runs WHERE state = 'succeeded' AND (receipt->>'staged')::int > 0`,
  );
  for (const run of runs) {
    const merges = jobs.filter((job) => job.id!.startsWith(`sync_${run.id.replaceAll('-', '')}_merge_`));
    expect(merges).toHaveLength(run.merge_try);
  }
});

test('a late MERGE of an earlier run does not overwrite newer rows', async () => {
  await using service = await startService();
  const userId = await service.connect();
  service.salesforce.clock.set(new Date('2023-03-05T10:00:00Z'));
  const id = service.salesforce.org.insert('Account', { Name: 'old' });
  const undeletable = { kind: 'http', status: 403, times: 100, match: 'DELETE /bigquery/' };
  await fetch(`${service.bigquery.url}/emulator/faults`, { method: 'POST', body: JSON.stringify(undeletable) });
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });
  await service.tickAt('2023-03-20T00:10:00Z');
  service.salesforce.clock.set(new Date('2023-03-20T10:00:00Z'));
  service.salesforce.org.update('Account', id, { Name: 'new' });
  await service.tickAt('2023-03-21T00:10:00Z');
  const { rows } = await service.database.pool.query('SELECT id, columns, counted FROM runs ORDER BY created_at');
  const { project } = service.context.config.bigquery;
  const sql = mergeStatement({
    target: { project, dataset: 'salesforce', table: 'Account' },
    delta: deltaTable(service.context, rows[0].id, Object.keys(rows[0].counted)[0]!),
    columns: rows[0].columns,
    orphaned: [],
    emptied: [],
    cursorField: 'SystemModstamp',
    insertOnly: false,
    deletes: 'keep',
    firstId: '',
    lastId: 'z',
    months: undefined,
    partitionField: 'CreatedDate',
  });
  await service.rows(sql);
  expect(await service.rows(`SELECT Name FROM salesforce.Account WHERE Id = '${id}'`)).toEqual([{ Name: 'new' }]);
  await expectComplete(service, 'Account', '2023-03-21');
});

test.each(['keep', 'blank', 'remove'])('with deletes=%s, an abandoned MERGE can no longer run', async (deletes) => {
  // The run is not retried during the test.
  await using service = await startService({ limits: { retryMs: 60_000 } });
  const userId = await service.connect();
  service.salesforce.clock.set(new Date('2023-03-05T10:00:00Z'));
  const id = service.salesforce.org.insert('Account', { Name: 'to be deleted' });
  const fields = { user_id: userId, object_name: 'Account' };
  await service.call('create_importing_job', { ...fields, start_date: '2023-03-01', deletes });
  // It is abandoned at a point where its second MERGE may or may not exist.
  const failing = { kind: 'job-failed', reason: 'jobBackendError', atOnce: true, match: '_merge_' };
  await fetch(`${service.bigquery.url}/emulator/faults`, { method: 'POST', body: JSON.stringify(failing) });
  service.salesforce.clock.set(new Date('2023-03-20T00:10:00Z'));
  await service.call('handle_importing_job');
  while ((await service.jobs())[0]!.run!.failures === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await service.call('pause_importing_job', fields);
  await service.call('resume_importing_job', fields);
  const { rows } = await service.database.pool.query('UPDATE runs SET merge_try = 2 RETURNING id, state');
  await service.database.pool.query(
    `INSERT INTO table_writes (statement, job_id, run_id) SELECT 'sync_' || replace(id::text, '-', '') || '_merge_2', job_id, id FROM runs`,
  );
  expect(rows).toMatchObject([{ state: 'cancelled' }]);
  service.salesforce.org.remove('Account', id);
  expect((await service.tickAt('2023-03-20T00:20:00Z')).status).toBe(200);

  // BigQuery would let it insert beside the MERGE of the run that followed, or put back what was removed.
  const late = {
    jobId: `sync_${rows[0].id.replaceAll('-', '')}_merge_2`,
    location: 'EU',
    configuration: { query: { query: 'SELECT 1', useLegacySql: false } },
  };
  await expect(service.client.createJob(late)).rejects.toMatchObject({ code: 409 });
  expect(await service.rows(`SELECT IsDeleted FROM salesforce.Account WHERE Id = '${id}'`)).toEqual(
    deletes === 'remove' ? [] : [{ IsDeleted: true }],
  );
});

test('completes a run that a release with other statements started', async () => {
  await using service = await startService({ worker: false });
  const userId = await service.connect();
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });
  service.salesforce.clock.set(new Date('2023-03-20T00:10:00Z'));
  await service.call('handle_importing_job');
  const { rows } = await service.database.pool.query<{ id: string }>('SELECT id FROM runs');
  const run = rows[0]!.id;
  const slice = '0_0_1';
  for (const jobId of [deltaJobId(run, slice, 1), mergeJobId(run, 1)]) {
    const configuration = { query: { query: 'SELECT 1', useLegacySql: false } };
    await service.client.createJob({ jobId, location: 'EU', configuration });
  }
  service.startWorker();
  expect((await service.tickAt('2023-03-20T00:20:00Z')).text).toMatch(/^OK/);
  expect((await service.database.pool.query('SELECT counted, delta_try, merge_try FROM runs')).rows).toMatchObject([
    { counted: { [slice]: { of: slice } }, delta_try: 2, merge_try: 2 },
  ]);
  await expectComplete(service, 'Account', '2023-03-20');
});
