import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { publishOutbox } from '../../../app/sync/watch/publish-outbox.ts';
import { type Call, type Gateway, startGateway } from '../../support/gateway.ts';
import { startService, type TestService } from '../../support/service.ts';

/** Processes that write the metadata tables die, fail, or work at the same time: no row is missing, and none is there twice. */
let service: TestService;
let bigquery: Gateway;
let userId: string;
let days = 0;

afterEach(async () => {
  await bigquery.close();
  await service[Symbol.asyncDispose]();
});

async function start(outboxMs = 1): Promise<void> {
  service = await startService({
    salesforce: { size: 5 },
    limits: { outboxMs, pollMs: 15 },
    beforeBigQuery: async (url) => {
      bigquery = await startGateway(() => url);
      return bigquery.url;
    },
  });
  userId = await service.connect();
  days = 0;
  await service.call('create_importing_job', { user_id: userId, object_name: 'User', start_date: '2023-03-01' });
}

/** A run, a change of its job, and one of its schema. */
async function importDay(): Promise<void> {
  const day = new Date(Date.UTC(2023, 2, 2 + days));
  service.salesforce.org.changeField('User', { field: `Day_${days++}__c`, change: 'add', type: 'double' });
  service.context.describes.forget(1, 'User');
  expect((await service.tickAt(`${day.toISOString().slice(0, 10)}T00:10:00Z`)).text).toMatch(/^OK/);
  // The new field is also backfilled, by a sweep.
  const open = `SELECT FROM runs WHERE state IN ('queued', 'running')`;
  while ((await service.database.pool.query(open)).rowCount! > 0) await sleep(20);
}

/** Inserts into the job store what `importDay` leaves there, which is faster. */
async function addDay(): Promise<void> {
  const drift = { added: [`Day_${days++}__c`], orphaned: [], retyped: [], skipped: [] };
  await service.database.pool.query(
    `WITH job AS (UPDATE jobs SET synced_to = synced_to + interval '1 day', wanted_to = synced_to + interval '1 day' RETURNING *)
     INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, run_at, state, insert_only, drift, receipt, started_at, finished_at)
     SELECT id, connection_id, 'window', synced_to - interval '1 day', synced_to, now(), 'succeeded', false, $1, '{}', now(), now() FROM job`,
    [drift],
  );
}

const publish = (signal = new AbortController().signal) => publishOutbox(service.context, signal);

/** The ids of the load jobs so far, except those of the heartbeat. */
async function loads(): Promise<string[]> {
  const [jobs] = await service.client.getJobs({ allUsers: true });
  const others = jobs.filter(({ metadata }) => metadata.configuration.load?.destinationTable.tableId !== '_installation');
  return others.map(({ id }) => id!).filter((id) => id.startsWith('outbox_'));
}

/** Every run, schema change and field of the job store is in its table exactly once, and the job is up to date. */
async function expectExact(): Promise<void> {
  const { rows: ended } = await service.database.pool.query<{ id: string }>(
    'SELECT id FROM runs WHERE finished_at IS NOT NULL ORDER BY id',
  );
  expect(await service.rows('SELECT run AS id FROM salesforce._runs ORDER BY run')).toEqual(ended);
  const changes = await service.rows('SELECT column_name FROM salesforce._schema_changes ORDER BY column_name');
  const added = Array.from({ length: days }, (_, day) => `Day_${day}__c`).slice(1);
  expect(changes.map(({ column_name }) => column_name)).toEqual(added.sort());
  const [job] = await service.jobs();
  const freshness = await service.rows("SELECT FORMAT_TIMESTAMP('%F', last_date) AS last_date FROM salesforce._freshness");
  expect(freshness).toEqual([{ last_date: job!.last_date }]);
  const { rows: fields } = await service.database.pool.query('SELECT field FROM described_fields ORDER BY field COLLATE "C"');
  expect(await service.rows('SELECT field FROM salesforce._fields ORDER BY field')).toEqual(fields);
}

/** A process that is killed at its nth call to BigQuery, before or after BigQuery receives it. @returns false if there are fewer calls */
async function publishUntilKilled(nth: number, when: 'before' | 'after'): Promise<boolean> {
  const killed = new AbortController();
  let calls = 0;
  bigquery.handler = async (_call, pass) => {
    if (++calls !== nth) return await pass();
    if (when === 'after') await pass();
    killed.abort(new Error('killed'));
    return await new Promise(() => {});
  };
  const outcome = await publish(killed.signal).then(
    () => 'finished',
    () => 'killed',
  );
  bigquery.handler = (_call, pass) => pass();
  expect(outcome).toBe(calls >= nth ? 'killed' : 'finished');
  return calls >= nth;
}

test.each(['before', 'after'] as const)(
  'a process killed at any call, %s BigQuery receives it, loses and repeats nothing',
  async (when) => {
    await start();
    await importDay();
    for (let nth = 1, wasKilled = true; wasKilled; nth++) {
      await addDay();
      wasKilled = await publishUntilKilled(nth, when);
      await publish();
      await publish();
      await expectExact();
      if (!wasKilled) expect(nth).toBeGreaterThan(10);
    }
    const { rows } = await service.database.pool.query('SELECT table_name, rows FROM outbox_batches ORDER BY table_name');
    expect(rows).toEqual([
      { table_name: '_fields', rows: null },
      { table_name: '_installation', rows: null },
      { table_name: '_jobs', rows: null },
      { table_name: '_runs', rows: null },
      { table_name: '_schema_changes', rows: null },
    ]);
  },
);

test('processes that publish at the same time load each batch once', async () => {
  await start();
  for (let round = 0; round < 4; round++) {
    const publishing = Array.from({ length: 4 }, () => publish());
    await importDay();
    await Promise.all(publishing);
  }
  await publish();
  await publish();
  await expectExact();
});

test('a process that another one overtakes at the same batch adopts its load job', async () => {
  await start();
  await importDay();
  const isUpload = ({ method, url }: Call): boolean => method === 'POST' && url.startsWith('/upload/');
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  let isFirst = true;
  bigquery.handler = async (call, pass) => {
    if (isUpload(call) && isFirst) {
      isFirst = false;
      reach();
      await released;
    }
    return await pass();
  };
  const slow = publish();
  await reached;
  await publish();
  release();
  await slow;
  await expectExact();
});

describe('a load job that fails', () => {
  const fault = (given: object) =>
    fetch(`${service.bigquery.url}/emulator/faults`, { method: 'POST', body: JSON.stringify(given) }).then(({ status }) =>
      expect(status).toBe(200),
    );
  const events = () => service.logged.filter((line) => line.includes('"event":"outbox_not_loaded"'));

  test.each([false, true])('is repeated under the next try number (reported by the upload: %s)', async (atOnce) => {
    await start();
    await importDay();
    await publish();
    await importDay();
    const { rows } = await service.database.pool.query<{ id: number }>('SELECT max(id) AS id FROM outbox_batches');
    await fault({ kind: 'job-failed', match: `outbox_${rows[0]!.id + 1}_`, atOnce });
    await publish();
    expect(events()).toHaveLength(1);
    await publish();
    await publish();
    await expectExact();
    const tries = (await loads()).filter((id) => id.startsWith(`outbox_${rows[0]!.id + 1}_`)).map((id) => id.split('_').at(-1));
    expect(tries.sort()).toEqual(['1', '2']);
  });

  test('whose response is lost is adopted', async () => {
    await start();
    await importDay();
    await fault({ kind: 'lost-answer', match: 'POST /upload/' });
    await publish();
    await publish();
    await expectExact();
  });
});

test('a table gets at most one load job per interval', async () => {
  await start(60_000);
  await importDay();
  await publish();
  expect(await loads()).toHaveLength(3);
  await importDay();
  await publish();
  expect(await loads()).toHaveLength(3);
  const later = () => service.database.pool.query(`UPDATE outbox_batches SET next_load_at = next_load_at - interval '1 minute'`);
  await later();
  await publish();
  expect(await loads()).toHaveLength(7);
  await expectExact();
});

test('a failed load job counts as the load job of its interval', async () => {
  await start(60_000);
  await importDay();
  await fetch(`${service.bigquery.url}/emulator/faults`, {
    method: 'POST',
    body: JSON.stringify({ kind: 'job-failed', times: 3, match: 'outbox_' }),
  });
  for (let time = 0; time < 4; time++) await publish();
  expect((await loads()).map((id) => id.split('_').at(-1))).toEqual(['1', '1', '1']);
});

test('a job store that counts its batches from 1 again, because it is new or restored, loads them too', async () => {
  await start();
  await importDay();
  await publish();
  await service.database.pool.query('TRUNCATE outbox_batches RESTART IDENTITY');
  await importDay();
  await publish();
  await expectExact();
  const ids = (await loads()).filter((id) => id.startsWith('outbox_1_'));
  expect(new Set(ids).size).toBe(2);
});
