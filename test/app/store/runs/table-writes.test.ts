import { beforeEach, expect, test } from '@jest/globals';
import type { Reimport } from '../../../../app/core/runs/pass.ts';
import { transaction } from '../../../../app/store/database.ts';
import { findJobById, takeOverJob } from '../../../../app/store/jobs/jobs.ts';
import { cancelOpenRun, failRun, postponeRun, succeedRepair } from '../../../../app/store/runs/end-run.ts';
import { queueErasure, succeedErasure } from '../../../../app/store/runs/erasures.ts';
import { queueFirst } from '../../../../app/store/runs/queue-first.ts';
import { queueDueRuns, queueRepair, queueRepairAgain, renewRepairs } from '../../../../app/store/runs/queue-runs.ts';
import type { Run } from '../../../../app/store/runs/runs.ts';
import {
  deleteTableWrite,
  readOtherWrites,
  releaseTable,
  saveTableWrite,
  saveValuesWrite,
  takeTable,
} from '../../../../app/store/runs/table-writes.ts';
import { claimRun } from '../../../support/claim-run.ts';
import { createConnectionStore } from '../../../support/connections.ts';

const { database, reset } = await createConnectionStore();
const CANCELLED = { code: 'cancelled', message: 'Cancelled.' };
const range = { from: new Date('2023-03-01'), to: new Date('2023-03-02') };
let jobId: string;

/** A job with a window and a reimport. */
beforeEach(async () => {
  await reset();
  const { rows } = await database.pool.query<{ id: string }>(
    `INSERT INTO jobs (connection_id, object_name, cursor_field, target_dataset, target_table, start_date, synced_to, wanted_to)
     SELECT id, 'Account', 'SystemModstamp', 'salesforce', 'Account', '2023-03-01', '2023-03-01', '2023-03-02' FROM connections RETURNING id`,
  );
  jobId = rows[0]!.id;
  await database.pool.query(
    `INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, run_at)
     SELECT id, connection_id, 'window', synced_to, wanted_to, now() FROM jobs`,
  );
  await queueRepair(database.pool, jobId, { kind: 'reimport', window: range });
});

const claim = async (): Promise<Run> => (await claimRun(database.pool, 60, 9))!;
const claimBoth = async (): Promise<[Run, Run]> => [await claim(), await claim()];
const states = async (): Promise<string[]> =>
  (await database.pool.query(`SELECT kind || ' ' || state AS text FROM runs ORDER BY created_at, kind`)).rows.map(({ text }) => text);

test('a job has one open run per lane, and its window is claimed first', async () => {
  expect(await queueRepair(database.pool, jobId, { kind: 'reimport', window: range })).toBeUndefined();
  const [window, reimport] = await claimBoth();
  expect([window.pass, reimport.pass]).toEqual([{ kind: 'window' }, { kind: 'reimport' }]);
  expect(reimport).toMatchObject({ window: range, repairTo: range.to });
});

test('a repair that has waited longer than a quarter of an hour is claimed before a window', async () => {
  await database.pool.query(`UPDATE runs SET run_at = now() - interval '16 minutes' WHERE kind = 'reimport'`);
  expect((await claim()).pass.kind).toBe('reimport');
});

test('one run of a job may write its table', async () => {
  const [window, reimport] = await claimBoth();
  await takeTable(database.pool, window);
  await takeTable(database.pool, window);
  await expect(takeTable(database.pool, reimport)).rejects.toMatchObject({ code: 'table_busy', recovery: 'defer' });
  await expect(saveTableWrite(database.pool, reimport, 'merge')).rejects.toMatchObject({ code: 'lease_lost' });
  await postponeRun(database.pool, reimport, 0, undefined, undefined);
  expect(await claimRun(database.pool, 60, 9)).toBeUndefined();
  await cancelOpenRun(database.pool, window.runId, CANCELLED);
  await takeTable(database.pool, await claim());
});

test('a run that waits may release the table', async () => {
  const [window, reimport] = await claimBoth();
  await takeTable(database.pool, window);
  await releaseTable(database.pool, reimport);
  await expect(takeTable(database.pool, reimport)).rejects.toMatchObject({ code: 'table_busy' });
  await releaseTable(database.pool, window);
  await takeTable(database.pool, reimport);
});

test('a worker that lost its run takes no table and requests no write', async () => {
  const [window] = await claimBoth();
  await takeTable(database.pool, window);
  await cancelOpenRun(database.pool, window.runId, CANCELLED);
  await expect(takeTable(database.pool, window)).rejects.toMatchObject({ code: 'lease_lost' });
  await expect(saveTableWrite(database.pool, window, 'merge')).rejects.toMatchObject({ code: 'lease_lost' });
});

test('writes stay recorded until they have ended, also when their run is deleted', async () => {
  const [window, reimport] = await claimBoth();
  await takeTable(database.pool, window);
  for (const statement of ['merge_1', 'merge_1', 'merge_2']) await saveTableWrite(database.pool, window, statement);
  await cancelOpenRun(database.pool, window.runId, CANCELLED);
  await database.pool.query(`DELETE FROM runs WHERE id = $1`, [window.runId]);
  expect(await readOtherWrites(database.pool, window)).toEqual([]);
  expect(await readOtherWrites(database.pool, reimport)).toEqual([
    { statement: 'merge_1', runId: window.runId },
    { statement: 'merge_2', runId: window.runId },
  ]);
  await deleteTableWrite(database.pool, 'merge_1');
  expect(await readOtherWrites(database.pool, reimport)).toMatchObject([{ statement: 'merge_2' }]);
});

test('a repair ends without moving last_date, and what follows it is queued at once', async () => {
  const [, reimport] = await claimBoth();
  const rest = { from: range.to, to: new Date('2023-03-03') };
  await succeedRepair(database.pool, reimport, { verdict: 'exact' }, new Date('2023-02-27'), { kind: 'reimport', window: rest });
  expect(await states()).toEqual(['window running', 'reimport succeeded', 'reimport queued']);
  const { rows } = await database.pool.query('SELECT synced_to, reread_from FROM jobs');
  expect(rows).toEqual([{ synced_to: range.from, reread_from: new Date('2023-02-27') }]);
  expect((await claim()).window).toEqual(rest);
});

test('a repair that waited for six days starts over as a repair', async () => {
  await database.pool.query(`UPDATE runs SET created_at = now() - interval '7 days' WHERE kind = 'reimport'`);
  await claim();
  expect(await states()).toEqual(['reimport cancelled', 'window running', 'reimport queued']);
});

test('a repair that starts over gets the whole range of its chain, and its worker loses it', async () => {
  const [, reimport] = await claimBoth();
  await database.pool.query(`UPDATE runs SET window_to = window_from + interval '1 hour' WHERE kind = 'reimport'`);
  expect(await renewRepairs(database.pool, 'job_id = $3', [jobId])).toBe(1);
  await expect(takeTable(database.pool, reimport)).rejects.toMatchObject({ code: 'lease_lost' });
  expect((await claim()).window).toEqual(range);
});

test('only a repair that failed or was cancelled can be queued again', async () => {
  const [window, reimport] = await claimBoth();
  expect(await queueRepairAgain(database.pool, reimport.runId)).toBeUndefined();
  for (const { runId } of [window, reimport]) await cancelOpenRun(database.pool, runId, CANCELLED);
  expect(await queueRepairAgain(database.pool, window.runId)).toBeUndefined();
  expect(await queueRepairAgain(database.pool, reimport.runId)).toBeDefined();
});

test('a statement that stores values beside the table is recorded without the table lease, and only by the worker of its run', async () => {
  const [window, reimport] = await claimBoth();
  await takeTable(database.pool, reimport);
  await saveValuesWrite(database.pool, window, 'bad');
  expect(await readOtherWrites(database.pool, reimport)).toEqual([{ statement: 'bad', runId: window.runId }]);
  await cancelOpenRun(database.pool, window.runId, CANCELLED);
  await expect(saveValuesWrite(database.pool, window, 'late')).rejects.toMatchObject({ code: 'lease_lost' });
});

test('a repair that erases values ends the open runs of its job, which start over: the window at once, each repair after the one that interrupted it', async () => {
  const [window] = await claimBoth();
  const clear = (field: string) =>
    transaction(database.pool, (client) => queueFirst(client, jobId, { kind: 'reimport', clear: [field], window: range }));
  await clear('One__c');
  expect(await states()).toEqual(['window cancelled', 'reimport cancelled', 'reimport queued', 'window queued']);
  await expect(saveValuesWrite(database.pool, window, 'bad')).rejects.toMatchObject({ code: 'lease_lost' });
  await clear('Two__c');
  const scopes = async (): Promise<unknown> =>
    (
      await database.pool.query(
        `SELECT scope - 'interrupted' AS scope FROM runs WHERE kind = 'reimport' AND state IN ('queued', 'running')`,
      )
    ).rows[0].scope;
  for (const scope of [{ clear: ['Two__c'] }, { clear: ['One__c'] }]) {
    expect(await scopes()).toEqual(scope);
    await database.pool.query(`UPDATE runs SET run_at = now() - interval '1 hour' WHERE kind = 'reimport' AND state = 'queued'`);
    const run = await claim();
    if (run.pass.kind !== 'reimport') throw new Error(run.pass.kind);
    await succeedErasure(database.pool, run, run.pass, {}, []);
  }
  expect(await scopes()).toEqual({});
  expect((await database.pool.query('SELECT clear_fields FROM jobs')).rows).toEqual([{ clear_fields: {} }]);
});

const erase = (hash: string): Promise<string> =>
  transaction(database.pool, (client) =>
    queueErasure(client, { id: jobId, objectName: 'Account' }, { kind: 'reimport', erase: hash, window: range }, false),
  );
const clear = (field: string): Promise<string> =>
  transaction(database.pool, (client) => queueFirst(client, jobId, { kind: 'reimport', clear: [field], window: range }));
const tick = (): Promise<unknown> => queueDueRuns(database.pool, [], {});
/** What the open repair does; undefined: none is open. */
const openScope = async (): Promise<unknown> =>
  (await database.pool.query(`SELECT scope FROM runs WHERE kind <> 'window' AND state IN ('queued', 'running')`)).rows[0]?.scope;

/** Claims the open repair, before any window. */
async function claimErasing(): Promise<Run & { pass: Reimport }> {
  await database.pool.query(`UPDATE runs SET run_at = now() - interval '1 hour' WHERE kind <> 'window' AND state = 'queued'`);
  const { pass, ...run } = await claim();
  if (pass.kind !== 'reimport') throw new Error(pass.kind);
  return { ...run, pass };
}

async function succeed(): Promise<void> {
  const run = await claimErasing();
  await succeedErasure(database.pool, run, run.pass, {}, []);
}

const fail = async (): Promise<unknown> => await failRun(database.pool, await claimErasing(), 1, { code: 'budget', message: 'Too much.' });
const passDay = (): Promise<unknown> => database.pool.query(`UPDATE runs SET finished_at = finished_at - interval '25 hours'`);

test.each([
  ['clears a field', () => clear('One__c'), { clear: ['One__c'] }],
  ['erases another record', () => erase('b'), { erase: 'b' }],
])('an erasure is not lost with a run that interrupts it, %s, and fails', async (_, interrupt, scope) => {
  await erase('a');
  await interrupt();
  expect(await openScope()).toEqual(scope);
  await fail();
  await tick();
  expect(await openScope()).toEqual({ erase: 'a' });
  await succeed();
  expect(await openScope()).toBeUndefined();
  await passDay();
  await tick();
  expect(await openScope()).toEqual(scope);
  await succeed();
  // The reimport that the first of them interrupted.
  expect(await openScope()).toEqual({});
});

test('an erasure that failed is repeated a day later, and one that was cancelled only if it is retried', async () => {
  await erase('a');
  await fail();
  await tick();
  expect(await openScope()).toBeUndefined();
  await passDay();
  await tick();
  expect(await openScope()).toEqual({ erase: 'a' });
  const { runId } = await claimErasing();
  await cancelOpenRun(database.pool, runId, CANCELLED);
  await passDay();
  await tick();
  expect(await openScope()).toEqual({});
  await cancelOpenRun(database.pool, (await claimErasing()).runId, CANCELLED);
  await queueRepairAgain(database.pool, runId);
  await fail();
  await passDay();
  await tick();
  expect(await openScope()).toEqual({ erase: 'a' });
});

test.each([
  ['clears a field', () => clear('One__c'), { clear: ['One__c'] }],
  ['erases a record', () => erase('a'), { erase: 'a' }],
])('a run that %s is queued again by the next tick after a take-over', async (_, queue, scope) => {
  await queue();
  const job = (await findJobById(database.pool, jobId))!;
  const { rows } = await database.pool.query<{ id: number }>(
    `INSERT INTO connections (org_id, user_id, identity_url, login_url, instance_url, access_token, refresh_token)
     SELECT org_id, '005000000000099AAA', '', '', '', '', '' FROM connections RETURNING id`,
  );
  expect(await takeOverJob(database.pool, job, rows[0]!.id, true)).toBeDefined();
  expect(await openScope()).toBeUndefined();
  await tick();
  expect(await openScope()).toEqual(scope);
});
