import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Table } from '../../../app/bigquery/resources.ts';
import { checkDatasets } from '../../../app/bigquery/tables/datasets.ts';
import { type GatewayService, startGatewayService } from '../../support/gateway.ts';
import { requestsDuring } from '../../support/requests.ts';
import { dueRecords } from '../../support/whole-table.ts';

/** Datasets whose tables, or their partitions, expire unless they say otherwise. */
let service: GatewayService;
let userId: string;

const DAY_MS = 86_400_000;
const DAYS_60 = { defaultTableExpirationMs: String(60 * DAY_MS) };
const DAYS_365 = { defaultPartitionExpirationMs: String(365 * DAY_MS) };
const TICK = '2023-03-20T00:10:00Z';

beforeEach(async () => {
  service = await startGatewayService();
  userId = await service.connect();
});
afterEach(() => service[Symbol.asyncDispose]());

const create = () => service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });

/** So many that their table is partitioned. */
function announceMillions(): void {
  service.instance.handler = async (call, pass) => {
    const reply = await pass();
    if (!call.url.includes('/limits/recordCount')) return reply;
    return { ...reply, body: JSON.stringify({ sObjects: [{ name: 'Account', count: 20_000_000 }] }) };
  };
}

/** Nothing was edited on the 20th. */
function emptyWindow(): void {
  const { org, clock } = service.salesforce;
  clock.set(new Date('2023-03-21T00:10:00Z'));
  for (const record of [...org.records('Account')]) {
    if (String(record.SystemModstamp) >= '2023-03-19T23:50:00') org.purge('Account', String(record.Id));
  }
}

async function setDefaults(dataset: string, defaults: object): Promise<void> {
  await service.client.dataset(dataset).setMetadata(defaults);
}

async function table(dataset: string, name: string): Promise<Table> {
  const [metadata] = await service.client.dataset(dataset).table(name).getMetadata();
  return metadata as Table;
}

async function fault(given: object): Promise<void> {
  const init = { method: 'POST', body: JSON.stringify(given), headers: { 'content-type': 'application/json' } };
  expect((await fetch(`${service.bigquery.url}/emulator/faults`, init)).status).toBe(200);
}

const logged = (event: string): Record<string, unknown>[] =>
  service.logged.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line.event === event);

async function expectWhole(): Promise<void> {
  const [{ n }] = (await service.rows('SELECT COUNT(*) AS n FROM salesforce.Account')) as [{ n: number }];
  expect(n).toBe(dueRecords(service, 'Account').length);
}

describe('a dataset with default expirations', () => {
  test('loses no rows of old partitions', async () => {
    await setDefaults('salesforce', DAYS_365);
    announceMillions();
    await create();
    expect((await service.tickAt(TICK)).text).toMatch(/^OK/);
    await expectWhole();
    expect((await table('salesforce', 'Account')).timePartitioning).toEqual({ type: 'MONTH', field: 'CreatedDate' });
  });

  test.each([false, true])('expires neither the target table (partitioned: %s) nor its view', async (partitioned) => {
    await setDefaults('salesforce', { ...DAYS_60, ...(partitioned && DAYS_365) });
    if (partitioned) announceMillions();
    await create();
    expect((await service.tickAt(TICK)).text).toMatch(/^OK/);
    await expectWhole();
    expect((await table('salesforce', 'Account')).expirationTime).toBeUndefined();
    expect((await table('salesforce', 'Account_live')).expirationTime).toBeUndefined();
  });

  test('expires staging and delta tables when the service says', async () => {
    await setDefaults('salesforce_staging', { defaultTableExpirationMs: String(DAY_MS / 24), ...DAYS_365 });
    await fault({ kind: 'http', status: 403, times: 10, match: 'DELETE /bigquery/' });
    await create();
    expect((await service.tickAt(TICK)).text).toMatch(/^OK/);
    const [tables] = await service.client.dataset('salesforce_staging').getTables();
    expect(tables.map(({ id }) => id!.split('_')[0]).sort()).toEqual(['delta', 'stage']);
    for (const { id } of tables) {
      const { expirationTime, timePartitioning } = await table('salesforce_staging', id!);
      expect(Math.round((Number(expirationTime) - Date.now()) / DAY_MS)).toBe(8);
      expect(timePartitioning).toBeUndefined();
    }
  });

  test('keeps invalid values as long as its defaults say', async () => {
    await setDefaults('salesforce', { ...DAYS_60, defaultPartitionExpirationMs: String(DAY_MS) });
    service.salesforce.org.insert('Account', { NumberOfEmployees: 1.5 });
    await create();
    expect((await service.tickAt(TICK)).text).toMatch(/^OK/);
    const { expirationTime, timePartitioning } = await table('salesforce', '_invalid_values');
    expect(expirationTime).toBeUndefined();
    expect(timePartitioning).toMatchObject({ expirationMs: String(30 * DAY_MS) });
  });

  test('is reported at start and on create, with the command that removes the defaults', async () => {
    await setDefaults('salesforce', { ...DAYS_60, ...DAYS_365 });
    expect(await checkDatasets(service.context.warehouse, ['salesforce'])).toEqual([
      { dataset: 'salesforce', tableDays: 60, partitionDays: 365 },
    ]);
    expect(await create()).toMatchObject({ status: 200, text: 'OK' });
    const command = 'bq update --default_table_expiration 0 --default_partition_expiration 0 local:salesforce';
    expect(logged('dataset_has_default_expiration')).toMatchObject([
      { level: 'warn', dataset: 'salesforce', tableDays: 60, partitionDays: 365, remove: command },
    ]);
  });

  test('does not keep a job from being created', async () => {
    await fault({ kind: 'http', status: 503, times: 10, match: '/datasets/salesforce' });
    expect(await create()).toMatchObject({ status: 200, text: 'OK' });
    expect(logged('dataset_not_checked')).toMatchObject([{ level: 'warn', error_code: 'bigquery_unavailable' }]);
  });

  test('stops the run before MERGE if a table keeps the defaults', async () => {
    await setDefaults('salesforce', { ...DAYS_60, ...DAYS_365 });
    announceMillions();
    await create();
    await fault({ kind: 'expiration-kept', match: 'salesforce.Account' });
    const answer = await service.tickAt(TICK);
    expect(answer.text).toMatch(/^Not complete: .* bigquery_refused: /s);
    expect(answer.text).toContain('bq update --default_partition_expiration 0 local:salesforce, then call handle_importing_job.');
    expect((await table('salesforce', 'Account')).numRows).toBe('0');
    expect((await service.tickAt('2023-03-20T00:20:00Z')).text).toMatch(/^OK/);
    await expectWhole();
  });
});

describe('a target table with expirations', () => {
  test('loses them in the next run, even one without rows', async () => {
    announceMillions();
    await create();
    await service.tickAt(TICK);
    const { timePartitioning } = await table('salesforce', 'Account');
    await service.client
      .dataset('salesforce')
      .table('Account')
      .setMetadata({
        expirationTime: String(Date.now() + DAY_MS),
        timePartitioning: { ...timePartitioning, expirationMs: String(900_000 * DAY_MS) },
      });
    emptyWindow();
    expect((await service.tickAt('2023-03-21T00:10:00Z')).text).toMatch(/^OK/);
    const repaired = await table('salesforce', 'Account');
    expect(repaired.expirationTime).toBeUndefined();
    expect(repaired.timePartitioning).toEqual({ type: 'MONTH', field: 'CreatedDate' });
    expect(logged('expiration_removed')).toMatchObject([{ level: 'warn', object: 'Account' }]);
  });

  test('costs no extra call without expirations', async () => {
    await create();
    await service.tickAt(TICK);
    emptyWindow();
    const calls = await requestsDuring(() => service.tickAt('2023-03-21T00:10:00Z'));
    expect(calls.filter((call) => call.includes('/bigquery/')).map((call) => call.replace(/\?.*/, ''))).toEqual([
      'GET /bigquery/v2/projects/local/datasets/salesforce/tables/Account',
      'GET /bigquery/v2/projects/local/datasets/salesforce/tables/Account_live',
    ]);
    expect(logged('expiration_removed')).toEqual([]);
  });
});
