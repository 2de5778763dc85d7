import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { LAG_COLUMN } from '../../../app/core/fields/metadata-tables.ts';
import { publishOutbox } from '../../../app/sync/watch/publish-outbox.ts';
import { watchOutbox } from '../../../app/sync/watch/watch-outbox.ts';
import { startService, type TestService } from '../../support/service.ts';

/** What an analyst can query about the service's own work. */
let service: TestService;
let userId: string;

beforeEach(async () => {
  service = await startService({ limits: { outboxMs: 1 } });
  userId = await service.connect();
});
afterEach(() => service[Symbol.asyncDispose]());

const create = (object = 'Account', more: Record<string, string> = {}) =>
  service.call('create_importing_job', { user_id: userId, object_name: object, start_date: '2023-03-01', ...more });
const publish = () => publishOutbox(service.context, new AbortController().signal);
const table = async (name: string) => (await service.client.dataset('salesforce').table(name).getMetadata())[0];
const logged = (event: string): Record<string, unknown>[] =>
  service.logged.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line.event === event);
/** Without those of the heartbeat. */
const loads = async (): Promise<string[]> => {
  const [jobs] = await service.client.getJobs({ allUsers: true });
  const others = jobs.filter(({ metadata }) => metadata.configuration.load?.destinationTable.tableId !== '_installation');
  return others.map(({ id }) => id!).filter((id) => id.startsWith('outbox_'));
};

/** Nothing was edited on the 20th. */
function emptyWindow(): void {
  const { org } = service.salesforce;
  for (const record of [...org.records('Account')]) {
    if (String(record.SystemModstamp) >= '2023-03-19T23:50:00') org.purge('Account', String(record.Id));
  }
}

async function addField(field: string): Promise<void> {
  service.salesforce.org.changeField('Account', { field, change: 'add', type: 'double' });
  service.context.describes.forget(1, 'Account');
}

describe('_runs', () => {
  test('lists every window with its counts, also a window without changes', async () => {
    service.salesforce.org.insert('Account', { Name: 'half an employee', NumberOfEmployees: 1.5 });
    await create();
    await service.tickAt('2023-03-20T00:10:00Z');
    service.salesforce.clock.set(new Date('2023-03-21T00:10:00Z'));
    const first = (await service.jobs())[0]!.run!;
    emptyWindow();
    await service.tickAt('2023-03-21T00:10:00Z');
    await publish();
    const { salesforce_before, staged, delta_rows, inserted, bytes, bytes_billed } = first.receipt!;
    const rows = await service.rows(
      `SELECT run, object, table_name, kind, FORMAT_TIMESTAMP('%F', window_from) AS \`from\`, FORMAT_TIMESTAMP('%F', window_to) AS \`to\`,
         state, verdict, error_code, attempts, salesforce_before, staged, delta_rows, inserted, invalid_values, invalid_columns, api, slices,
         pages, bytes, bytes_billed
       FROM salesforce._runs ORDER BY window_from`,
    );
    const same = {
      object: 'Account',
      table_name: 'Account',
      kind: 'window',
      state: 'succeeded',
      error_code: null,
      attempts: 1,
      api: 'rest',
    };
    expect(rows).toEqual([
      {
        ...same,
        run: first.id,
        from: '2023-03-01',
        to: '2023-03-20',
        verdict: 'exact',
        ...{ salesforce_before, staged, delta_rows, inserted, bytes, bytes_billed },
        invalid_values: 1,
        invalid_columns: 'NumberOfEmployees 1',
        slices: 1,
        pages: 1,
      },
      {
        ...same,
        run: expect.anything(),
        from: '2023-03-20',
        to: '2023-03-21',
        verdict: 'exact',
        ...{ salesforce_before: 0, staged: 0, delta_rows: 0, inserted: 0, bytes: 0, bytes_billed: 0 },
        invalid_values: 0,
        invalid_columns: null,
        slices: 1,
        pages: 0,
      },
    ]);
    const [times] = await service.rows(
      'SELECT LOGICAL_AND(queued_at <= started_at AND started_at <= finished_at AND duration_seconds >= 0) AS ordered FROM salesforce._runs',
    );
    expect(times).toEqual({ ordered: true });
    expect(delta_rows).toBeGreaterThan(0);
  });

  test('lists runs that failed or were cancelled, with the code of the error', async () => {
    await create();
    await create('Contact');
    await service.rows('CREATE TABLE salesforce.Account AS SELECT 1 AS mine');
    await service.tickAt('2023-03-20T00:10:00Z');
    await service.stopWorker();
    service.salesforce.clock.set(new Date('2023-03-21T00:10:00Z'));
    await service.call('handle_importing_job');
    await service.call('pause_importing_job', { user_id: userId, object_name: 'Contact' });
    await publish();
    expect(await service.rows('SELECT object, state, error_code, verdict, attempts FROM salesforce._runs ORDER BY finished_at')).toEqual(
      expect.arrayContaining([
        { object: 'Account', state: 'failed', error_code: 'target_replaced', verdict: null, attempts: 1 },
        { object: 'Contact', state: 'succeeded', error_code: null, verdict: 'exact', attempts: 1 },
        { object: 'Contact', state: 'cancelled', error_code: null, verdict: null, attempts: 0 },
      ]),
    );
  });

  test('adds no BigQuery job to a run: all runs since the last load share one', async () => {
    await create();
    await create('Contact');
    await service.tickAt('2023-03-20T00:10:00Z');
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await loads()).toEqual([]);
    await publish();
    expect(await service.rows('SELECT COUNT(*) AS n FROM salesforce._runs')).toEqual([{ n: 4 }]);
    // One each for _runs, _jobs and _fields; no schema has changed.
    expect(await loads()).toHaveLength(3);
  });
});

describe('_schema_changes', () => {
  test('lists a change once, when a run first notices it', async () => {
    await create();
    await service.tickAt('2023-03-20T00:10:00Z');
    await addField('Floors__c');
    service.salesforce.org.changeField('Account', { field: 'Phone', change: 'hide' });
    await service.tickAt('2023-03-21T00:10:00Z');
    service.salesforce.org.changeField('Account', { field: 'Floors__c', change: 'retype', type: 'string' });
    service.context.describes.forget(1, 'Account');
    await service.tickAt('2023-03-22T00:10:00Z');
    await service.tickAt('2023-03-23T00:10:00Z');
    await publish();
    const rows = await service.rows(
      'SELECT object, change, field, column_name, field_type, column_type, detail FROM salesforce._schema_changes ORDER BY changed_at, change, column_name',
    );
    const none = { object: 'Account', field: null, field_type: null, column_type: null, detail: null };
    expect(rows).toEqual([
      { ...none, change: 'column_added', column_name: 'Floors__c' },
      { ...none, change: 'column_orphaned', column_name: 'Phone' },
      { ...none, change: 'column_added', column_name: 'Floors__c_string' },
      { ...none, change: 'column_orphaned', column_name: 'Floors__c' },
      {
        object: 'Account',
        change: 'field_retyped',
        field: 'Floors__c',
        column_name: 'Floors__c_string',
        field_type: 'STRING',
        column_type: 'STRING',
        detail: 'new_column',
      },
    ]);
  });
});

describe('_freshness', () => {
  const freshness = () =>
    service.rows(
      "SELECT object, FORMAT_TIMESTAMP('%F', last_date) AS last_date, every, active, needs_login, error_code, last_success_at IS NOT NULL AS imported FROM salesforce._freshness ORDER BY object",
    );

  test('follows a job through creation, import, pause, and a lost login', async () => {
    await create();
    await create('Contact', { start_date: 'all', every: '1h' });
    await publish();
    const both = { active: true, needs_login: false, error_code: null };
    const [account, contact] = [
      { ...both, object: 'Account', every: 'day' },
      { ...both, object: 'Contact', every: '1h' },
    ];
    expect(await freshness()).toEqual([
      { ...account, last_date: '2023-03-01', imported: false },
      { ...contact, last_date: null, imported: false },
    ]);
    await service.tickAt('2023-03-20T00:10:00Z');
    await service.call('pause_importing_job', { user_id: userId, object_name: 'Contact' });
    await publish();
    expect(await freshness()).toEqual([
      { ...account, last_date: '2023-03-20', imported: true },
      { ...contact, last_date: '2023-03-20', imported: true, active: false },
    ]);
    await service.database.pool.query(`UPDATE connections SET status = 'needs_login'`);
    await service.database.pool.query(`DELETE FROM runs WHERE job_id IN (SELECT id FROM jobs WHERE object_name = 'Contact')`);
    await service.database.pool.query(`DELETE FROM jobs WHERE object_name = 'Contact'`);
    await publish();
    expect(await freshness()).toEqual([{ ...account, last_date: '2023-03-20', imported: true, needs_login: true }]);
  });

  test('counts the lag when it is read, and shows why a job is behind', async () => {
    await create();
    await service.rows('CREATE TABLE salesforce.Account AS SELECT 1 AS mine');
    await service.tickAt('2023-03-20T00:10:00Z');
    await publish();
    const [row] = await service.rows(
      "SELECT error_code, lag_minutes - TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), TIMESTAMP '2023-03-01 00:00:00+00', MINUTE) AS off FROM salesforce._freshness",
    );
    expect(row).toEqual({ error_code: 'target_replaced', off: expect.any(Number) });
    expect(Math.abs(Number(row!.off))).toBeLessThan(2);
  });

  test('is written again only if a job has changed', async () => {
    await create();
    await publish();
    await publish();
    await publish();
    expect(await loads()).toHaveLength(1);
    await service.call('pause_importing_job', { user_id: userId, object_name: 'Account' });
    await publish();
    expect(await loads()).toHaveLength(2);
  });
});

describe('the metadata tables', () => {
  const NAMES = ['_runs', '_schema_changes', '_jobs', '_fields', '_freshness', '_invalid_values', '_installation'];

  test('exist from the first job on, describe themselves and each column, and never expire', async () => {
    const days = String(60 * 86_400_000);
    await service.client.dataset('salesforce').setMetadata({ defaultTableExpirationMs: days, defaultPartitionExpirationMs: days } as never);
    await create();
    await publish();
    for (const name of NAMES) {
      const { description, schema, expirationTime, timePartitioning, labels } = await table(name);
      expect([name, description, expirationTime, labels]).toEqual([
        name,
        expect.any(String),
        undefined,
        { 'managed-by': 'salesforce-bigquery-sync' },
      ]);
      if (name === '_runs') expect(timePartitioning).toEqual({ type: 'MONTH', field: 'finished_at' });
      for (const field of schema.fields) expect([name, field.name, field.description]).toEqual([name, field.name, expect.any(String)]);
    }
    expect((await table('_freshness')).schema.fields.map(({ name }: { name: string }) => name)).toContain(LAG_COLUMN.name);
  });

  test('get the columns that a later release adds', async () => {
    await create();
    await publish();
    const [runs] = await service.client.dataset('salesforce').table('_runs').get();
    const { schema, description, labels, timePartitioning } = runs.metadata;
    await runs.delete();
    const fields = schema.fields.filter(({ name }: { name: string }) => name !== 'torn');
    await service.client.dataset('salesforce').createTable('_runs', { schema: { fields }, description, labels, timePartitioning });
    await service.tickAt('2023-03-20T00:10:00Z');
    await publish();
    expect(await service.rows('SELECT object, torn FROM salesforce._runs')).toEqual([{ object: 'Account', torn: 0 }]);
  });

  test.each([
    ['table', 'CREATE TABLE'],
    ['view', 'CREATE VIEW'],
  ])("leave a user's own %s alone, report it, and lose nothing", async (_kind, statement) => {
    for (const name of NAMES) await service.rows(`${statement} salesforce.${name} AS SELECT 1 AS mine`);
    service.salesforce.org.insert('Account', { NumberOfEmployees: 1.5 });
    await create();
    expect((await service.tickAt('2023-03-20T00:10:00Z')).text).toMatch(/^OK/);
    await publish();
    for (const name of NAMES) expect(await service.rows(`SELECT * FROM salesforce.${name}`)).toEqual([{ mine: 1 }]);
    const reported = new Set(logged('metadata_table_not_ours').map((line) => line.table));
    expect([...reported].sort()).toEqual(['_fields', '_installation', '_invalid_values', '_jobs', '_runs', '_schema_changes']);
    expect(await loads()).toEqual([]);
    for (const name of NAMES) await service.client.dataset('salesforce').table(name).delete();
    await publish();
    expect(await service.rows('SELECT object FROM salesforce._runs')).toEqual([{ object: 'Account' }]);
    expect(await service.rows('SELECT object FROM salesforce._freshness')).toEqual([{ object: 'Account' }]);
  });

  test('are written by a watch, and a run never waits for them', async () => {
    await create();
    const fault = { kind: 'http', status: 403, reason: 'accessDenied', times: 1_000, match: '/tables/_runs' };
    await fetch(`${service.bigquery.url}/emulator/faults`, { method: 'POST', body: JSON.stringify(fault) });
    const watch = watchOutbox(service.context);
    expect((await service.tickAt('2023-03-20T00:10:00Z')).text).toMatch(/^OK/);
    while (logged('outbox_not_loaded').length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await watch.stop();
    expect(logged('outbox_not_loaded')[0]).toMatchObject({ level: 'warn', dataset: 'salesforce', error_code: 'bigquery_refused' });
    await fetch(`${service.bigquery.url}/emulator/faults`, { method: 'DELETE' });
    await publish();
    expect(await service.rows('SELECT object FROM salesforce._runs')).toEqual([{ object: 'Account' }]);
  });

  test('answer the questions of the manual', async () => {
    await create();
    expect((await create('Opportunity', { history: 'true' })).text).toBe('OK');
    await service.tickAt('2023-03-20T00:10:00Z');
    await publish();
    const manual = readFileSync('app/README.md', 'utf8');
    const queries = [...manual.matchAll(/```sql\n(.*?)```/gs)].map(([, sql]) => sql!);
    expect(queries).toHaveLength(7);
    for (const sql of queries) await service.rows(sql);
  });
});
