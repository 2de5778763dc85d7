import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { FieldColumn } from '../../../app/core/fields/columns.ts';
import { NO_DRIFT } from '../../../app/core/fields/drift.ts';
import { windowEnds } from '../../../app/core/runs/window.ts';
import { saveGrant } from '../../../app/store/connections/connections.ts';
import { readBackfill, readFieldColumns, saveNewFieldColumns, saveUnfilled } from '../../../app/store/jobs/field-columns.ts';
import { insertJob, type Job, pauseJob } from '../../../app/store/jobs/jobs.ts';
import { cancelOpenRun, failRun, succeedRepair, succeedRun } from '../../../app/store/runs/end-run.ts';
import { queueDueRuns, queueRepair } from '../../../app/store/runs/queue-runs.ts';
import { type Run, saveDescribed, saveRun } from '../../../app/store/runs/runs.ts';
import { createSealer } from '../../../app/store/seal.ts';
import { claimRun } from '../../support/claim-run.ts';
import { createTestDatabase, type TestDatabase } from '../../support/store/database.ts';

/** The fields that old rows lack, and the sweep that fills them. */
let database: TestDatabase;
let job: Job;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(async () => {
  await database.pool.query('TRUNCATE connections, jobs, runs CASCADE');
  const grant = {
    accessToken: 'access',
    refreshToken: 'refresh',
    instanceUrl: 'https://i.example',
    identityUrl: 'https://login.example/id/00D/A',
    loginUrl: 'https://login.example',
  };
  const owner = { orgId: '00D000000000000EAA', userId: '00500000000000AAAA' };
  const connection = await saveGrant(database.pool, createSealer([Buffer.alloc(32, 7)]), owner, grant);
  const start = new Date('2023-03-01');
  job = (await insertJob(database.pool, {
    connectionId: connection.id,
    objectName: 'Account',
    cursorField: 'SystemModstamp',
    excludeFields: [],
    hashFields: [],
    newFields: 'add',
    approvedFields: null,
    cursorNillable: false,
    targetDataset: 'salesforce',
    targetTable: 'Account',
    partitioned: false,
    deletes: 'keep',
    appendOnly: false,
    history: false,
    every: 'day',
    startDate: start,
    activeSince: start,
  }))!;
});

const columns = (...fields: string[]): FieldColumn[] => ['Id', ...fields].map((field) => ({ field, name: field, type: 'STRING' }));

const tick = (date: string) =>
  queueDueRuns(
    database.pool,
    windowEnds(new Date(date)).map((end) => ({ ...end, lagMs: 0 })),
    {},
  );

async function claim(kind: Run['pass']['kind']): Promise<Run> {
  const run = await claimRun(database.pool, 60, 10);
  expect(run).toMatchObject({ pass: { kind } });
  return run!;
}

/** A claimed run that has resolved these fields by a describe. */
async function resolved(run: Run, ...fields: string[]): Promise<Run> {
  return await saveRun(database.pool, await saveDescribed(database.pool, run), { columns: columns(...fields) });
}

/** Imports the window up to a day. */
async function importDay(day: string, ...fields: string[]): Promise<void> {
  await tick(day);
  const run = await resolved(await claim('window'), ...fields);
  if (run.job.syncedTo.getTime() === run.job.startDate.getTime()) await saveNewFieldColumns(database.pool, run, run.columns!);
  await succeedRun(database.pool, run, {});
}

/** Imports a window in which the column of a field is set to NULL. */
async function importHidden(day: string, field: string, ...fields: string[]): Promise<void> {
  await tick(day);
  const run = await resolved(await claim('window'), ...fields);
  const emptied = await saveRun(database.pool, run, { drift: { ...NO_DRIFT, orphaned: [field], emptied: [field] } });
  await saveUnfilled(database.pool, emptied);
  await succeedRun(database.pool, emptied, {});
}

const backfill = async (): Promise<string[]> => Object.keys(await readBackfill(database.pool, job.id)).sort();
const repairs = async (): Promise<string[]> =>
  (
    await database.pool.query<{ kind: string }>(`SELECT kind || ' ' || state AS kind FROM runs WHERE kind <> 'window' ORDER BY created_at`)
  ).rows.map(({ kind }) => kind);
const endSweep = async (...fields: string[]): Promise<void> =>
  await succeedRepair(database.pool, await resolved(await claim('sweep'), ...fields), {}, null, undefined);

describe('a field', () => {
  test('of the first import is complete', async () => {
    await importDay('2023-03-20', 'A__c');
    await importDay('2023-03-21', 'A__c');
    expect([await backfill(), await repairs()]).toEqual([[], []]);
  });

  test('that is new is filled by a sweep, which is queued with the end of its window', async () => {
    await importDay('2023-03-20', 'A__c');
    await importDay('2023-03-21', 'A__c', 'B__c');
    expect([await backfill(), await repairs()]).toEqual([['B__c'], ['sweep queued']]);
    const { rows } = await database.pool.query('SELECT window_from, window_to FROM runs WHERE kind = $1', ['sweep']);
    expect(rows).toEqual([{ window_from: new Date('2023-03-01'), window_to: new Date('2023-03-21') }]);
    await endSweep('B__c');
    expect(await backfill()).toEqual([]);
    await importDay('2023-03-22', 'A__c', 'B__c');
    expect([await backfill(), await repairs()]).toEqual([[], ['sweep succeeded']]);
  });

  test('that is hidden is filled when it returns, even if the run that emptied it never ended', async () => {
    await importDay('2023-03-20', 'A__c');
    await tick('2023-03-21');
    const run = await saveRun(database.pool, await claim('window'), { drift: { ...NO_DRIFT, emptied: ['A__c'] } });
    await saveUnfilled(database.pool, run);
    await cancelOpenRun(database.pool, run.runId, { code: 'cancelled', message: 'Cancelled.' });
    await importDay('2023-03-21', 'A__c');
    expect(await backfill()).toEqual(['A__c']);
  });

  test('whose column a user dropped is filled when the column is added again', async () => {
    await importDay('2023-03-20', 'A__c');
    await tick('2023-03-21');
    const run = await saveRun(database.pool, await resolved(await claim('window'), 'A__c'), { drift: { ...NO_DRIFT, added: ['A__c'] } });
    await saveUnfilled(database.pool, run);
    await succeedRun(database.pool, run, {});
    expect(await backfill()).toEqual(['A__c']);
  });

  test('that is hidden and never written meanwhile is complete', async () => {
    await importDay('2023-03-20', 'A__c');
    await importDay('2023-03-21');
    await importDay('2023-03-22', 'A__c');
    expect(await backfill()).toEqual([]);
  });

  test('that a window knows only from an earlier describe is not complete', async () => {
    await importDay('2023-03-20', 'A__c');
    await importHidden('2023-03-21', 'A__c');
    await tick('2023-03-22');
    const run = await saveRun(database.pool, await claim('window'), { columns: columns('A__c') });
    await succeedRun(database.pool, run, {});
    expect(await backfill()).toEqual([]);
    await importDay('2023-03-23', 'A__c');
    expect(await backfill()).toEqual(['A__c']);
  });

  test('of a job of an earlier release is known from its runs', async () => {
    await importDay('2023-03-20', 'A__c', 'Hidden__c');
    await importDay('2023-03-21', 'A__c');
    await database.pool.query('UPDATE jobs SET field_columns = NULL, backfill_fields = NULL');
    await tick('2023-03-22');
    const run = await resolved(await claim('window'), 'A__c', 'Hidden__c', 'New__c');
    expect(await readFieldColumns(database.pool, run)).toEqual({
      Id: { column: 'Id', filled: true },
      A__c: { column: 'A__c', filled: true },
      Hidden__c: { column: 'Hidden__c', filled: false },
    });
    await succeedRun(database.pool, run, {});
    expect(await backfill()).toEqual(['Hidden__c', 'New__c']);
  });
});

describe('a sweep', () => {
  test('fills only what appeared before it started', async () => {
    await importDay('2023-03-20');
    await importDay('2023-03-21', 'B__c');
    const sweep = await resolved(await claim('sweep'), 'B__c', 'C__c');
    await importDay('2023-03-22', 'B__c', 'C__c');
    await succeedRepair(database.pool, sweep, {}, null, undefined);
    expect([await backfill(), await repairs()]).toEqual([['C__c'], ['sweep succeeded', 'sweep queued']]);
  });

  test('that cannot read a field ends without it, until a window reads it again', async () => {
    await importDay('2023-03-20');
    await importDay('2023-03-21', 'B__c');
    await endSweep();
    expect([await backfill(), await repairs()]).toEqual([[], ['sweep succeeded']]);
    await importDay('2023-03-22', 'B__c');
    expect([await backfill(), await repairs()]).toEqual([['B__c'], ['sweep succeeded', 'sweep queued']]);
  });

  test('waits for the end of another repair', async () => {
    await importDay('2023-03-20');
    await queueRepair(database.pool, job.id, { kind: 'reimport', window: { from: job.startDate, to: new Date('2023-03-20') } });
    const reimport = await claim('reimport');
    await importDay('2023-03-21', 'B__c');
    expect(await repairs()).toEqual(['reimport running']);
    await succeedRepair(database.pool, reimport, {}, null, undefined);
    expect(await repairs()).toEqual(['reimport succeeded', 'sweep queued']);
  });

  test('waits for the next tick if another repair failed, or the job was paused', async () => {
    await importDay('2023-03-20');
    await queueRepair(database.pool, job.id, { kind: 'reimport', window: { from: job.startDate, to: new Date('2023-03-20') } });
    const reimport = await claim('reimport');
    await importDay('2023-03-21', 'B__c');
    await failRun(database.pool, reimport, 1, { code: 'internal', message: 'Failed.' });
    await tick('2023-03-21');
    expect(await repairs()).toEqual(['reimport failed', 'sweep queued']);
  });

  test.each(['failed', 'cancelled'])('that %s is repeated after a day', async (state) => {
    await importDay('2023-03-20');
    await importDay('2023-03-21', 'B__c');
    const failure = { code: 'internal', message: 'Failed.' };
    const sweep = await claim('sweep');
    if (state === 'failed') await failRun(database.pool, sweep, 1, failure);
    else await cancelOpenRun(database.pool, sweep.runId, failure);
    await tick('2023-03-21');
    expect(await repairs()).toEqual([`sweep ${state}`]);
    await database.pool.query(`UPDATE runs SET finished_at = finished_at - interval '25 hours' WHERE kind = 'sweep'`);
    await tick('2023-03-21');
    expect(await repairs()).toEqual([`sweep ${state}`, 'sweep queued']);
  });

  test('is not queued while the job is paused', async () => {
    await importDay('2023-03-20');
    await tick('2023-03-21');
    const run = await resolved(await claim('window'), 'B__c');
    await pauseJob(database.pool, job.id);
    await succeedRun(database.pool, run, {});
    expect([await backfill(), await repairs()]).toEqual([['B__c'], []]);
  });
});
