import { expect, test } from '@jest/globals';
import { startService, type TestService } from '../../support/service.ts';
import { dueRecords } from '../../support/whole-table.ts';

const TICK = '2023-03-20T00:10:00Z';

/** A service whose slices and runs are small, so that the few rows of its org make a chain. */
async function startSmall(runSlices: number): Promise<TestService> {
  const service = await startService({ limits: { restRows: 5, firstPageRows: 10, sliceRows: 20, runSlices } });
  const userId = await service.connect();
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });
  return service;
}

async function expectComplete(service: TestService, lastDate = '2023-03-20'): Promise<void> {
  const expected = dueRecords(service, 'Account', lastDate);
  const rows = await service.rows('SELECT Id, Name FROM salesforce.Account');
  expect(new Map(rows.map((row) => [row.Id, row.Name]))).toEqual(new Map(expected.map((record) => [record.Id, record.Name])));
  expect(rows).toHaveLength(expected.length);
}

interface RunRow {
  window_from: Date;
  window_to: Date;
  state: string;
  receipt: { staged: number };
}

async function runs(service: TestService): Promise<RunRow[]> {
  return (await service.database.pool.query<RunRow>('SELECT * FROM runs ORDER BY window_from')).rows;
}

test('a window with too many rows for one query is read in slices, oldest first', async () => {
  await using service = await startSmall(100);
  await service.tickAt(TICK);
  await expectComplete(service);
  const { rows: slices } = await service.database.pool.query('SELECT * FROM slices ORDER BY cursor_from');
  expect(slices.length).toBeGreaterThan(3);
  expect(slices.map((slice) => slice.open)).toEqual(slices.map((_, index) => index === slices.length - 1));
  for (const [index, slice] of slices.entries()) if (index > 0) expect(slice.cursor_from).toEqual(slices[index - 1].cursor_to);
  expect(await runs(service)).toHaveLength(1);
});

test('a window with too many slices becomes a chain of runs that each move last_date', async () => {
  await using service = await startSmall(2);
  await service.tickAt(TICK);
  const chain = await runs(service);
  expect(chain.length).toBeGreaterThan(2);
  expect(chain.every((run) => run.state === 'succeeded')).toBe(true);
  expect(chain[0]!.window_from).toEqual(new Date('2023-03-01'));
  expect(chain.at(-1)!.window_to).toEqual(new Date('2023-03-20'));
  for (const [index, run] of chain.entries()) if (index > 0) expect(run.window_from).toEqual(chain[index - 1]!.window_to);
  await expectComplete(service);
  expect((await service.jobs())[0]!.last_date).toBe('2023-03-20');
});

test('an attempt that fails after its run was shortened is logged with the shortened window', async () => {
  await using service = await startSmall(2);
  service.salesforce.faults.arm({ kind: 'http', status: 503, match: { method: 'POST', path: '/jobs/query' } });
  await service.tickAt(TICK);
  const [first] = await runs(service);
  const interrupted = service.logged.map((line) => JSON.parse(line)).filter((line) => line.event === 'run_interrupted');
  expect(interrupted).toMatchObject([{ window: { to: first!.window_to.toISOString() }, failures: 1 }]);
  await expectComplete(service);
});

test('a run killed while it is cut still becomes a chain', async () => {
  await using service = await startService({ limits: { restRows: 5, firstPageRows: 10, runSlices: 1 }, worker: false });
  const userId = await service.connect();
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });
  service.salesforce.clock.set(new Date(TICK));
  const rows = [...service.salesforce.org.records('Account')].filter(({ SystemModstamp: stamp }) => String(stamp) >= '2023-03-01').length;
  // Too much for one slice, and not for two: no other cut follows that would shorten the run.
  service.limit({ sliceRows: Math.ceil(rows * 0.8) });
  await service.database.pool.query(`
    CREATE SEQUENCE tries;
    CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF nextval('tries') = 1 THEN RAISE EXCEPTION 'lost'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER fail_once BEFORE UPDATE OF window_to ON runs FOR EACH ROW EXECUTE FUNCTION fail_once();`);
  service.startWorker();
  await service.tickAt(TICK);
  expect(service.logged.join('')).toContain('run_interrupted');
  const closed = await service.database.pool.query('SELECT count(*)::int AS slices FROM slices WHERE NOT open GROUP BY run_id');
  expect(Math.max(...closed.rows.map((row) => row.slices))).toBe(1);
  await expectComplete(service);
});

test('slices staged earlier do not count as progress of a slice that keeps failing', async () => {
  await using service = await startSmall(100);
  service.salesforce.clock.set(new Date(TICK));
  await service.call('handle_importing_job');
  const until = async (sql: string): Promise<void> => {
    while ((await service.database.pool.query(sql)).rowCount === 0);
  };
  await until(`SELECT FROM slices WHERE state = 'staged'`);
  service.salesforce.faults.arm({ kind: 'http', status: 503, times: 1_000, match: { method: 'POST', path: '/jobs/query' } });
  await until('SELECT FROM runs WHERE failures >= 3');
  service.salesforce.faults.clear();
  await service.tickAt(TICK);
  await expectComplete(service);
});

test('a first import that cannot be counted is cut by the estimated number of records', async () => {
  await using service = await startSmall(100);
  const timeOut = JSON.stringify([{ errorCode: 'QUERY_TIMEOUT', message: 'Your query request was running for too long.' }]);
  const fault = { kind: 'http', status: 400, body: timeOut, headers: { 'content-type': 'application/json' } };
  for (const path of ['queryAll?q=SELECT%20Id', 'queryAll?q=SELECT%20COUNT()']) {
    const init = { method: 'POST', body: JSON.stringify({ ...fault, match: { path } }), headers: { 'content-type': 'application/json' } };
    expect((await fetch(`${service.salesforce.instanceUrl}/emulator/faults`, init)).status).toBeLessThan(300);
  }
  await service.tickAt(TICK);
  await expectComplete(service);
  const cut = service.logged.map((line) => JSON.parse(line)).find((line) => line.event === 'slice_cut');
  expect(cut.parts).toBeGreaterThan(1);
  expect(service.logged.join('')).toContain('not_counted');
});

test('rows edited while a chain is read are not lost', async () => {
  await using service = await startSmall(2);
  const { org, clock } = service.salesforce;
  clock.set(new Date('2023-03-02T10:00:00Z'));
  const ids = Array.from({ length: 12 }, (_, number) => org.insert('Account', { Name: `row ${number}` }));
  clock.set(new Date(TICK));
  await service.call('handle_importing_job');
  // Edited all along: each edit moves a row out of the slice that it was in, to behind the window's end.
  for (let number = 0; ; number++) {
    const id = ids[number % ids.length]!;
    org.update('Account', id, { Name: `edited ${number}` });
    if ((await service.jobs())[0]!.last_date === '2023-03-20') break;
  }
  const found = await service.rows('SELECT Id FROM salesforce.Account');
  for (const id of ids) expect(found).toContainEqual({ Id: id });
  for (const id of ids) org.update('Account', id, { Name: 'at rest' });
  await service.tickAt('2023-03-21T00:10:00Z');
  expect(await service.rows(`SELECT DISTINCT Name FROM salesforce.Account WHERE Id IN (${ids.map((id) => `'${id}'`).join(', ')})`)).toEqual(
    [{ Name: 'at rest' }],
  );
});

async function slices(service: TestService): Promise<{ open: boolean; id_from: string | null; staged: number }[]> {
  return (await service.database.pool.query('SELECT * FROM slices ORDER BY cursor_from, id_from NULLS FIRST')).rows;
}

test('rows that were all edited after the window closed are read in slices by Id', async () => {
  await using service = await startSmall(100);
  const { org, clock } = service.salesforce;
  clock.set(new Date('2023-03-02T10:00:00Z'));
  const ids = Array.from({ length: 90 }, (_, number) => org.insert('Account', { Name: `row ${number}` }));
  clock.set(new Date('2023-03-20T00:00:30Z'));
  for (const id of ids) org.update('Account', id, { Name: 'edited' });
  await service.tickAt(TICK);
  await expectComplete(service);
  const open = (await slices(service)).filter((slice) => slice.open);
  expect(open.length).toBeGreaterThan(3);
  expect(open.every((slice, index) => (slice.id_from === null) === (index === 0))).toBe(true);
  expect((await slices(service)).slice(-open.length)).toEqual(open);
  expect(Math.max(...open.map((slice) => slice.staged))).toBeLessThanOrEqual(20);
});

test('rows with the same stamp are read in slices by Id', async () => {
  await using service = await startSmall(100);
  const { org, clock } = service.salesforce;
  clock.set(new Date('2023-03-02T10:00:00Z'));
  for (let number = 0; number < 90; number++) org.insert('Account', { Name: `row ${number}` });
  await service.tickAt(TICK);
  await expectComplete(service);
  const found = await slices(service);
  expect(found.filter((slice) => !slice.open && slice.id_from !== null).length).toBeGreaterThan(2);
  expect(Math.max(...found.map((slice) => slice.staged))).toBeLessThanOrEqual(20);
});

test('slices within the overlap never make a window of negative length', async () => {
  const limits = { restRows: 50, sliceRows: 8, runSlices: 2 };
  await using service = await startService({ limits, env: { OVERLAP_MINUTES: '2880' } });
  const userId = await service.connect();
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });
  await service.tickAt('2023-03-04T00:10:00Z');
  await service.tickAt('2023-03-05T00:10:00Z');
  const chain = await runs(service);
  expect(chain.every((run) => run.state === 'succeeded')).toBe(true);
  expect(service.logged.join('')).not.toContain('run_interrupted');
  await expectComplete(service, '2023-03-05');
}, 60_000);

test('rows edited after the window closed are imported if their slice is one more than a run may have', async () => {
  await using service = await startService();
  const userId = await service.connect();
  await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });
  await service.tickAt('2023-03-20T00:10:00Z');
  service.limit({ restRows: 0, sliceRows: 8, runSlices: 2 });
  await service.tickAt('2023-03-21T00:10:00Z');
  const { rows } = await service.database.pool.query(
    'SELECT count(*) FROM slices WHERE run_id = (SELECT id FROM runs ORDER BY created_at DESC LIMIT 1)',
  );
  expect(rows).toEqual([{ count: 3 }]);
  await expectComplete(service, '2023-03-21');
}, 60_000);
