import { afterEach, describe, expect, test } from '@jest/globals';
import { type GatewayService, startGatewayService } from '../../support/gateway.ts';
import { type Answer, type JobView, readAnswer, repairEnded, type TestServiceOptions } from '../../support/service.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** Changing a job that has imported rows. */
let service: GatewayService;
let userId: string;
let ids: string[];

afterEach(() => service[Symbol.asyncDispose]());

/** Imports two records, One and Two, the latter deleted. */
async function importTwo({ deletes = 'keep', ...options }: TestServiceOptions & { deletes?: string } = {}): Promise<void> {
  service = await startGatewayService(options);
  const { org, clock } = service.salesforce;
  clock.set(new Date('2023-03-05T10:00:00Z'));
  // A date that the column cannot store.
  const fields = { StageName: 'Closed', CloseDate: '12023-05-05' };
  ids = ['One', 'Two'].map((Name) => org.insert('Opportunity', { Name, ...fields }));
  userId = await service.connect();
  await service.call('create_importing_job', { user_id: userId, object_name: 'Opportunity', start_date: '2023-03-05', deletes });
  await service.tickAt('2023-03-06T00:10:00Z');
  org.remove('Opportunity', ids[1]!);
  await service.tickAt('2023-03-07T00:10:00Z');
}

async function change(fields: Record<string, string>): Promise<Answer & { job: JobView & { message: string; deletes: string } }> {
  const [job] = await service.jobs();
  const answer = await readAnswer(await fetch(`${service.url}/v1/jobs/${job!.id}`, { method: 'PATCH', body: new URLSearchParams(fields) }));
  return { ...answer, job: JSON.parse(answer.text) };
}

const names = async (): Promise<unknown[]> => {
  const rows = await service.rows(`SELECT Id, Name, IsDeleted FROM salesforce.Opportunity WHERE Id IN ('${ids.join(`', '`)}')`);
  return ids.map((id) => rows.find((row) => row.Id === id)).map((row) => row && [row.Name, row.IsDeleted]);
};
const invalidValues = async (): Promise<unknown[]> =>
  (await service.rows(`SELECT DISTINCT id FROM salesforce._invalid_values ORDER BY id`)).map(({ id }) => id);

describe('start_date', () => {
  test('earlier imports the difference, and the table equals the org', async () => {
    await importTwo();
    const { job } = await change({ start_date: '2023-03-01' });
    expect(job).toMatchObject({
      start_date: '2023-03-01',
      last_date: '2023-03-07',
      message: 'A reimport of the rows stamped from 2023-03-01 to 2023-03-05 is queued.',
    });
    expect(await repairEnded(service)).toMatchObject({ kind: 'reimport', from: '2023-03-01', to: '2023-03-05', state: 'succeeded' });
    await service.tickAt('2023-03-08T00:10:00Z');
    await expectWholeTable(service, 'Opportunity', '2023-03-08');
  });

  test('later is refused with the reason, and the same changes nothing', async () => {
    await importTwo();
    expect(await change({ start_date: '2023-03-06' })).toMatchObject({
      status: 400,
      text: expect.stringContaining('start_date can only become earlier than 2023-03-05: the rows before a later date would stay'),
    });
    expect(await change({ start_date: '2023-03-05' })).toMatchObject({ status: 200, job: { repair: null } });
  });

  test('is not changed while a repair is open, nor by creating the job again, which names the call', async () => {
    await importTwo();
    await service.stopWorker();
    const [job] = await service.jobs();
    await fetch(`${service.url}/v1/jobs/${job!.id}/reimport`, { method: 'POST' });
    expect(await change({ start_date: '2023-03-01' })).toMatchObject({
      status: 409,
      text: expect.stringContaining('already open: the reimport '),
    });
    expect((await service.jobs())[0]).toMatchObject({ start_date: '2023-03-05' });
    const create = (start_date: string): Promise<Answer> =>
      service.call('create_importing_job', { user_id: userId, object_name: 'Opportunity', start_date });
    expect(await create('2023-03-01')).toMatchObject({
      status: 409,
      text: expect.stringContaining(`PATCH /v1/jobs/${job!.id} with start_date`),
    });
    expect(await create('2023-03-06')).toMatchObject({ status: 409, text: expect.stringContaining(`POST /v1/jobs/${job!.id}/reimport`) });
  });
});

describe('deletes', () => {
  test.each([
    [
      'keep',
      'blank',
      [
        ['One', false],
        [null, true],
      ],
    ],
    ['keep', 'remove', [['One', false], undefined]],
    ['blank', 'remove', [['One', false], undefined]],
  ])('from %s to %s also treats the rows that are deleted already', async (from, to, expected) => {
    await importTwo({ deletes: from });
    expect((await change({ deletes: to })).job).toMatchObject({
      deletes: to,
      message: `A repair is queued that treats the rows deleted so far with deletes=${to}.`,
    });
    expect(await repairEnded(service)).toMatchObject({ state: 'succeeded', treat_deleted: true });
    expect(await names()).toEqual(expected);
    expect(await invalidValues()).not.toContain(ids[1]);
    expect(await invalidValues()).toContain(ids[0]);
    service.salesforce.org.remove('Opportunity', ids[0]!);
    await service.tickAt('2023-03-08T00:10:00Z');
    expect((await names())[0]).toEqual(to === 'blank' ? [null, true] : undefined);
  });

  test('back to keep applies to the future only, and the answer says so', async () => {
    await importTwo({ deletes: 'blank' });
    expect((await change({ deletes: 'keep' })).job).toMatchObject({
      deletes: 'keep',
      message: 'deletes=keep applies to rows that are deleted from now on: rows already blanked stay so.',
      repair: null,
    });
    service.salesforce.org.remove('Opportunity', ids[0]!);
    await service.tickAt('2023-03-08T00:10:00Z');
    expect(await names()).toEqual([
      ['One', true],
      [null, true],
    ]);
  });

  test('waits for a window that is being merged, and treats its rows as well', async () => {
    await importTwo();
    const { pool } = service.database;
    // The window has the table lease, and its MERGE keeps deleted rows.
    service.salesforce.org.remove('Opportunity', ids[0]!);
    service.salesforce.clock.set(new Date('2023-03-08T00:10:00Z'));
    await pool.query(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1); RETURN NEW; END'`);
    await pool.query('CREATE TRIGGER slow BEFORE INSERT ON table_writes FOR EACH ROW EXECUTE FUNCTION slow()');
    await service.call('handle_importing_job');
    const isWriting = async (): Promise<boolean> =>
      (await pool.query(`SELECT FROM jobs JOIN runs ON runs.id = writing_run WHERE runs.state = 'running'`)).rowCount === 1;
    while (!(await isWriting())) await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await change({ deletes: 'blank' })).status).toBe(200);
    expect(await repairEnded(service)).toMatchObject({ state: 'succeeded' });
    expect(await names()).toEqual([
      [null, true],
      [null, true],
    ]);
    expect((await service.jobs())[0]).toMatchObject({ last_date: '2023-03-08' });
  });

  test('applies to a window that was being read when it changed', async () => {
    await importTwo();
    service.salesforce.org.remove('Opportunity', ids[0]!);
    let release: (() => void) | undefined;
    service.instance.handler = async ({ soql }, pass) => {
      if (!release && soql.startsWith('SELECT Id,')) await new Promise<void>((resolve) => (release = resolve));
      return await pass();
    };
    const tick = service.tickAt('2023-03-08T00:10:00Z');
    while (!release) await new Promise((resolve) => setTimeout(resolve, 5));
    await change({ deletes: 'blank' });
    expect(await repairEnded(service)).toMatchObject({ state: 'succeeded' });
    expect(await names()).toEqual([
      ['One', false],
      [null, true],
    ]);
    (release as () => void)();
    expect((await tick).text).toMatch(/^OK/);
    expect(await names()).toEqual([
      [null, true],
      [null, true],
    ]);
  });

  test('survives a kill before and after its statement', async () => {
    await importTwo();
    await service.stopWorker();
    await change({ deletes: 'remove' });
    const { pool } = service.database;
    for (const table of ['table_writes', 'runs'] as const) {
      // Fails once: when the statement is recorded, then when the run is to succeed.
      const when =
        table === 'runs'
          ? `AFTER UPDATE ON runs FOR EACH ROW WHEN (NEW.state = 'succeeded')`
          : 'BEFORE INSERT ON table_writes FOR EACH ROW';
      await pool.query(`CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''killed''; END'`);
      await pool.query(`CREATE TRIGGER fail ${when} EXECUTE FUNCTION fail()`);
      service.startWorker();
      const hasFailed = async (): Promise<boolean> =>
        (await pool.query(`SELECT FROM runs WHERE kind = 'reimport' AND failures > 0`)).rowCount === 1;
      while (!(await hasFailed())) await new Promise((resolve) => setTimeout(resolve, 5));
      await service.stopWorker();
      await pool.query(`DROP TRIGGER fail ON ${table}`);
      await pool.query(`UPDATE runs SET failures = 0, run_at = now() WHERE kind = 'reimport'`);
    }
    service.startWorker();
    expect(await repairEnded(service)).toMatchObject({ state: 'succeeded' });
    expect(await names()).toEqual([['One', false], undefined]);
  });
});

test('every applies from the next tick on', async () => {
  await importTwo();
  expect((await change({ every: '6h' })).job).toMatchObject({ every: '6h', message: 'Windows close with every=6h from the next tick on.' });
  await service.tickAt('2023-03-07T07:00:00Z');
  expect((await service.jobs())[0]).toMatchObject({ last_date: '2023-03-07T06:00:00.000Z' });
});

test.each<[Record<string, string>, RegExp]>([
  [{}, /Nothing to change/],
  [{ deletes: 'purge' }, /deletes must be keep, blank/],
  [{ every: '5m' }, /every must be/],
  [{ start_date: '2023-03-01', deletes: 'blank' }, /one after the other/],
])('%p is refused, and changes nothing', async (fields, message) => {
  await importTwo();
  const before = (await service.jobs())[0];
  expect(await change(fields)).toMatchObject({ status: 400, text: expect.stringMatching(message) });
  expect((await service.jobs())[0]).toEqual(before);
});
