import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type JobView, startService, type TestService } from '../../support/service.ts';
import { dueRecords } from '../../support/whole-table.ts';

/** What BigQuery bills at least for each table that a statement reads. */
const LEAST = 10 * 1024 * 1024;

let service: TestService;

beforeEach(async () => {
  service = await startService();
  const userId = await service.connect();
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });
  service.salesforce.clock.set(new Date('2023-03-20T00:10:00Z'));
});
afterEach(() => service[Symbol.asyncDispose]());

const job = async (): Promise<JobView> => (await service.jobs())[0]!;

function setBudget(bytes: number): void {
  service.context.config.bigquery.dailyBytesPerJob = bytes;
}

async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Until the run has ended, or waits again. */
const settled = (attempt: number): Promise<void> =>
  waitUntil(async () => {
    const { rows } = await service.database.pool.query<{ attempt: number; state: string }>('SELECT attempt, state FROM runs');
    return rows.some((run) => run.attempt >= attempt && run.state !== 'running');
  });

/** The time comes at which a run that waits is tried again. */
async function tryAgain(): Promise<void> {
  const { rows } = await service.database.pool.query<{ attempt: number }>('SELECT attempt FROM runs');
  await service.database.pool.query(`UPDATE runs SET run_at = now()`);
  await service.database.pool.query(`SELECT pg_notify('runs', '')`);
  await settled(rows[0]!.attempt + 1);
}

const letADayPass = (): Promise<unknown> => service.database.pool.query(`UPDATE billed SET billed_at = billed_at - interval '1 day'`);

interface BilledJob {
  kind: string;
  bytes: number;
}

/** What BigQuery itself says of the statements that it carried out. */
async function statements(): Promise<BilledJob[]> {
  const [jobs] = await service.client.getJobs({ allUsers: true });
  return jobs.flatMap(({ id, metadata }) => {
    const { status, statistics } = metadata as { status: { errorResult?: object }; statistics: { query?: { totalBytesBilled: string } } };
    const kind = /^sync_[0-9a-f]+_(delta|count|bad|merge)_/.exec(id!)?.[1];
    return kind && !status.errorResult ? [{ kind, bytes: Number(statistics.query!.totalBytesBilled) }] : [];
  });
}

async function expectComplete(): Promise<void> {
  const expected = dueRecords(service);
  const rows = await service.rows('SELECT Id FROM salesforce.Account');
  expect(rows.map((row) => row.Id).sort()).toEqual(expected.map((record) => record.Id).sort());
  const made = await statements();
  expect(made.map(({ kind }) => kind).sort()).toEqual(['count', 'delta', 'merge']);
  const billed = made.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(billed).toBeGreaterThan(0);
  expect(await job()).toMatchObject({
    last_date: '2023-03-20',
    run: { state: 'succeeded', error: null, receipt: { bytes_billed: billed, inserted: expected.length } },
  });
}

test("a run that exceeds the day's budget waits, and resumes once the budget is raised", async () => {
  setBudget(2.5 * LEAST);
  await service.call('handle_importing_job');
  await settled(1);
  const waiting = await job();
  expect(waiting).toMatchObject({ last_date: '2023-03-01', run: { state: 'queued', failures: 0, error: { code: 'bigquery_budget' } } });
  expect(waiting.run!.error!.message).toMatch(
    /^BigQuery has billed 0\.01 GB for Account today.* 0\.03 GB.*raise BIGQUERY_DAILY_GB_PER_JOB\.$/,
  );
  await expect(service.rows('SELECT Id FROM salesforce.Account')).rejects.toThrow('Not found');
  setBudget(1e9);
  await tryAgain();
  await expectComplete();
});

test('a waiting run resumes each day and pays for nothing twice', async () => {
  setBudget(2.5 * LEAST);
  await service.call('handle_importing_job');
  await settled(1);
  let days = 1;
  for (; (await job()).run!.state === 'queued'; days++) {
    const before = await statements();
    // On the same day nothing more is to be had.
    await tryAgain();
    expect(await statements()).toEqual(before);
    await letADayPass();
    await tryAgain();
    expect((await statements()).length).toBeGreaterThan(before.length);
  }
  expect(days).toBe(3);
  await expectComplete();
});

test('a statement larger than a whole budget asks for a higher one', async () => {
  setBudget(LEAST / 2);
  await service.call('handle_importing_job');
  await settled(1);
  expect((await job()).run!.error!.message).toMatch(/exceeds the entire daily budget .*\. Raise BIGQUERY_DAILY_GB_PER_JOB/);
  expect(await statements()).toEqual([]);
});

test('a statement paid for before a crash is used even if the budget is spent', async () => {
  const undeletable = { kind: 'http', status: 403, times: 100, match: 'DELETE /bigquery/' };
  await fetch(`${service.bigquery.url}/emulator/faults`, { method: 'POST', body: JSON.stringify(undeletable) });
  await service.tickAt('2023-03-20T00:10:00Z');
  await service.database.pool.query(
    `WITH undone AS (UPDATE runs SET state = 'queued', receipt = NULL, finished_at = NULL, run_at = now() + interval '1 hour' RETURNING job_id)
     UPDATE jobs SET synced_to = start_date FROM undone WHERE jobs.id = undone.job_id`,
  );
  setBudget(LEAST);
  await tryAgain();
  await expectComplete();
});

test('invalid values are stored in parts, none paid for twice', async () => {
  // More columns than one statement takes.
  const fields = Array.from({ length: 26 }, (_, index) => `Day_${index}__c`);
  for (const field of fields) service.salesforce.org.changeField('Account', { field, change: 'add', type: 'date', value: '12023-05-05' });
  setBudget(2.5 * LEAST);
  await service.call('handle_importing_job');
  await settled(1);
  for (let days = 1; (await job()).run!.state === 'queued'; days++) {
    expect(days).toBeLessThan(10);
    await letADayPass();
    await tryAgain();
  }
  expect((await statements()).map(({ kind }) => kind).sort()).toEqual(['bad', 'bad', 'count', 'delta', 'merge']);
  expect((await service.rows('SELECT DISTINCT `column` AS name FROM salesforce._invalid_values')).length).toBe(26);
});
