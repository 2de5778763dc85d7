import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { transaction } from '../../../../app/store/database.ts';
import { fillOutbox } from '../../../../app/store/outbox/fill-outbox.ts';
import {
  type Batch,
  claimBatch,
  finishBatch,
  insertBatch,
  insertReplacement,
  isDue,
  raiseLoadTry,
} from '../../../../app/store/outbox/outbox.ts';
import { batchEndedRuns } from '../../../../app/store/runs/batch-ended-runs.ts';
import { createTestDatabase, type TestDatabase } from '../../../support/store/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(async () => {
  await database.pool.query('TRUNCATE outbox_batches, connections, jobs, runs CASCADE');
});

const MINUTE = 60_000;
const claim = (intervalMs = MINUTE, tables = ['_runs', '_jobs']): Promise<Batch | undefined> =>
  claimBatch(database.pool, tables, intervalMs);
const insert = (object: string, table = '_runs', dataset = 'salesforce') => insertBatch(database.pool, dataset, table, [{ object }]);
const aMinuteLater = () => database.pool.query(`UPDATE outbox_batches SET next_load_at = next_load_at - interval '1 minute'`);
const due = (table = '_runs') => isDue(database.pool, 'salesforce', table);

test('a batch is claimed once per interval, and keeps its rows and its token', async () => {
  await insert('Account');
  const batch = (await claim())!;
  expect(batch).toMatchObject({ dataset: 'salesforce', tableName: '_runs', rows: [{ object: 'Account' }], loadTry: 1 });
  expect(await claim()).toBeUndefined();
  await aMinuteLater();
  expect(await claim()).toEqual(batch);
});

test('of processes that claim at the same time, one gets the batch', async () => {
  await insert('Account');
  const claims = await Promise.all(Array.from({ length: 8 }, () => claim()));
  expect(claims.filter(Boolean)).toHaveLength(1);
});

test('the batches of a table are claimed one after the other, an interval apart, those of other tables and datasets meanwhile', async () => {
  await insert('first');
  await insert('second');
  await insert('job', '_jobs');
  await insert('other', '_runs', 'other');
  const names = async (): Promise<unknown[]> => {
    const found: Batch[] = [];
    for (let batch = await claim(); batch; batch = await claim()) found.push(batch);
    return found.map(({ rows }) => rows[0]!.object);
  };
  expect(await names()).toEqual(['first', 'job', 'other']);
  await aMinuteLater();
  expect(await names()).toEqual(['first', 'job', 'other']);
  const { rows } = await database.pool.query<{ id: number }>('SELECT min(id) AS id FROM outbox_batches');
  await finishBatch(database.pool, { id: rows[0]!.id, dataset: 'salesforce', tableName: '_runs' } as Batch);
  expect(await names()).toEqual([]);
  await aMinuteLater();
  expect(await names()).toEqual(['second', 'job', 'other']);
});

test('batches of tables that only another release knows stay unclaimed', async () => {
  await insert('Account', '_later');
  expect(await claim()).toBeUndefined();
  expect(await claim(MINUTE, ['_later'])).toBeDefined();
});

test('the try number increases once per failure, whichever processes saw it', async () => {
  await insert('Account');
  const batch = (await claim())!;
  await raiseLoadTry(database.pool, batch);
  await raiseLoadTry(database.pool, batch);
  await aMinuteLater();
  expect(await claim()).toEqual({ ...batch, loadTry: 2 });
});

test('a loaded batch loses its rows, and only the newest of its table stays', async () => {
  for (const object of ['first', 'second', 'third']) await insert(object);
  await insert('job', '_jobs');
  const seen: number[] = [];
  for (let round = 0; round < 3; round++) {
    for (let batch = await claim(); batch; batch = await claim()) {
      seen.push(batch.id);
      await finishBatch(database.pool, batch);
      await finishBatch(database.pool, batch);
    }
    await aMinuteLater();
  }
  const { rows } = await database.pool.query('SELECT id, table_name, rows FROM outbox_batches ORDER BY id');
  const [, , third, job] = [...seen].sort((one, other) => one - other);
  expect(rows).toEqual([
    { id: third, table_name: '_runs', rows: null },
    { id: job, table_name: '_jobs', rows: null },
  ]);
  await insert('fourth');
  expect((await claim())!.id).toBeGreaterThan(job!);
});

test('the next batch of a table is due when the earlier ones are loaded and the interval has passed', async () => {
  expect(await due()).toBe(true);
  await insert('Account');
  expect([await due(), await due('_jobs')]).toEqual([false, true]);
  const batch = (await claim())!;
  await finishBatch(database.pool, batch);
  expect(await due()).toBe(false);
  await aMinuteLater();
  expect(await due()).toBe(true);
});

test('the content of a table is replaced only by another content', async () => {
  const replace = (object: string) => insertReplacement(database.pool, 'salesforce', '_jobs', [{ object }]);
  const count = async () => (await database.pool.query('SELECT FROM outbox_batches')).rowCount;
  await replace('Account');
  await replace('Account');
  expect(await count()).toBe(1);
  await finishBatch(database.pool, (await claim())!);
  await replace('Account');
  expect(await count()).toBe(1);
  await replace('Contact');
  await replace('Account');
  expect(await count()).toBe(3);
});

/** A job of a dataset with so many ended runs. */
async function endRuns(runs: number, dataset = 'salesforce'): Promise<void> {
  await database.pool.query(
    `WITH connection AS (
       INSERT INTO connections (org_id, user_id, identity_url, login_url, instance_url, access_token, refresh_token)
       VALUES ('00D000000000000EAA', '005000000000000AAA', '', '', '', '', '')
       ON CONFLICT (org_id, user_id) DO UPDATE SET updated_at = now() RETURNING id
     ), job AS (
       INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, start_date, synced_to, wanted_to)
       SELECT id, $2, 'SystemModstamp', $2, 'Account', '2023-03-01', '2023-03-01', '2023-03-02' FROM connection RETURNING id, connection_id
     )
     INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, run_at, state, finished_at)
     SELECT job.id, connection_id, 'window', '2023-03-01', '2023-03-02', now(), 'cancelled', now() FROM job, generate_series(1, $1)`,
    [runs, dataset],
  );
}

const sizes = async (): Promise<[string, number][]> => {
  const { rows } = await database.pool.query<{ dataset: string; runs: number }>(
    `SELECT dataset, jsonb_array_length(rows)::int AS runs FROM outbox_batches WHERE table_name = '_runs' ORDER BY id`,
  );
  return rows.map(({ dataset, runs }) => [dataset, runs]);
};

test('ended runs get into batches of their dataset, at most 2,000 at once, and each into one', async () => {
  await endRuns(2_500);
  await endRuns(3, 'other');
  await fillOutbox(database.pool);
  expect(await sizes()).toEqual([
    ['other', 3],
    ['salesforce', 2_000],
  ]);
  await fillOutbox(database.pool);
  expect(await sizes()).toHaveLength(2);
  for (let batch = await claim(0); batch; batch = await claim(0)) await finishBatch(database.pool, batch);
  await Promise.all(Array.from({ length: 4 }, () => fillOutbox(database.pool)));
  expect(await sizes()).toEqual([
    ['other', null],
    ['salesforce', null],
    ['salesforce', 500],
  ]);
});

test('batches are created by one process at a time', async () => {
  await endRuns(1);
  await transaction(database.pool, async (client) => {
    await client.query(`SELECT pg_advisory_xact_lock(${0x5f_b9_05})`);
    await fillOutbox(database.pool);
    expect(await sizes()).toEqual([]);
  });
  await fillOutbox(database.pool);
  expect(await sizes()).toEqual([['salesforce', 1]]);
});

test('ended runs that are deleted together with their job are in a batch if they were copied first', async () => {
  await endRuns(2_001);
  await transaction(database.pool, async (client) => {
    const copied: number[] = [];
    while (copied.at(-1) !== 0) copied.push(await batchEndedRuns(client, 'salesforce'));
    expect(copied).toEqual([2_000, 1, 0]);
    await client.query('DELETE FROM runs');
    await client.query('DELETE FROM jobs');
  });
  await fillOutbox(database.pool);
  expect(await sizes()).toEqual([
    ['salesforce', 2_000],
    ['salesforce', 1],
  ]);
  const { rows } = await database.pool.query(`SELECT rows FROM outbox_batches WHERE table_name = '_jobs'`);
  expect(rows).toEqual([{ rows: [] }]);
});
