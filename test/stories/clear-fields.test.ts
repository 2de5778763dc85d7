import { afterEach, expect, test } from '@jest/globals';
import { transaction } from '../../app/store/database.ts';
import { queueFirst } from '../../app/store/queue-first.ts';
import { type GatewayService, startGatewayService } from '../support/gateway.ts';
import { repairEnded } from '../support/service.ts';

/** The values of a field must leave all tables of a job. */
let service: GatewayService;
let ids: string[];

afterEach(() => service[Symbol.asyncDispose]());

/** Imports two records with a number, which one of them has as a text since. */
async function importRetyped(): Promise<void> {
  service = await startGatewayService();
  const { org, clock } = service.salesforce;
  const userId = await service.connect();
  org.changeField('Account', { field: 'Secret__c', change: 'add', type: 'double', value: null });
  clock.set(new Date('2023-03-05T10:00:00Z'));
  ids = [4711, 4712].map((value) => org.insert('Account', { Name: 'Acme', Secret__c: value }));
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-05' });
  await service.tickAt('2023-03-06T00:10:00Z');
  org.changeField('Account', { field: 'Secret__c', change: 'retype', type: 'string' });
  clock.set(new Date('2023-03-06T10:00:00Z'));
  org.update('Account', ids[1]!, { Secret__c: 'key 4712' });
  await service.tickAt('2023-03-07T00:10:00Z');
  await repairEnded(service);
}

/** What a change of the job's policy queues. */
async function clear(field: string, refill: boolean): Promise<void> {
  const [job] = await service.jobs();
  const window = { from: new Date(job!.start_date), to: new Date(job!.last_date) };
  const repair = { kind: 'reimport', clear: [field], refill: refill ? [field] : [], window } as const;
  await transaction(service.context.database, (client) => queueFirst(client, job!.id, repair));
}

const secrets = (): Promise<unknown[]> =>
  service.rows(
    `SELECT Name, Secret__c, Secret__c_string FROM salesforce.Account WHERE Id IN ('${ids.join(`', '`)}') ORDER BY Secret__c_string, Id`,
  );

/** Waits until all repairs that follow each other have ended. @returns their kinds and receipts, oldest first */
async function allRepairs(): Promise<{ kind: string; state: string; receipt: Record<string, unknown> }[]> {
  await repairEnded(service);
  const { rows } = await service.database.pool.query(`SELECT kind, state, receipt FROM runs WHERE kind <> 'window' ORDER BY created_at`);
  return rows;
}

test('clears the columns of all types that a field had, and fills the current one again', async () => {
  await importRetyped();
  expect(await secrets()).toEqual([
    { Name: 'Acme', Secret__c: 4711, Secret__c_string: '4711' },
    { Name: 'Acme', Secret__c: 4712, Secret__c_string: 'key 4712' },
  ]);
  await service.stopWorker();
  await clear('Secret__c', true);
  service.startWorker();
  const repairs = await allRepairs();
  expect(repairs.slice(-2)).toMatchObject([
    { kind: 'reimport', state: 'succeeded', receipt: { rows_erased: { Account: 2 } } },
    { kind: 'sweep', state: 'succeeded', receipt: { refreshed: 2, backfilled: ['Secret__c'] } },
  ]);
  expect(await secrets()).toEqual([
    { Name: 'Acme', Secret__c: null, Secret__c_string: '4711' },
    { Name: 'Acme', Secret__c: null, Secret__c_string: 'key 4712' },
  ]);
});

test('leaves the columns of a field that is no longer read empty', async () => {
  await importRetyped();
  await clear('Secret__c', false);
  expect((await allRepairs()).at(-1)).toMatchObject({ kind: 'reimport', receipt: { rows_erased: { Account: 2 } } });
  expect(await secrets()).toEqual([0, 1].map(() => ({ Name: 'Acme', Secret__c: null, Secret__c_string: null })));
});
