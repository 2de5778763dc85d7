import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { type Context, createContext } from '../../../app/context.ts';
import { createApp } from '../../../app/http/app.ts';
import { startPostgres } from '../../../app/local/emulators/postgres.ts';
import { openDatabase } from '../../../app/store/database.ts';
import { migrate, waitForDatabase } from '../../../app/store/migrate.ts';
import { Agreement, type Comparison } from '../../../app/sync/agreement.ts';
import { Worker } from '../../../app/sync/worker.ts';
import { close, listen } from '../../support/server.ts';
import { type Answer, readAnswer } from '../../support/service.ts';
import { createTestDatabase, type TestDatabase } from '../../support/store/database.ts';
import { type Dump, dumpStore, restoreStore } from '../../support/store/dump.ts';
import { AGREEMENT_MS, type RestorableService, startRestorable, until } from '../../support/store/restorable.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** Several job stores for the same datasets: only one of them may be in use. */
let service: RestorableService;

afterEach(() => service[Symbol.asyncDispose]());

/** A second service on a copy of the job store. */
interface Copy {
  database: TestDatabase;
  context: Context;
  url: string;
  call(path: string): Promise<Answer>;
  [Symbol.asyncDispose](): Promise<void>;
}

async function startCopy(dump: Dump): Promise<Copy> {
  const database = await createTestDatabase();
  await restoreStore(database.pool, dump);
  const { config, events, limits } = service.context;
  const context = createContext({ ...config, database: { url: database.url } }, events, limits);
  const server = createServer(createApp(context).callback());
  const url = await listen(server);
  const worker = new Worker(context);
  worker.start();
  await until(() => context.agreement.last.kind !== 'unknown');
  return {
    database,
    context,
    url,
    call: async (path) => await readAnswer(await fetch(`${url}/${path}`)),
    async [Symbol.asyncDispose]() {
      await worker.stop();
      await close(server);
      await context.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

describe('a copy of the job store', () => {
  test('stays read-only while the original is alive, even if the original has written nothing since', async () => {
    service = await startRestorable();
    await using copy = await startCopy(await dumpStore(service.database.pool));
    await service.expireSessions();
    service.login.calls.length = 0;
    service.salesforce.clock.set(new Date('2023-03-11T00:10:00Z'));
    expect((await copy.call('handle_importing_job?wait=2')).text).toMatch(/^Halted: The job store is a copy of one that is still in use/);
    await expect(service.accept(copy.context)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('still in use'),
    });
    expect(service.renewals()).toEqual([]);
    // The original does not notice.
    expect((await service.tickAt('2023-03-11T00:10:00Z')).text).toMatch(/^OK/);
    await service.publish();
    expect((await service.context.agreement.current()).kind).toBe('agrees');
    await sleep(AGREEMENT_MS);
    await copy.context.agreement.current();
    expect((await copy.call('handle_importing_job?wait=2')).text).toMatch(/^Halted: The job store lacks/);
    await expect(service.accept(copy.context)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('It refuses until'),
    });
    await expectWholeTable(service, 'Account', '2023-03-11');
    expect(service.renewals()).toHaveLength(1);
  });

  test('is recognized by its host and port if it is on another machine', async () => {
    service = await startRestorable();
    const { database, warehouse, limits, events } = service.context;
    const compareAt = (server: string): Promise<Comparison> =>
      new Agreement({ database, warehouse, dataset: 'salesforce', server, limits, events }).compare();
    const [one, same, other] = [await compareAt('one:5432'), await compareAt('one:5432'), await compareAt('other:5432')];
    expect([one.address === same.address, one.address === other.address]).toEqual([true, false]);
    expect(one.disagreement).toMatchObject({ kind: 'copied', isAlive: true });
  });

  test('continues by itself once the original is silent, if it lacks nothing: the job store has moved', async () => {
    service = await startRestorable();
    await service.stopWorker();
    await using copy = await startCopy(await dumpStore(service.database.pool));
    expect(copy.context.agreement.last.kind).toBe('halted');
    await service.silence();
    service.salesforce.clock.set(new Date('2023-03-11T00:10:00Z'));
    await until(async () => (await copy.context.agreement.current()).kind === 'agrees');
    expect((await copy.call('handle_importing_job?wait=50')).text).toMatch(/^OK/);
    await service.publish(copy.context);
    // Now the original is a copy of the past.
    await sleep(AGREEMENT_MS);
    expect((await service.context.agreement.current()).kind).toBe('halted');
  });

  test('once accepted, halts the original when that returns', async () => {
    service = await startRestorable({ salesforce: {} });
    const dump = await dumpStore(service.database.pool);
    await service.importNextDay();
    await service.stopWorker();
    await service.silence();
    await using copy = await startCopy(dump);
    expect(await service.accept(copy.context)).toMatchObject({ epoch: 2 });
    await sleep(AGREEMENT_MS);
    service.startWorker();
    await until(() => service.context.agreement.last.kind === 'halted');
    expect((await service.tickAt('2023-03-12T00:10:00Z')).text).toMatch(/^Halted/);
    expect((await copy.call('handle_importing_job?wait=50')).text).toMatch(/^OK/);
  });
});

describe('Postgres that restarts with an earlier job store, under a running service', () => {
  test('is noticed at once', async () => {
    service = await startRestorable({ limits: { agreementMs: 600_000 } });
    await service.stopWorker();
    const dump = await dumpStore(service.database.pool);
    const dataFolder = await mkdtemp(join(tmpdir(), 'restored-'));
    await using postgres = await startOwnPostgres(dataFolder);
    await postgres.restore(dump);
    await service.silence();
    const { config, events, limits } = service.context;
    const context = createContext({ ...config, database: { url: postgres.url } }, events, limits);
    expect((await context.agreement.current()).kind).toBe('agrees');
    await service.publish(context);
    await postgres.restart();
    await postgres.restore(dump);
    await service.expireSessions();
    service.login.calls.length = 0;
    await expect(context.salesforce(1).get('read the limits', '/services/data/v66.0/limits', {})).rejects.toMatchObject({
      code: 'store_restored',
    });
    expect(service.renewals()).toEqual([]);
    expect(context.agreement.last.kind).toBe('halted');
    await context.close();
  });
});

interface OwnPostgres {
  url: string;
  restore(dump: Dump): Promise<void>;
  restart(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

async function startOwnPostgres(dataFolder: string): Promise<OwnPostgres> {
  let server = await startPostgres({ dataFolder });
  const { url } = server;
  const port = Number(new URL(url).port);
  const use = async (work: (pool: pg.Pool) => Promise<unknown>): Promise<void> => {
    const pool = openDatabase({ url }, () => {});
    await waitForDatabase(pool);
    await work(pool);
    await pool.end();
  };
  await use((pool) => migrate(pool));
  return {
    url,
    restore: (dump) => use((pool) => restoreStore(pool, dump)),
    async restart() {
      await server.close();
      server = await startPostgres({ dataFolder, port });
    },
    async [Symbol.asyncDispose]() {
      await server.close();
      await rm(server.dataFolder, { recursive: true, force: true });
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}

describe('a job store of another installation', () => {
  test('halts a service whose dataset it uses, until that is accepted', async () => {
    service = await startRestorable({ salesforce: {} });
    await service.database.pool.query('UPDATE installation SET id = gen_random_uuid()');
    await sleep(AGREEMENT_MS);
    await until(async () => (await service.context.agreement.current()).kind === 'halted');
    const { text } = await service.tickAt('2023-03-11T00:10:00Z');
    expect(text).toMatch(/^Halted: Another installation, .* a second service uses this dataset, or this service's job store was emptied/);
    await expect(service.accept()).rejects.toMatchObject({ code: 'conflict' });
    await service.silence();
    expect(await service.accept()).toMatchObject({ epoch: 2, loggedOut: [] });
    expect((await service.tickAt('2023-03-11T00:20:00Z')).text).toMatch(/^OK/);
    await service.publish();
    await sleep(AGREEMENT_MS);
    expect((await service.context.agreement.current()).kind).toBe('agrees');
  });
});

describe('a service that cannot read BigQuery', () => {
  const refuse = (times: number, match: string): Promise<unknown> =>
    fetch(`${service.bigquery.url}/emulator/faults`, {
      method: 'POST',
      body: JSON.stringify({ kind: 'http', status: 400, reason: 'invalid', times, match }),
    });

  test('claims nothing before the first comparison', async () => {
    service = await startRestorable({ limits: { retryMs: 50 } });
    await service.stopWorker();
    await refuse(1_000, '/tables/_installation');
    const { config, events, limits } = service.context;
    const context = createContext(config, events, limits);
    const worker = new Worker(context);
    worker.start();
    service.salesforce.clock.set(new Date('2023-03-11T00:10:00Z'));
    await service.call('handle_importing_job');
    await until(() => service.logged.filter((line) => line.includes('store_not_compared')).length > 2);
    expect(await service.jobs()).toMatchObject([{ last_date: '2023-03-10', run: { state: 'queued' } }]);
    await fetch(`${service.bigquery.url}/emulator/faults`, { method: 'DELETE' });
    expect((await service.tickAt('2023-03-11T00:10:00Z')).text).toMatch(/^OK/);
    await worker.stop();
    await context.close();
  });

  test('continues after a comparison that agreed', async () => {
    service = await startRestorable();
    await refuse(1_000, '/tables/_installation');
    await sleep(AGREEMENT_MS);
    expect((await service.tickAt('2023-03-11T00:10:00Z')).text).toMatch(/^OK/);
  });
});
