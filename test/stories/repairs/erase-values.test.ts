import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { transaction } from '../../../app/store/database.ts';
import { queueFirst } from '../../../app/store/runs/queue-first.ts';
import { type GatewayService, startGatewayService } from '../../support/gateway.ts';
import { type Answer, readAnswer, repairEnded } from '../../support/service.ts';

/** Values that must leave all tables of a job: those of a field, or those of a record. */
let service: GatewayService;
let ids: string[];

afterEach(() => service[Symbol.asyncDispose]());

const SECRETS = ['the first secret', 'the second secret'];

/**
 * Imports two accounts with a number in a field, which holds a text since, and with a value that its column cannot store. A failed run has
 * left staged rows with the second text.
 */
async function importSecrets(): Promise<void> {
  service = await startGatewayService({ limits: { retryMs: 60_000 } });
  const { org, clock } = service.salesforce;
  const userId = await service.connect();
  org.changeField('Account', { field: 'Secret__c', change: 'add', type: 'double', value: null });
  clock.set(new Date('2023-03-05T10:00:00Z'));
  ids = [4711, 4712].map((value) => org.insert('Account', { Name: 'Acme', Secret__c: value }));
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-05', history: 'true' });
  await service.tickAt('2023-03-06T00:10:00Z');
  org.changeField('Account', { field: 'Secret__c', change: 'retype', type: 'string' });
  clock.set(new Date('2023-03-06T10:00:00Z'));
  org.update('Account', ids[0]!, { Secret__c: SECRETS[0]! });
  expect((await service.tickAt('2023-03-07T00:10:00Z')).text).toMatch(/^OK/);
  await repairEnded(service);
  const [job] = await service.jobs();
  const columns = ['object', 'id', 'column', 'value', 'run', 'seen_at'];
  const values = `'Account', '${ids[0]}', 'Secret__c', 'the invalid secret', '${job!.run!.id}', CURRENT_TIMESTAMP()`;
  await service.client.dataset('salesforce').createTable('_invalid_values', {
    schema: columns.map((name) => ({ name, type: name === 'seen_at' ? 'TIMESTAMP' : 'STRING' })),
    labels: { 'managed-by': 'salesforce-bigquery-sync' },
  });
  await service.rows(`INSERT INTO salesforce._invalid_values (${columns.map((name) => `\`${name}\``).join(', ')}) VALUES (${values})`);
}

/** A window that has staged the second secret and is not merged: its worker was killed. */
async function leaveStagedRows(): Promise<void> {
  const { org, clock } = service.salesforce;
  clock.set(new Date('2023-03-07T10:00:00Z'));
  org.update('Account', ids[1]!, { Secret__c: SECRETS[1]! });
  const { pool } = service.database;
  await pool.query(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''killed''; END'`);
  await pool.query('CREATE TRIGGER fail BEFORE INSERT ON table_writes FOR EACH ROW EXECUTE FUNCTION fail()');
  clock.set(new Date('2023-03-08T00:10:00Z'));
  await service.call('handle_importing_job');
  while ((await pool.query(`SELECT FROM runs WHERE kind = 'window' AND state = 'queued' AND failures > 0`)).rowCount === 0) await sleep(5);
  await service.stopWorker();
  await pool.query('DROP TRIGGER fail ON table_writes');
}

/** What a change of the job's policy queues. */
async function clear(refill: boolean): Promise<void> {
  const [job] = await service.jobs();
  const window = { from: new Date(job!.start_date), to: new Date(job!.last_date) };
  const repair = { kind: 'reimport', clear: ['Secret__c'], refill: refill ? ['Secret__c'] : [], window } as const;
  await transaction(service.context.database, (client) => queueFirst(client, job!.id, repair));
}

async function erase(fields: Record<string, string>): Promise<Answer> {
  const [job] = await service.jobs();
  return await readAnswer(await fetch(`${service.url}/v1/jobs/${job!.id}/erase`, { method: 'POST', body: new URLSearchParams(fields) }));
}

const secrets = (): Promise<unknown[]> =>
  service.rows(
    `SELECT Secret__c, Secret__c_string FROM salesforce.Account WHERE Id IN ('${ids.join(`', '`)}') ORDER BY Secret__c_string, Id`,
  );

/** The content of all tables of both datasets. */
async function stored(): Promise<string> {
  const contents: unknown[] = [];
  for (const dataset of ['salesforce', 'salesforce_staging']) {
    const [tables] = await service.client.dataset(dataset).getTables();
    for (const { id } of tables) contents.push(id, await service.rows(`SELECT * FROM ${dataset}.\`${id}\``));
  }
  return JSON.stringify(contents);
}

/** Waits until all repairs that follow each other have ended. @returns all, oldest first */
async function allRepairs(): Promise<{ kind: string; state: string; receipt: Record<string, unknown> }[]> {
  await repairEnded(service);
  const { rows } = await service.database.pool.query(`SELECT kind, state, receipt FROM runs WHERE kind <> 'window' ORDER BY created_at`);
  return rows;
}

describe('clearing a field', () => {
  test('empties its columns of all types, and a sweep fills the current one again', async () => {
    await importSecrets();
    await service.stopWorker();
    await clear(true);
    service.startWorker();
    expect((await allRepairs()).slice(-2)).toMatchObject([
      { kind: 'reimport', state: 'succeeded', receipt: { rows_erased: { Account: 2, Account_versions: 3, _invalid_values: 1 } } },
      { kind: 'sweep', state: 'succeeded', receipt: { refreshed: 2, backfilled: ['Secret__c'] } },
    ]);
    expect(await secrets()).toEqual([
      { Secret__c: null, Secret__c_string: '4712' },
      { Secret__c: null, Secret__c_string: SECRETS[0] },
    ]);
  });

  test('that the job reads no more leaves no text anywhere, not in the staged rows of earlier runs either', async () => {
    await importSecrets();
    await leaveStagedRows();
    for (const secret of [...SECRETS, 'the invalid secret']) expect(await stored()).toContain(secret);
    service.salesforce.org.changeField('Account', { field: 'Secret__c', change: 'hide' });
    await clear(false);
    service.startWorker();
    expect((await allRepairs()).at(-1)).toMatchObject({ kind: 'reimport', state: 'succeeded' });
    expect((await service.tickAt('2023-03-08T00:10:00Z')).text).toMatch(/^OK/);
    expect(await stored()).not.toMatch(/secret|471[12]/);
    expect(await secrets()).toEqual([0, 1].map(() => ({ Secret__c: null, Secret__c_string: null })));
    expect((await service.jobs())[0]).toMatchObject({ last_date: '2023-03-08', run: { state: 'succeeded' } });
  });

  test('restarts the window that is being read and the repair that is open', async () => {
    await importSecrets();
    await service.stopWorker();
    const [job] = await service.jobs();
    await fetch(`${service.url}/v1/jobs/${job!.id}/reimport`, { method: 'POST' });
    service.salesforce.clock.set(new Date('2023-03-08T00:10:00Z'));
    await service.call('handle_importing_job');
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    let waiting = 0;
    service.instance.handler = async ({ soql }, pass) => {
      if (soql.startsWith('SELECT Id,') && ++waiting <= 2) await released;
      return await pass();
    };
    service.startWorker();
    while (waiting < 2) await sleep(5);
    await clear(false);
    // As if the worker had noticed that its run is cancelled.
    await service.database.pool.query(`UPDATE runs SET lease_until = now() WHERE state = 'cancelled'`);
    release();
    expect((await allRepairs()).slice(-4)).toMatchObject([
      { kind: 'reimport', state: 'cancelled' },
      { kind: 'reimport', state: 'succeeded', receipt: { rows_erased: { Account: 2 } } },
      { kind: 'reimport', state: 'succeeded', receipt: { delta_rows: 17 } },
      { kind: 'sweep', state: 'succeeded', receipt: { backfilled: ['Secret__c'] } },
    ]);
    const { rows } = await service.database.pool.query(`SELECT state, error_code FROM runs WHERE kind = 'window' ORDER BY created_at`);
    expect(rows.map(({ state, error_code }) => [state, error_code]).slice(-2)).toEqual([
      ['cancelled', 'superseded'],
      ['succeeded', null],
    ]);
  });

  test('survives a kill before and after its statement, and counts its rows once', async () => {
    await importSecrets();
    await service.stopWorker();
    await clear(false);
    const { pool } = service.database;
    await pool.query(`CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''killed''; END'`);
    for (const table of ['table_writes', 'runs']) {
      const when =
        table === 'runs'
          ? `AFTER UPDATE ON runs FOR EACH ROW WHEN (NEW.state = 'succeeded')`
          : 'BEFORE INSERT ON table_writes FOR EACH ROW';
      await pool.query(`CREATE TRIGGER fail ${when} EXECUTE FUNCTION fail()`);
      service.startWorker();
      while ((await pool.query(`SELECT FROM runs WHERE kind = 'reimport' AND failures > 0`)).rowCount === 0) await sleep(5);
      await service.stopWorker();
      await pool.query(`DROP TRIGGER fail ON ${table}`);
      await pool.query(`UPDATE runs SET failures = 0, run_at = now() WHERE state = 'queued'`);
    }
    service.startWorker();
    expect(await repairEnded(service)).toMatchObject({
      state: 'succeeded',
      receipt: { rows_erased: { Account: 2, Account_versions: 3, _invalid_values: 1 } },
    });
    expect(await secrets()).toEqual([0, 1].map(() => ({ Secret__c: null, Secret__c_string: null })));
  });

  test('that fails for good is repeated by a tick a day later', async () => {
    await importSecrets();
    await service.stopWorker();
    await clear(false);
    const { pool } = service.database;
    await pool.query(`UPDATE runs SET state = 'failed', finished_at = now() - interval '25 hours' WHERE scope ? 'clear'`);
    service.startWorker();
    await service.tickAt('2023-03-07T00:20:00Z');
    expect((await allRepairs()).at(-1)).toMatchObject({ kind: 'reimport', state: 'succeeded', receipt: { rows_erased: { Account: 2 } } });
    expect((await pool.query('SELECT clear_fields FROM jobs')).rows).toEqual([{ clear_fields: {} }]);
  });
});

/** What is wrong with the target table, and how the clearing run ends. */
const TARGETS = [
  ['missing', undefined, { state: 'succeeded', receipt: { rows_erased: { Account_versions: 3, _invalid_values: 1 } } }],
  [
    'being rebuilt',
    'rebuild_of',
    { state: 'succeeded', receipt: { rows_erased: { Account: 2, Account_versions: 3, _invalid_values: 1 } } },
  ],
  ['not of the job', 'other', { state: 'failed', error_code: 'target_replaced' }],
] as const;

describe('clearing a field if the target table is', () => {
  test.each(TARGETS)('%s leaves no text in the tables that are of the job', async (_, label, ended) => {
    await importSecrets();
    await service.stopWorker();
    const { id } = (await service.jobs())[0]!;
    const table = service.client.dataset('salesforce').table('Account');
    if (label === undefined) await table.delete();
    else await table.setMetadata({ labels: { job: 'other', [label]: id } });
    service.salesforce.org.changeField('Account', { field: 'Secret__c', change: 'hide' });
    await clear(false);
    service.startWorker();
    await repairEnded(service);
    const { rows } = await service.database.pool.query(
      `SELECT state, error_code, receipt FROM runs WHERE scope ? 'clear' AND finished_at IS NOT NULL ORDER BY created_at`,
    );
    expect(rows.at(-1)).toMatchObject(ended);
    await service.client.dataset('salesforce').table('Account_live').delete();
    if (label === 'other') {
      expect(await secrets()).toContainEqual({ Secret__c: 4711, Secret__c_string: SECRETS[0] });
      await table.delete();
    }
    expect(await stored()).not.toMatch(/secret|471[12]/);
  });
});

describe('erasing a record', () => {
  test('is refused while Salesforce has it, in the recycle bin too; then it is in no table', async () => {
    await importSecrets();
    await leaveStagedRows();
    const { org } = service.salesforce;
    const refused = { status: 409, code: 'conflict', text: expect.stringContaining('Salesforce still returns this record of Account') };
    expect(await erase({ record_id: ids[0]! })).toMatchObject(refused);
    org.remove('Account', ids[0]!);
    expect(await erase({ record_id: ids[0]!.slice(0, 15) })).toMatchObject(refused);
    org.purge('Account', ids[0]!);
    const answer = await erase({ record_id: ids[0]! });
    expect(answer.status).toBe(200);
    const { recoverable_until, ...run } = JSON.parse(answer.text);
    // A week of time travel, and a week of fail-safe.
    expect(Date.parse(recoverable_until) - Date.now()).toBeGreaterThan(13.9 * 24 * 3_600_000);
    expect(answer.text).not.toContain(ids[0]!.slice(0, 15));
    service.startWorker();
    expect((await allRepairs()).at(-1)).toMatchObject({
      state: 'succeeded',
      receipt: { rows_erased: { Account: 1, Account_versions: 2, _invalid_values: 1 } },
    });
    await service.tickAt('2023-03-08T00:10:00Z');
    const text = await stored();
    expect(text).not.toContain(ids[0]);
    expect(text).not.toMatch(/the (first|invalid) secret/);
    expect(text).toContain(ids[1]);
    const { changes } = JSON.parse((await service.call('v1/audit')).text);
    expect(changes[0]).toMatchObject({ action: 'erase_requested', run_id: run.id, details: { suppress: false } });
  });

  test('with suppress leaves it out of windows, sweeps, reimports, comparisons and rebuilds from then on', async () => {
    await importSecrets();
    expect((await erase({ record_id: ids[0]!, suppress: 'true' })).status).toBe(200);
    expect((await allRepairs()).at(-1)).toMatchObject({
      receipt: { rows_erased: { Account: 1, Account_versions: 2, _invalid_values: 1 } },
    });
    service.salesforce.clock.set(new Date('2023-03-07T10:00:00Z'));
    for (const id of ids) service.salesforce.org.update('Account', id, { Name: 'Edited' });
    expect((await service.tickAt('2023-03-08T00:10:00Z')).text).toMatch(/^OK/);
    const edited = (): Promise<unknown[]> => service.rows(`SELECT Id FROM salesforce.Account WHERE Name = 'Edited'`);
    expect(await edited()).toEqual([{ Id: ids[1] }]);
    for (const [action, fields] of [['sweep'], ['reimport'], ['reimport', { ids: ids.join() }], ['rebuild']] as const) {
      expect(await service.repair(action, fields)).toMatchObject({ state: 'succeeded', error: null });
      expect(await edited()).toEqual([{ Id: ids[1] }]);
    }
    expect(await service.repair('reimport', { compare: 'true' })).toMatchObject({ receipt: { absent: 0, different: 0 } });
    const { rows } = await service.database.pool.query('SELECT suppressed FROM jobs');
    expect(rows).toEqual([{ suppressed: [expect.stringMatching(/^[0-9a-f]{64}$/)] }]);
  });
});
