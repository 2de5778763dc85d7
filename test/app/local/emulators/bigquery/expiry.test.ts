import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BigQuery } from '@google-cloud/bigquery';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type BigQueryEmulator, startBigQuery } from '../../../../../app/local/emulators/bigquery/rest/bigquery.ts';
import { clientOf } from '../../../../support/bigquery.ts';
import { call, rowsOf } from './client.ts';

const DAY = 24 * 60 * 60 * 1000;

let emulator: BigQueryEmulator;
let client: BigQuery;
beforeEach(async () => {
  emulator = await startBigQuery();
  client = clientOf(emulator);
  await client.createDataset('salesforce');
});
afterEach(() => emulator.close());

const run = (query: string) => rowsOf(emulator, query);
const setClock = (now: string) => call(`${emulator.url}/emulator/clock`, { method: 'PUT', body: JSON.stringify({ now }) });
const inDays = (days: number) => new Date(Date.now() + days * DAY).toISOString();

describe('the clock', () => {
  test('only moves forward, and keeps running from there', async () => {
    const target = inDays(3);
    expect((await setClock(target)).status).toBe(200);
    const [[now]] = (await run('SELECT UNIX_MILLIS(CURRENT_TIMESTAMP())')) as [[string]];
    expect(Math.abs(Number(now) - Date.parse(target))).toBeLessThan(60_000);
    expect(await run('SELECT CURRENT_DATE()')).toEqual([[new Date(Number(now)).toISOString().slice(0, 10)]]);
    expect((await call(`${emulator.url}/emulator/clock`)).body.now >= target).toBe(true);
    expect((await setClock(inDays(2))).body.error.message).toContain('only moves forward');
    expect((await setClock('soon')).status).toBe(400);
  });
});

describe('a table', () => {
  test('expires at its expiration time, and so does a view', async () => {
    const dataset = client.dataset('salesforce');
    const [table] = await dataset.createTable('short', { schema: 'a', expirationTime: String(Date.now() + DAY) });
    const view = { query: 'SELECT 1 AS one', useLegacySql: false };
    await dataset.createTable('short_view', { view, expirationTime: String(Date.now() + DAY) });
    await dataset.createTable('long', { schema: 'a' });
    await run(`INSERT INTO salesforce.short VALUES ('x')`);
    await setClock(inDays(2));
    expect(await table.exists()).toEqual([false]);
    expect((await dataset.getTables())[0].map(({ id }) => id)).toEqual(['long']);
    for (const name of ['short', 'short_view'])
      await expect(run(`SELECT * FROM salesforce.${name}`)).rejects.toMatchObject({ reason: 'notFound' });
    await dataset.createTable('short', { schema: 'b' });
    expect(await run('SELECT b FROM salesforce.short')).toEqual([]);
  });

  test('of a dataset with a default lives so long, and OPTIONS say otherwise', async () => {
    await client.createDataset('staging', { defaultTableExpirationMs: String(DAY) } as never);
    await run('CREATE TABLE staging.short AS SELECT 1 AS a');
    await run('CREATE VIEW staging.short_view AS SELECT 1 AS a');
    await client.dataset('staging').createTable('by_api', { schema: 'a' });
    await run(`CREATE TABLE staging.long (a INT64) OPTIONS (expiration_timestamp = TIMESTAMP '2999-01-01 00:00:00+00')`);
    await setClock(inDays(2));
    expect((await client.dataset('staging').getTables())[0].map(({ id }) => id)).toEqual(['long']);
  });

  test('stays expired after a restart, because the clock keeps its position', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bigquery-emulator-test-'));
    const dataFile = join(folder, 'warehouse.duckdb');
    const first = await startBigQuery({ dataFile });
    await clientOf(first).createDataset('salesforce');
    await clientOf(first)
      .dataset('salesforce')
      .createTable('short', { schema: 'a', expirationTime: String(Date.now() + DAY) });
    await call(`${first.url}/emulator/clock`, { method: 'PUT', body: JSON.stringify({ now: inDays(2) }) });
    await first.close();
    const second = await startBigQuery({ dataFile });
    const [tables] = await clientOf(second).dataset('salesforce').getTables();
    await second.close();
    await rm(folder, { recursive: true });
    expect(tables).toEqual([]);
  });

  test('keeps its expiration through a patch under the fault expiration-kept', async () => {
    const [table] = await client.dataset('salesforce').createTable('kept', { schema: 'a', expirationTime: String(Date.now() + DAY) });
    const fault = { kind: 'expiration-kept', match: 'salesforce.kept' };
    await call(`${emulator.url}/emulator/faults`, { method: 'POST', body: JSON.stringify(fault) });
    for (const kept of [true, false]) {
      const [patched] = await table.setMetadata({ description: 'patched', expirationTime: null } as never);
      expect([patched.description, 'expirationTime' in patched]).toEqual(['patched', kept]);
    }
  });

  test('that expired can be created again after a restart', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bigquery-emulator-test-'));
    const dataFile = join(folder, 'warehouse.duckdb');
    const first = await startBigQuery({ dataFile });
    await clientOf(first).createDataset('salesforce');
    const [table] = await clientOf(first).dataset('salesforce').createTable('again', { schema: 'a' });
    await table.setMetadata({ expirationTime: String(Date.now() - 1) } as never);
    await first.close();
    const second = await startBigQuery({ dataFile });
    await clientOf(second).dataset('salesforce').createTable('again', { schema: 'a' });
    expect(await rowsOf(second, 'SELECT * FROM salesforce.again')).toEqual([]);
    await second.close();
    await rm(folder, { recursive: true });
  });
});

describe('a partition', () => {
  const days = async (name: string) => (await run(`SELECT CAST(d AS STRING) FROM salesforce.${name} ORDER BY d`)).map(([day]) => day);
  const soon = () => ['2090-01-01', '2090-01-02', '2090-01-03'].map((day) => `(DATE '${day}')`).join(', ');

  test('expires a fixed time after its start; rows in the NULL partition stay', async () => {
    const timePartitioning = { type: 'DAY', field: 'd', expirationMs: String(10 * DAY) };
    const [table] = await client.dataset('salesforce').createTable('daily', { schema: 'd:DATE', timePartitioning });
    await run(`INSERT INTO salesforce.daily VALUES ${soon()}, (NULL)`);
    await setClock('2090-01-10T23:59:00Z');
    expect((await table.getMetadata())[0].numRows).toBe('4');
    await setClock('2090-01-12T00:00:00Z');
    expect((await table.getMetadata())[0]).toMatchObject({ numRows: '2', numBytes: '8' });
    expect(await days('daily')).toEqual([null, '2090-01-03']);
    expect((await table.getRows())[0]).toHaveLength(2);
    await run(`INSERT INTO salesforce.daily VALUES (DATE '2089-01-01')`);
    expect(await days('daily')).toEqual([null, '2090-01-03']);
  });

  test('by hour, day, month or year expires at its time in UTC', async () => {
    for (const type of ['HOUR', 'DAY', 'MONTH', 'YEAR']) {
      const timePartitioning = { type, field: 'at', expirationMs: String(DAY) };
      await client.dataset('salesforce').createTable(type, { schema: 'at:TIMESTAMP', timePartitioning });
      await run(`INSERT INTO salesforce.${type} VALUES (TIMESTAMP '2091-02-01 22:30:00+00'), (TIMESTAMP '2091-02-02 01:30:00+00')`);
    }
    await setClock('2091-02-02T21:59:00Z');
    const rows = async (type: string) => Number((await run(`SELECT COUNT(*) FROM salesforce.${type}`))[0]![0]);
    expect([await rows('HOUR'), await rows('DAY'), await rows('MONTH'), await rows('YEAR')]).toEqual([2, 1, 0, 0]);
    await setClock('2091-02-02T22:00:00Z');
    expect(await rows('HOUR')).toBe(1);
  });

  test('gets its expiration from the dataset, OPTIONS, a patch or ALTER TABLE', async () => {
    await client.createDataset('lasting', { defaultPartitionExpirationMs: String(DAY), defaultTableExpirationMs: String(DAY) } as never);
    const partitioning = async (dataset: string, name: string) =>
      (await client.dataset(dataset).table(name).getMetadata())[0].timePartitioning;
    await run('CREATE TABLE lasting.t (d DATE) PARTITION BY d');
    expect(await partitioning('lasting', 't')).toEqual({ type: 'DAY', field: 'd', expirationMs: String(DAY) });
    expect((await client.dataset('lasting').table('t').getMetadata())[0].expirationTime).toBeUndefined();
    await run('CREATE TABLE salesforce.t (d DATE) PARTITION BY d OPTIONS (partition_expiration_days = 2)');
    expect(await partitioning('salesforce', 't')).toMatchObject({ expirationMs: String(2 * DAY) });
    await run('ALTER TABLE salesforce.t SET OPTIONS (partition_expiration_days = 1.5)');
    expect(await partitioning('salesforce', 't')).toMatchObject({ type: 'DAY', expirationMs: String(1.5 * DAY) });
    const table = client.dataset('salesforce').table('t');
    await table.setMetadata({ timePartitioning: { type: 'DAY', expirationMs: String(3 * DAY) } } as never);
    expect(await partitioning('salesforce', 't')).toEqual({ type: 'DAY', field: 'd', expirationMs: String(3 * DAY) });
    await expect(table.setMetadata({ timePartitioning: { type: 'MONTH', field: 'd' } } as never)).rejects.toThrow(
      'Cannot change partitioning spec',
    );
    await run('ALTER TABLE salesforce.t SET OPTIONS (partition_expiration_days = NULL)');
    expect(await partitioning('salesforce', 't')).toEqual({ type: 'DAY', field: 'd' });
    await run('CREATE TABLE salesforce.plain (d DATE)');
    await expect(run('ALTER TABLE salesforce.plain SET OPTIONS (partition_expiration_days = 1)')).rejects.toThrow('is partitioned');
  });
});
