import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { connections } from '../../../app/commands/connections.ts';
import { preview } from '../../../app/commands/jobs/preview.ts';
import { suggestFieldPolicy } from '../../../app/commands/jobs/suggest-field-policy.ts';
import { readTokens } from '../../../app/store/connections/connections.ts';
import type { Call } from '../../support/gateway.ts';
import { repairEnded } from '../../support/service.ts';
import { serviceEnvironment } from '../../support/service-environment.ts';
import { type Dump, dumpStore, restoreStore } from '../../support/store/dump.ts';
import { type RestorableService, startRestorable, until } from '../../support/store/restorable.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** A job store that was restored from a backup: it must neither end a grant nor damage a table. */
let service: RestorableService;

afterEach(() => service[Symbol.asyncDispose]());

/** The newest refresh token of a connection. */
const refreshToken = async (connection = 1): Promise<string> =>
  (await readTokens(service.database.pool, service.context.sealer, connection)).refreshToken!;

/** Whether Salesforce still accepts a refresh token. */
async function isAlive(token: string): Promise<boolean> {
  const { clientId, clientSecret } = service.context.config.salesforce.apps[0]!;
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: token,
    client_id: clientId,
    client_secret: clientSecret,
  });
  return (await fetch(`${service.salesforce.loginUrl}/services/oauth2/token`, { method: 'POST', body })).ok;
}

const published = async (): Promise<Record<string, unknown>> =>
  (await service.rows('SELECT installation, epoch, batch, batch_token FROM salesforce._installation'))[0]!;

/** Each ended run is reported once. */
async function expectRunsReportedOnce(): Promise<void> {
  const open = `SELECT FROM runs WHERE state IN ('queued', 'running')`;
  await until(async () => (await service.database.pool.query(open)).rowCount === 0);
  await service.publish();
  expect(await service.rows('SELECT run FROM salesforce._runs GROUP BY run HAVING COUNT(*) > 1')).toEqual([]);
  const { rows } = await service.database.pool.query<{ run: string }>('SELECT id AS run FROM runs WHERE finished_at IS NOT NULL');
  const reported = new Set((await service.rows('SELECT run FROM salesforce._runs')).map(({ run }) => run));
  expect(rows.filter(({ run }) => !reported.has(run))).toEqual([]);
}

const laterColumns = async (): Promise<string[]> => {
  const [{ schema }] = await service.client.dataset('salesforce').table('Account').getMetadata();
  return schema.fields.map(({ name }: { name: string }) => name).filter((name: string) => name.startsWith('Later'));
};

describe('a job store restored from between two windows', () => {
  test('renews no session, claims nothing, writes nothing, and says so', async () => {
    service = await startRestorable();
    const dump = await dumpStore(service.database.pool);
    await service.importNextDay();
    const lost = await refreshToken();
    await service.restore(dump);
    await service.expireSessions();
    const before = await published();

    const tick = await service.tickAt('2023-03-12T00:10:00Z');
    expect(tick).toMatchObject({
      status: 200,
      text: expect.stringMatching(/^Halted: The job store lacks what .* run the command accept-restore/),
    });
    const other = await service.call('create_importing_job', { user_id: service.userId, object_name: 'Lead', start_date: '2023-03-01' });
    expect(other).toMatchObject({ status: 409, code: 'store_restored' });
    expect(JSON.parse((await service.call('jobs')).text)).toMatchObject({
      halted: { code: 'store_restored' },
      jobs: [{ last_date: '2023-03-10', run: { state: 'succeeded' } }],
    });
    expect((await fetch(`${service.url}/readyz`)).status).toBe(503);
    await service.publish();
    expect(await published()).toEqual(before);
    expect(service.renewals()).toEqual([]);
    expect(service.logged.some((line) => line.includes('"event":"store_halted"'))).toBe(true);
    expect(await isAlive(lost)).toBe(true);
  });

  test('lets no command call Salesforce', async () => {
    service = await startRestorable();
    const dump = await dumpStore(service.database.pool);
    await service.importNextDay();
    await service.restore(dump);
    service.instance.calls.length = 0;
    const { database, salesforce, bigquery } = service;
    const env = { ...serviceEnvironment(database.url, salesforce, bigquery), API_KEYS: `ops:operate:${'a'.repeat(64)}` };
    const errors: string[] = [];
    const spies = [
      jest.spyOn(console, 'error').mockImplementation((line) => void errors.push(String(line))),
      jest.spyOn(process.stderr, 'write').mockImplementation(() => true),
    ];
    const stop = new AbortController().signal;
    try {
      expect(await preview({ args: [service.userId, 'Contact'], options: { startDate: '2023-03-01' }, env, stop })).toBe(1);
      expect(await connections({ args: ['test', service.userId], options: {}, env, stop })).toBe(1);
      expect(await suggestFieldPolicy({ args: [service.userId, 'Contact'], options: {}, env, stop })).toBe(1);
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
    const lacks = expect.stringMatching(/^The job store lacks what the service has written/);
    expect(errors).toEqual([lacks, lacks, lacks]);
    expect(service.instance.calls).toEqual([]);
  });

  test('is accepted, and ends with the right table, after a login because the refresh token was replaced', async () => {
    service = await startRestorable();
    const dump = await dumpStore(service.database.pool);
    await service.importNextDay();
    const lost = await refreshToken();
    await service.restore(dump);
    await expect(service.accept()).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('It refuses until') });
    await service.silence();
    expect(await service.accept()).toEqual({ epoch: 2, runs: 0, loggedOut: [service.userId] });
    expect((await service.tickAt('2023-03-12T00:10:00Z')).text).toMatch(/waits for a login/);
    expect(service.renewals()).toEqual([]);
    expect(await isAlive(lost)).toBe(true);
    expect(await service.connect()).toBe(service.userId);
    expect((await service.tickAt('2023-03-12T00:20:00Z')).text).toMatch(/^OK/);
    await expectWholeTable(service, 'Account', '2023-03-12');
    expect(await laterColumns()).toEqual(['Later__c']);
    await expectRunsReportedOnce();
    expect(await published()).toMatchObject({ epoch: 2 });
  });

  test('continues without a login if the refresh token is still the same', async () => {
    service = await startRestorable({ salesforce: {} });
    const dump = await dumpStore(service.database.pool);
    await service.importNextDay();
    await service.restore(dump);
    await service.silence();
    expect(await service.accept()).toEqual({ epoch: 2, runs: 0, loggedOut: [] });
    expect(await service.rows(`SELECT FORMAT_TIMESTAMP('%F', last_date) AS last_date FROM salesforce._freshness`)).toEqual([
      { last_date: '2023-03-10' },
    ]);
    expect((await service.tickAt('2023-03-12T00:10:00Z')).text).toMatch(/^OK/);
    await expectWholeTable(service, 'Account', '2023-03-12');
    await expectRunsReportedOnce();
  });

  test('does not return rows that have been removed since', async () => {
    service = await startRestorable({ salesforce: {} }, 'remove');
    const dump = await dumpStore(service.database.pool);
    service.salesforce.clock.set(new Date('2023-03-10T10:00:00Z'));
    const [kept, removed] = [service.salesforce.org.insert('Account', { Name: 'kept' }), service.salesforce.org.insert('Account', {})];
    await service.importNextDay();
    service.salesforce.clock.set(new Date('2023-03-11T10:00:00Z'));
    service.salesforce.org.remove('Account', removed);
    await service.tickAt('2023-03-12T00:10:00Z');
    await service.publish();
    const found = (): Promise<object[]> => service.rows(`SELECT Id FROM salesforce.Account WHERE Id IN ('${kept}', '${removed}')`);
    expect(await found()).toEqual([{ Id: kept }]);
    await service.restore(dump);
    await service.silence();
    await service.accept();
    expect((await service.tickAt('2023-03-12T00:20:00Z')).text).toMatch(/^OK/);
    expect(await found()).toEqual([{ Id: kept }]);
    await expectRunsReportedOnce();
  });

  test('continues in the tables that were created or replaced since', async () => {
    service = await startRestorable({ salesforce: {} });
    await service.call('create_importing_job', { user_id: service.userId, object_name: 'Contact', start_date: '2023-03-01' });
    const dump = await dumpStore(service.database.pool);
    await service.importNextDay();
    await service.client.dataset('salesforce').table('Account').delete();
    expect(await service.repair('rebuild')).toMatchObject({ state: 'succeeded' });
    await service.publish();
    await service.restore(dump);
    await service.silence();
    await service.accept();
    expect((await service.tickAt('2023-03-12T00:10:00Z')).text).toMatch(/^OK/);
    await expectWholeTable(service, 'Account', '2023-03-12');
    await expectWholeTable(service, 'Contact', '2023-03-12');
    expect(await laterColumns()).toEqual(['Later__c']);
    await expectRunsReportedOnce();
  });

  test('stops a run in progress, of a service that was running', async () => {
    service = await startRestorable({ limits: { noProgressMs: 3_000 } });
    const dump = await dumpStore(service.database.pool);
    await service.publish();
    const reached = Promise.withResolvers<void>();
    service.instance.handler = async () => {
      reached.resolve();
      return await new Promise(() => {});
    };
    service.salesforce.clock.set(new Date('2023-03-11T00:10:00Z'));
    await service.call('handle_importing_job');
    await reached.promise;
    await restoreStore(service.database.pool, dump);
    const stopped = (line: string): boolean => line.includes('"event":"run_interrupted"') && line.includes('store_restored');
    await until(() => service.logged.some(stopped));
    expect(await service.jobs()).toMatchObject([{ last_date: '2023-03-10', run: { to: '2023-03-10' } }]);
  });
});

/** How often a run has been claimed, once its lease has expired and workers have looked for runs. */
async function attemptsAfterLease(runId: string): Promise<number> {
  const { pool } = service.database;
  await pool.query(`UPDATE runs SET lease_until = now() - interval '1 second' WHERE id = $1`, [runId]);
  await sleep(2 * service.context.limits.workerPollMs);
  return (await pool.query<{ attempt: number }>('SELECT attempt FROM runs WHERE id = $1', [runId])).rows[0]!.attempt;
}

/** Answers the first call that matches, but first dumps the job store. */
function dumpAt(matches: (call: Call) => boolean): Promise<Dump> {
  const { promise, resolve, reject } = Promise.withResolvers<Dump>();
  let dumping: Promise<void> | undefined;
  service.instance.handler = async (call, pass) => {
    if (matches(call)) {
      dumping ??= dumpStore(service.database.pool).then(resolve, reject);
      await dumping;
    }
    return await pass();
  };
  return promise;
}

describe('a job store restored from inside a repair', () => {
  test.each(['reimport', 'rebuild', 'sweep'])('starts the %s over as another run', async (action) => {
    service = await startRestorable({ salesforce: {} });
    const id = service.salesforce.org.insert('Account', { Name: 'to be removed' });
    await service.tickAt('2023-03-11T00:10:00Z');
    const dumped = dumpAt(({ soql }) => soql !== '' && !soql.startsWith('SELECT COUNT()'));
    const repair = await service.repair(action);
    expect(repair.state).toBe('succeeded');
    const dump = await dumped;
    service.salesforce.clock.set(new Date('2023-03-11T10:00:00Z'));
    service.salesforce.org.remove('Account', id);
    await service.tickAt('2023-03-12T00:10:00Z');
    await service.publish();
    await service.restore(dump);
    expect(await attemptsAfterLease(repair.id)).toBe(1);
    await service.silence();
    expect(await service.accept()).toMatchObject({ epoch: 2, runs: 1 });
    const again = await repairEnded(service);
    expect(again).toMatchObject({ kind: action, state: 'succeeded', error: null });
    expect(again.id).not.toBe(repair.id);
    expect((await service.tickAt('2023-03-13T00:10:00Z')).text).toMatch(/^OK/);
    await expectWholeTable(service, 'Account', '2023-03-13');
    await expectRunsReportedOnce();
  });
});

describe('a job store restored from inside a window', () => {
  test('starts the window over, and does not adopt what the lost one wrote', async () => {
    service = await startRestorable({ salesforce: {} });
    const dumped = dumpAt(({ soql }) => soql !== '');
    await service.tickAt('2023-03-12T00:10:00Z');
    const dump = await dumped;
    const { run: lost } = (await service.jobs())[0]!;
    await service.publish();
    await service.restore(dump);
    await service.silence();
    expect(await service.accept()).toMatchObject({ runs: 1 });
    service.salesforce.org.insert('Account', { Name: 'meanwhile' });
    await service.tickAt('2023-03-12T00:20:00Z');
    const { run } = (await service.jobs())[0]!;
    expect(run).toMatchObject({ state: 'succeeded', from: '2023-03-10', to: '2023-03-12' });
    expect(run!.id).not.toBe(lost!.id);
    await service.tickAt('2023-03-13T00:10:00Z');
    await expectWholeTable(service, 'Account', '2023-03-13');
    await expectRunsReportedOnce();
  });
});

describe('a job store restored from inside a take-over', () => {
  test('has the job of the first user again, and keeps both grants', async () => {
    service = await startRestorable();
    const users = service.salesforce.org.users;
    service.login.handler = async (call, pass) => {
      const reply = await service.passLogin(call, pass);
      return { ...reply, body: reply.body.replaceAll(users[0]!, users[1]!) };
    };
    const second = await service.connect();
    service.login.handler = service.passLogin;
    const dumped = dumpAt(({ url }) => url.endsWith('/describe'));
    const create = { user_id: second, object_name: 'Account', start_date: '2023-03-01' };
    expect((await service.call('create_importing_job', { ...create, take_over: 'true' })).status).toBe(200);
    const dump = await dumped;
    await service.expireSessions();
    await service.tickAt('2023-03-11T00:10:00Z');
    await service.publish();
    expect(await service.jobs()).toMatchObject([{ user_id: second, last_date: '2023-03-11' }]);
    const renewed = await refreshToken(2);
    await service.restore(dump);
    await service.silence();
    expect(await service.jobs()).toMatchObject([{ user_id: service.userId, last_date: '2023-03-10' }]);
    expect(await service.accept()).toMatchObject({ runs: 0, loggedOut: [second] });
    expect((await service.tickAt('2023-03-12T00:10:00Z')).text).toMatch(/^OK/);
    await expectWholeTable(service, 'Account', '2023-03-12');
    expect(await service.jobs()).toMatchObject([{ user_id: service.userId, needs_login: false }]);
    expect([await isAlive(renewed), await isAlive(await refreshToken())]).toEqual([true, true]);
  });
});

describe('accepting', () => {
  test('waits for jobs of the lost timeline that BigQuery still runs', async () => {
    service = await startRestorable({ salesforce: {} });
    const dump = await dumpStore(service.database.pool);
    await service.importNextDay();
    await service.restore(dump);
    await service.silence();
    const fault = { kind: 'job-stuck', match: 'sync_late_merge' };
    await fetch(`${service.bigquery.url}/emulator/faults`, { method: 'POST', body: JSON.stringify(fault) });
    const [job] = await service.jobs();
    const [late] = await service.client.createJob({
      jobId: 'sync_late_merge_1',
      location: 'EU',
      configuration: { query: { query: 'SELECT 1', useLegacySql: false }, labels: { run: 'lost', job: job!.id } },
    });
    await expect(service.accept()).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('sync_late_merge_1') });
    await late.cancel();
    expect(await service.accept()).toMatchObject({ epoch: 2 });
  });

  test('is a command, which prints what follows, and refuses if there is nothing to accept', async () => {
    service = await startRestorable();
    const dump = await dumpStore(service.database.pool);
    await service.importNextDay();
    await service.restore(dump);
    await service.silence();
    const accepting = async (): Promise<{ code: number; output: string }> => {
      const { database, salesforce, bigquery } = service;
      const env = { ...process.env, ...serviceEnvironment(database.url, salesforce, bigquery), API_KEYS: `ops:admin:${'0'.repeat(64)}` };
      const run = promisify(execFile)(process.execPath, ['app/cli.ts', 'accept-restore'], { env });
      return await run.then(
        ({ stdout }) => ({ code: 0, output: stdout }),
        ({ code, stderr }) => ({ code, output: stderr }),
      );
    };
    const { code, output } = await accepting();
    expect([code, output]).toEqual([0, expect.stringContaining(`as epoch 2`)]);
    expect(output).toContain(`0 open runs start over.`);
    expect(output).toContain(`Connect them again:\n  ${service.userId}\n`);
    await until(() => service.context.agreement.last.kind === 'agrees');
    expect(await accepting()).toEqual({ code: 1, output: expect.stringContaining('nothing to accept') });
  });
});
