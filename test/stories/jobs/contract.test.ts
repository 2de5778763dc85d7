import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startService, type TestService } from '../../support/service.ts';
import { dueRecords } from '../../support/whole-table.ts';

/** The counts of a run in the order of the pipeline, their verdict, then the details. */
const RECEIPT_FIELDS = [
  ...['salesforce_before', 'salesforce_after', 'processed', 'rows_in_pages', 'loaded', 'staged', 'distinct_ids', 'delta_rows'],
  ...['inserted', 'updated', 'deleted', 'verdict', 'reread_from', 'field_groups', 'torn', 'invalid_values'],
  ...['columns_added', 'columns_orphaned', 'fields_retyped', 'fields_skipped', 'live_view', 'methods', 'pages', 'bytes'],
  ...['salesforce_calls', 'bigquery_jobs', 'bytes_billed'],
];

/** The contract's sequence diagram, step by step. A tick comes at ten past midnight. */
describe("the contract's sequence", () => {
  let service: TestService;
  let userId: string;
  beforeAll(async () => {
    service = await startService();
    userId = await service.connect();
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const job = (): { user_id: string; object_name: string } => ({ user_id: userId, object_name: 'Account' });
  const row = async (): Promise<string> => {
    const [only] = await service.jobs();
    return [only!.start_date, only!.last_date, only!.active].join(' ');
  };
  const imported = async (): Promise<string> => {
    const [only] = await service.jobs();
    return `${only!.run?.from} ${only!.run?.to} ${only!.run?.state}`;
  };

  test('get_oauth_url and login_oauth_callback respond as the contract says', async () => {
    const { text } = await service.call('get_oauth_url', { redirect_uri: 'https://127.0.0.1/login/callback' });
    expect(text).toContain(`${service.salesforce.loginUrl}/services/oauth2/authorize?`);
    expect(new URL(text).searchParams.get('response_type')).toBe('code');
    expect(userId).toMatch(/\/id\/00D\w{15}\/005\w{15}$/);
  });

  test('create_importing_job with start_date 2023-03-01 imports nothing', async () => {
    expect(await service.call('create_importing_job', { ...job(), start_date: '2023-03-01' })).toMatchObject({ status: 200, text: 'OK' });
    expect(await row()).toBe('2023-03-01 2023-03-01 1');
  });

  test('the same create again is OK; another start_date is refused', async () => {
    expect(await service.call('create_importing_job', { ...job(), object_name: 'ACCOUNT', start_date: '2023-03-01' })).toMatchObject({
      text: 'OK',
    });
    expect(await service.call('create_importing_job', { ...job(), start_date: '2023-02-01' })).toMatchObject({
      status: 409,
      code: 'conflict',
    });
    expect(await service.jobs()).toHaveLength(1);
  });

  test.each([
    ['2023-03-20', '2023-03-01'],
    ['2023-03-21', '2023-03-20'],
    ['2023-03-22', '2023-03-21'],
  ])('handle_importing_job on %s imports from %s to the day before', async (today, from) => {
    expect(await service.tickAt(`${today}T00:10:00Z`)).toMatchObject({ status: 200, text: expect.stringMatching(/^OK: /) });
    expect(await row()).toBe(`2023-03-01 ${today} 1`);
    expect(await imported()).toBe(`${from} ${today} succeeded`);
  });

  test('a second tick on the same day imports nothing', async () => {
    const [before] = await service.jobs();
    expect(await service.tickAt('2023-03-22T09:00:00Z')).toMatchObject({ text: expect.stringMatching(/^OK, nothing due: /) });
    expect((await service.jobs())[0]!.run!.id).toBe(before!.run!.id);
  });

  test('a paused job imports nothing', async () => {
    expect(await service.call('pause_importing_job', job())).toMatchObject({ status: 200, text: 'OK' });
    expect(await row()).toBe('2023-03-01 2023-03-22 0');
    expect(await service.tickAt('2023-03-23T00:10:00Z')).toMatchObject({
      text: expect.stringMatching(/^OK, nothing due: Account is paused$/),
    });
    expect(await row()).toBe('2023-03-01 2023-03-22 0');
  });

  test('resume_importing_job, and handle_importing_job on 2023-03-25 imports from 2023-03-22 to 2023-03-24', async () => {
    expect(await service.call('resume_importing_job', job())).toMatchObject({ status: 200, text: 'OK' });
    expect(await row()).toBe('2023-03-01 2023-03-22 1');
    expect(await service.tickAt('2023-03-25T00:10:00Z')).toMatchObject({ text: expect.stringMatching(/^OK: /) });
    expect(await row()).toBe('2023-03-01 2023-03-25 1');
    expect(await imported()).toBe('2023-03-22 2023-03-25 succeeded');
  });

  test('the table has every record, the view those that are not deleted', async () => {
    const expected = dueRecords(service, 'Account', '2023-03-25');
    const rows = await service.rows('SELECT Id, Name, IsDeleted, _run, _deleted_at FROM salesforce.Account');
    expect(new Map(rows.map((found) => [found.Id, found.Name]))).toEqual(new Map(expected.map((record) => [record.Id, record.Name])));
    expect(rows).toHaveLength(expected.length);
    for (const found of rows) expect(found._deleted_at !== null).toBe(found.IsDeleted);
    const deleted = expected.filter((record) => record.IsDeleted).length;
    expect(deleted).toBeGreaterThan(0);
    expect(await service.rows('SELECT Id FROM salesforce.Account_live')).toHaveLength(expected.length - deleted);
  });

  test('every run has a receipt whose counts agree', async () => {
    const { receipt } = (await service.jobs())[0]!.run!;
    const { processed } = receipt!;
    expect(processed).toBeGreaterThan(0);
    expect(receipt).toMatchObject({
      rows_in_pages: processed,
      loaded: processed,
      staged: processed,
      distinct_ids: processed,
      delta_rows: processed,
    });
    expect(receipt!.verdict).toBe('exact');
  });

  test('a receipt reads in the order of the pipeline, in /jobs and in the log', async () => {
    const { id, receipt } = (await service.jobs())[0]!.run!;
    expect(Object.keys(receipt)).toEqual(RECEIPT_FIELDS);
    const succeeded = service.logged.find((line) => line.includes('"event":"run_succeeded"') && line.includes(id));
    expect(Object.keys((JSON.parse(succeeded!) as { receipt: object }).receipt)).toEqual(RECEIPT_FIELDS);
  });

  test('a receipt of another release shows every field it has', async () => {
    const stored = { uncast: {}, verdict: 'exact', staged: 7, processed: 7 };
    await service.database.pool.query("UPDATE runs SET receipt = $1 WHERE state = 'succeeded'", [JSON.stringify(stored)]);
    const { receipt } = (await service.jobs())[0]!.run!;
    expect(JSON.stringify(receipt)).toBe('{"processed":7,"staged":7,"verdict":"exact","uncast":{}}');
  });
});

describe('a row that is edited repeatedly', () => {
  test("is imported even if edited between each window's end and its tick", async () => {
    await using service = await startService();
    const userId = await service.connect();
    service.salesforce.clock.set(new Date('2023-03-05T10:00:00Z'));
    const id = service.salesforce.org.insert('Account', { Name: 'first' });
    await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });
    for (const day of ['2023-03-20', '2023-03-21', '2023-03-22', '2023-03-23']) {
      // Within no window that is closed when it is read: its stamp is always newer than the window's end.
      service.salesforce.clock.set(new Date(`${day}T00:05:00Z`));
      service.salesforce.org.update('Account', id, { Name: `edited on ${day}` });
      await service.tickAt(`${day}T00:10:00Z`);
      expect(await service.rows(`SELECT Name FROM salesforce.Account WHERE Id = '${id}'`)).toEqual([{ Name: `edited on ${day}` }]);
    }
  });

  test('a row created after the window waits for the next window', async () => {
    await using service = await startService();
    const userId = await service.connect();
    await service.call('create_importing_job', { user_id: userId, object_name: 'Account', start_date: '2023-03-01' });
    service.salesforce.clock.set(new Date('2023-03-20T00:05:00Z'));
    const id = service.salesforce.org.insert('Account', { Name: 'new' });
    await service.tickAt('2023-03-20T00:10:00Z');
    expect(await service.rows(`SELECT Id FROM salesforce.Account WHERE Id = '${id}'`)).toEqual([]);
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await service.rows(`SELECT Id FROM salesforce.Account WHERE Id = '${id}'`)).toEqual([{ Id: id }]);
  });
});

test('start_date all imports everything', async () => {
  await using service = await startService();
  const userId = await service.connect();
  const fields = { user_id: userId, object_name: 'Account', start_date: 'all' };
  await service.call('create_importing_job', fields);
  expect((await service.jobs())[0]).toMatchObject({ start_date: 'all', last_date: 'all' });
  expect((await service.tickAt('2023-03-20T00:10:00Z')).text).toMatch(/^OK: /);
  expect((await service.jobs())[0]).toMatchObject({ start_date: 'all', last_date: '2023-03-20' });
  expect(await service.call('create_importing_job', fields)).toMatchObject({ text: 'OK' });
  const expected = [...service.salesforce.org.records('Account')].filter((record) => String(record.CreatedDate) < '2023-03-20');
  expect(await service.rows('SELECT Id FROM salesforce.Account')).toHaveLength(expected.length);
});
