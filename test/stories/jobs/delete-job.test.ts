import { afterEach, expect, test } from '@jest/globals';
import { type GatewayService, startGatewayService } from '../../support/gateway.ts';
import { type Answer, readAnswer } from '../../support/service.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** Deleting a job, with or without its table. */
let service: GatewayService;
let fields: Record<string, string>;
let jobId: string;

afterEach(() => service[Symbol.asyncDispose]());

/** Imports Opportunity, one of whose rows has a date that its column cannot store. */
async function importFirst(): Promise<void> {
  service = await startGatewayService();
  service.salesforce.clock.set(new Date('2023-03-05T10:00:00Z'));
  service.salesforce.org.insert('Opportunity', { Name: 'far', StageName: 'Closed', CloseDate: '12023-05-05' });
  fields = { user_id: await service.connect(), object_name: 'Opportunity', start_date: '2023-03-01' };
  await service.call('create_importing_job', fields);
  await service.tickAt('2023-03-20T00:10:00Z');
  jobId = (await service.jobs())[0]!.id;
}

const remove = async (table: string): Promise<Answer> =>
  await readAnswer(await fetch(`${service.url}/v1/jobs/${jobId}?table=${table}`, { method: 'DELETE' }));

async function tablesIn(dataset: string): Promise<string[]> {
  const [tables] = await service.client.dataset(dataset).getTables();
  return tables.map(({ id }) => id!).sort();
}

/** Rows that the job store has about the job. */
async function storedRows(): Promise<number> {
  const tables = ['jobs', 'runs', 'slices', 'pages', 'billed', 'run_tables', 'table_writes'];
  const counts = tables.map((table) => `(SELECT count(*) FROM ${table})`).join(' + ');
  return Number((await service.database.pool.query(`SELECT ${counts} AS n`)).rows[0].n);
}

/** Starts a run that stops while it reads, until released. */
async function holdWindow(): Promise<() => void> {
  let release: (() => void) | undefined;
  service.instance.handler = async ({ soql }, pass) => {
    if (!release && soql.startsWith('SELECT Id,')) await new Promise<void>((resolve) => (release = resolve));
    return await pass();
  };
  service.salesforce.clock.set(new Date('2023-03-21T00:10:00Z'));
  await service.call('handle_importing_job');
  while (!release) await new Promise((resolve) => setTimeout(resolve, 5));
  return release;
}

test('with table=drop nothing is left, not even of an open run, and the job can be created again', async () => {
  await importFirst();
  const release = await holdWindow();
  const answer = await remove('drop');
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.text)).toEqual({
    id: jobId,
    object_name: 'Opportunity',
    table: 'salesforce.Opportunity',
    dropped: ['salesforce.Opportunity_live', 'salesforce.Opportunity'],
    message: 'salesforce.Opportunity and salesforce.Opportunity_live are dropped.',
  });
  release();
  await service.stopWorker();
  expect(await tablesIn('salesforce')).toEqual(['_invalid_values']);
  expect(await service.rows('SELECT * FROM salesforce._invalid_values')).toEqual([]);
  expect(await storedRows()).toBe(0);
  expect(await tablesIn('salesforce_staging')).toEqual([]);
  expect(await remove('drop')).toMatchObject({ status: 404, code: 'not_found' });

  service.startWorker();
  await service.call('create_importing_job', fields);
  await service.tickAt('2023-03-22T00:10:00Z');
  await expectWholeTable(service, 'Opportunity', '2023-03-22');
});

test('with table=keep the rows stay, and a new job says how to get rid of them', async () => {
  await importFirst();
  const rows = JSON.stringify(await service.rows('SELECT * FROM salesforce.Opportunity ORDER BY Id'));
  expect(await remove('keep')).toMatchObject({
    status: 200,
    text: expect.stringContaining('salesforce.Opportunity is kept as it is. To import Opportunity again, rename or drop it first.'),
  });
  expect(await service.jobs()).toEqual([]);
  expect(await storedRows()).toBe(0);
  expect(JSON.stringify(await service.rows('SELECT * FROM salesforce.Opportunity ORDER BY Id'))).toBe(rows);

  expect((await service.call('create_importing_job', fields)).text).toBe('OK');
  expect((await service.tickAt('2023-03-21T00:10:00Z')).text).toMatch(/target_replaced: .*Opportunity/);
  expect(JSON.stringify(await service.rows('SELECT * FROM salesforce.Opportunity ORDER BY Id'))).toBe(rows);
  await service.client.dataset('salesforce').table('Opportunity').delete();
  await service.tickAt('2023-03-22T00:10:00Z');
  await expectWholeTable(service, 'Opportunity', '2023-03-22');

  await service.call('create_importing_job', { ...fields, object_name: 'Account', history: 'true' });
  jobId = (await service.jobs()).find(({ object_name }) => object_name === 'Account')!.id;
  const answer = await remove('keep');
  expect(JSON.parse(answer.text)).toMatchObject({ message: 'There is no table to keep: salesforce.Account does not exist.' });
});

test('a table or view without the label of the job is never dropped', async () => {
  await importFirst();
  for (const name of ['Opportunity', 'Opportunity_live']) {
    await service.client
      .dataset('salesforce')
      .table(name)
      .setMetadata({ labels: { job: 'another' } });
  }
  expect(await remove('drop')).toMatchObject({ status: 200, text: expect.stringContaining('is not the table of this job') });
  expect(await tablesIn('salesforce')).toEqual(['Opportunity', 'Opportunity_live', '_invalid_values']);
  expect(await storedRows()).toBe(0);
});

test('killed at its last step, it stays paused, and the same call ends with the same result', async () => {
  await importFirst();
  const { pool } = service.database;
  await pool.query(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''killed''; END'`);
  await pool.query('CREATE TRIGGER fail BEFORE DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION fail()');
  expect((await remove('drop')).status).toBe(500);
  expect((await service.jobs())[0]).toMatchObject({ id: jobId, active: 0, last_date: '2023-03-20' });
  await pool.query('DROP TRIGGER fail ON jobs');
  expect((await remove('drop')).status).toBe(200);
  expect(await tablesIn('salesforce')).toEqual(['_invalid_values']);
  expect(await storedRows()).toBe(0);
});

test('fences a statement that a worker recorded and may still request', async () => {
  await importFirst();
  const statement = 'sync_0d3f7c1e5b0a4c579a432f6b1f0e7d11_merge_1';
  const insert = 'INSERT INTO table_writes (statement, job_id, run_id) VALUES ($1, $2, gen_random_uuid())';
  await service.database.pool.query(insert, [statement, jobId]);
  expect((await remove('keep')).status).toBe(200);
  const request = service.client.createQueryJob({ jobId: statement, query: 'DELETE FROM salesforce.Opportunity WHERE TRUE' });
  await expect(request).rejects.toMatchObject({ code: 409 });
});

test('requires a decision about the table', async () => {
  await importFirst();
  expect(await remove('')).toMatchObject({ status: 400 });
  expect(await remove('archive')).toMatchObject({ status: 400, text: expect.stringContaining('table must be keep or drop') });
  expect((await service.jobs())[0]).toMatchObject({ active: 1 });
});
