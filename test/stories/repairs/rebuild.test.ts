import { afterEach, describe, expect, test } from '@jest/globals';
import { type GatewayService, startGateway, startGatewayService } from '../../support/gateway.ts';
import { type RunView, repairEnded, type TestServiceOptions } from '../../support/service.ts';
import { differencesFromOrg, expectWholeTable, type TableOptions } from '../../support/whole-table.ts';

/** Importing a whole table again and replacing it, while the org and its windows continue. */
let service: GatewayService;
let id: string;

afterEach(() => service[Symbol.asyncDispose]());

/** Imports the first window of Account, with a record called One. */
async function importFirst({ deletes = 'keep', ...options }: TestServiceOptions & { deletes?: string } = {}): Promise<void> {
  service = await startGatewayService(options);
  const user_id = await service.connect();
  const { org, clock } = service.salesforce;
  clock.set(new Date('2023-03-05T10:00:00Z'));
  id = org.insert('Account', { Name: 'One' });
  await service.call('create_importing_job', { user_id, object_name: 'Account', start_date: '2023-03-01', deletes });
  await service.tickAt('2023-03-20T00:10:00Z');
  clock.set(new Date('2023-03-20T10:00:00Z'));
}

const table = () => service.client.dataset('salesforce').table('Account');
const count = async (): Promise<number> => Number((await service.rows('SELECT COUNT(*) AS n FROM salesforce.Account'))[0]!.n);
const rowOf = async (columns: string, of = id) => (await service.rows(`SELECT ${columns} FROM salesforce.Account WHERE Id = '${of}'`))[0];
const nameNow = async (): Promise<unknown> => (await rowOf('Name'))?.Name;
const jobNow = async () => (await service.jobs())[0]!;

async function expectWholeTableNextDay(): Promise<void> {
  await service.tickAt('2023-03-21T00:10:00Z');
  await expectWholeTable(service, 'Account', '2023-03-21');
}

/** Requests a rebuild and runs `meanwhile` once, between its first read and the rest. */
async function rebuildDuring(meanwhile: () => unknown, matches = (soql: string) => soql.startsWith('SELECT Id,')): Promise<RunView> {
  let pending = true;
  service.instance.handler = async ({ soql }, pass) => {
    const reply = await pass();
    if (!pending || !matches(soql)) return reply;
    pending = false;
    await meanwhile();
    return reply;
  };
  return await service.repair('rebuild');
}

describe('a rebuild', () => {
  test('replaces damaged, doubled and missing rows, and leaves last_date unchanged', async () => {
    await importFirst();
    await service.rows(`UPDATE salesforce.Account SET Name = 'damaged' WHERE Id = '${id}'`);
    await service.rows(`DELETE FROM salesforce.Account WHERE Id < '${id}'`);
    await service.rows(
      `INSERT INTO salesforce.Account (Id, Name, SystemModstamp) VALUES ('${id}', 'double', TIMESTAMP '2023-03-19 00:00:00+00')`,
    );
    const before = await count();
    const rebuilt = await service.repair('rebuild');
    expect(rebuilt).toMatchObject({ kind: 'rebuild', state: 'succeeded', from: '2023-03-01', to: '2023-03-20' });
    expect(rebuilt.receipt).toMatchObject({ verdict: 'exact', rows_before: before, rows_after: await count(), inserted: 0 });
    expect(await nameNow()).toBe('One');
    expect(await jobNow()).toMatchObject({ last_date: '2023-03-20' });
    await expectWholeTableNextDay();
  });

  test('leaves out rows that Salesforce has purged', async () => {
    await importFirst();
    service.salesforce.org.purge('Account', id);
    expect((await service.repair('rebuild')).receipt).toMatchObject({ rows_before: (await count()) + 1, rows_after: await count() });
    expect(await nameNow()).toBeUndefined();
    await expectWholeTableNextDay();
  });

  test('merges many slices, in several delta tables', async () => {
    await importFirst();
    service.limit({ restRows: 0, sliceRows: 20, runSlices: 2 });
    await service.rows(`UPDATE salesforce.Account SET Name = 'damaged' WHERE TRUE`);
    expect(await service.repair('rebuild')).toMatchObject({ state: 'succeeded', from: '2023-03-01', to: '2023-03-20' });
    const { rows } = await service.database.pool.query(
      `SELECT (SELECT count(*) FROM slices WHERE run_id = runs.id) AS slices, counted FROM runs WHERE kind = 'rebuild'`,
    );
    expect(rows).toHaveLength(1);
    expect(rows[0].slices).toBeGreaterThan(3);
    expect(Object.keys(rows[0].counted).length).toBeGreaterThan(1);
    expect(await service.rows(`SELECT Name FROM salesforce.Account WHERE Name = 'damaged'`)).toEqual([]);
    await expectWholeTableNextDay();
  });

  test('of a job that has imported nothing is refused', async () => {
    service = await startGatewayService();
    await service.call('create_importing_job', { user_id: await service.connect(), object_name: 'Account', start_date: '2023-03-01' });
    await expect(service.repair('rebuild')).rejects.toThrow('Nothing of Account has been imported yet. Call handle_importing_job instead.');
  });

  test.each(['blank', 'remove'])('with deletes=%s treats deleted rows as a window does', async (deletes) => {
    await importFirst({ deletes });
    const other = service.salesforce.org.insert('Account', { Name: 'Two', NumberOfEmployees: 7 });
    await service.tickAt('2023-03-21T00:10:00Z');
    service.salesforce.clock.set(new Date('2023-03-21T10:00:00Z'));
    service.salesforce.org.remove('Account', other);
    expect(await service.repair('rebuild')).toMatchObject({ state: 'succeeded' });
    const columns = 'Name, NumberOfEmployees, IsDeleted, UNIX_MILLIS(_deleted_at) AS deleted';
    const blank = { Name: null, NumberOfEmployees: null, IsDeleted: true, deleted: Date.parse('2023-03-21T10:00:00Z') };
    expect(await rowOf(columns, other)).toEqual(deletes === 'blank' ? blank : undefined);
    expect(await nameNow()).toBe('One');
  });
});

describe('what a rebuild keeps', () => {
  test('is the values of columns that users added, by Id, but not those of hidden fields', async () => {
    await importFirst({ deletes: 'blank' });
    await service.rows(`UPDATE salesforce.Account SET Industry = 'Energy' WHERE Id = '${id}'`);
    await service.rows('ALTER TABLE salesforce.Account ADD COLUMN Segment STRING');
    await service.rows(`UPDATE salesforce.Account SET Segment = 'key account' WHERE TRUE`);
    service.salesforce.org.changeField('Account', { field: 'Industry', change: 'hide' });
    const { Id: deleted } = [...service.salesforce.org.records('Account')].find((record) => record.Id !== id && !record.IsDeleted)!;
    service.salesforce.org.remove('Account', String(deleted));
    expect((await service.repair('rebuild')).receipt).toMatchObject({ columns_orphaned: expect.arrayContaining(['Segment', 'Industry']) });
    expect(await rowOf('Segment, Industry')).toEqual({ Segment: 'key account', Industry: null });
    expect(await rowOf('Segment, Industry', String(deleted))).toEqual({ Segment: null, Industry: null });
  });

  test('is the table itself, with its descriptions, labels, policy tags and row access policies', async () => {
    await importFirst();
    await service.rows(`CREATE ROW ACCESS POLICY all_rows ON salesforce.Account GRANT TO ('allAuthenticatedUsers') FILTER USING (TRUE)`);
    const [before] = await table().getMetadata();
    const policyTags = { names: ['projects/p/locations/eu/taxonomies/1/policyTags/2'] };
    const fields = before.schema.fields.map((field: { name: string }) => (field.name === 'Phone' ? { ...field, policyTags } : field));
    await table().setMetadata({ schema: { fields }, labels: { team: 'sales' }, description: 'Ours' });
    const [tagged] = await table().getMetadata();
    expect(await service.repair('rebuild')).toMatchObject({ state: 'succeeded' });
    const [after] = await table().getMetadata();
    for (const name of ['creationTime', 'labels', 'description', 'clustering', 'tableConstraints'])
      expect(after[name]).toEqual(tagged[name]);
    const nullable = tagged.schema.fields.map((field: { name: string }) => (field.name === 'Id' ? { ...field, mode: 'NULLABLE' } : field));
    expect(after.schema.fields).toEqual(nullable);
    const [policies] = await table().request({ uri: '/rowAccessPolicies' });
    expect(policies.rowAccessPolicies).toMatchObject([{ filterPredicate: 'TRUE' }]);
    await expectWholeTableNextDay();
  });
});

describe('a table', () => {
  test('that was dropped is created again by a rebuild, which the error names', async () => {
    await importFirst();
    const { rows: before } = await service.database.pool.query('SELECT target_created_at AS at FROM jobs');
    await table().delete();
    const failed = (await service.tickAt('2023-03-21T00:10:00Z')).text;
    expect(failed).toContain(
      `The table salesforce.Account is missing. To import it again, call POST /v1/jobs/${(await jobNow()).id}/rebuild.`,
    );
    const rebuilt = await service.repair('rebuild');
    expect(rebuilt).toMatchObject({ state: 'succeeded', receipt: { rows_before: 0, rows_after: await count() } });
    const { rows: after } = await service.database.pool.query('SELECT target_created_at AS at FROM jobs');
    expect(after[0].at.getTime()).toBeGreaterThan(before[0].at.getTime());
    const [metadata] = await table().getMetadata();
    expect(metadata).toMatchObject({ labels: { job: (await jobNow()).id }, tableConstraints: { primaryKey: { columns: ['Id'] } } });
    await expectWholeTableNextDay();
  });

  test('of another owner is never replaced, and the error says what to do', async () => {
    await importFirst();
    await table().delete();
    await service.rows(`CREATE TABLE salesforce.Account AS SELECT 'theirs' AS Id`);
    const rebuilt = await service.repair('rebuild');
    const message = `The table salesforce.Account does not have the label of this job. The service does not write into it: rename or move it, then call POST /v1/jobs/${(await jobNow()).id}/rebuild again.`;
    expect(rebuilt).toMatchObject({ state: 'failed', error: { code: 'target_replaced', message } });
    expect(await service.rows('SELECT * FROM salesforce.Account')).toEqual([{ Id: 'theirs' }]);
    await service.tickAt('2023-03-21T00:10:00Z');
    expect((await jobNow()).run!.error!.message).toContain('rename or move it, then call POST /v1/jobs/');
  });

  test('that a rebuild created but did not fill is not written by windows', async () => {
    await importFirst();
    await table().delete();
    const failing = { kind: 'job-failed', reason: 'accessDenied', match: '_swap_' };
    await fetch(`${service.bigquery.url}/emulator/faults`, { method: 'POST', body: JSON.stringify(failing) });
    expect(await service.repair('rebuild')).toMatchObject({ state: 'failed' });
    expect(await count()).toBe(0);
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await jobNow()).toMatchObject({ last_date: '2023-03-20', run: { state: 'failed', error: { code: 'target_replaced' } } });
    expect(await service.repair('rebuild')).toMatchObject({ state: 'succeeded' });
    await expectWholeTableNextDay();
  });

  test('whose partitioning was changed is refused, with the way out', async () => {
    await importFirst();
    await service.database.pool.query('UPDATE jobs SET partitioned = true');
    const before = await count();
    const { state, error } = await service.repair('rebuild');
    expect([state, error!.code]).toEqual(['failed', 'bigquery_refused']);
    expect(error!.message).toMatch(
      /its partitioning was changed: the job's table is partitioned by month of CreatedDate.*Rename or move the table, then call POST \/v1\/jobs\/.*\/rebuild/,
    );
    expect(await count()).toBe(before);
  });

  test.each([
    [
      'has row access policies without the filter TRUE',
      'allAuthenticatedUsers',
      `Name <> 'One'`,
      /none of its row access policies has the filter TRUE/,
    ],
    [
      'hides rows although another caller sees them all',
      'user:someone@example.com',
      'TRUE',
      /its row access policies hide rows from the service/,
    ],
  ])('that %s is refused', async (_, grantee, filter, message) => {
    await importFirst();
    await service.rows(`CREATE ROW ACCESS POLICY few ON salesforce.Account GRANT TO ('${grantee}') FILTER USING (${filter})`);
    const { state, error } = await service.repair('rebuild');
    expect([state, error!.code]).toEqual(['failed', 'bigquery_refused']);
    expect(error!.message).toMatch(message);
    const jobs = (await service.client.getJobs({ allUsers: true }))[0].filter(({ id: jobId }) => jobId!.includes('_swap_'));
    expect(jobs).toEqual([]);
  });
});

describe('while a rebuild reads', () => {
  test('the org may change in every way, and the next window catches up', async () => {
    await importFirst();
    service.limit({ restRows: 0, sliceRows: 15 });
    const { org } = service.salesforce;
    const [edited, removed, returned, purged] = [...org.records('Account')]
      .filter(({ IsDeleted }) => !IsDeleted)
      .map(({ Id }) => String(Id));
    org.remove('Account', returned!);
    let slice = 0;
    const changes = [
      () => org.insert('Account', { Name: 'New' }),
      () => org.update('Account', edited!, { Name: 'Edited' }),
      () => org.remove('Account', removed!),
      () => org.undelete('Account', returned!),
      () => org.purge('Account', purged!),
    ];
    service.instance.handler = async ({ method, url, soql }, pass) => {
      const reply = await pass();
      if (method === 'POST' && url.endsWith('/jobs/query') && soql) changes[slice++]?.();
      return reply;
    };
    expect(await service.repair('rebuild')).toMatchObject({ state: 'succeeded' });
    expect(slice).toBeGreaterThanOrEqual(changes.length);
    await expectWholeTableNextDay();
  });

  test('the org may change in every way between its last read and its swap', async () => {
    let beforeSwap: (() => void) | undefined;
    let emulator = '';
    const gateway = await startGateway(() => emulator);
    gateway.handler = async ({ method, body }, pass) => {
      if (method === 'POST' && body.includes('_swap_')) {
        beforeSwap?.();
        beforeSwap = undefined;
      }
      return await pass();
    };
    await importFirst({
      beforeBigQuery: async (url) => {
        emulator = url;
        return gateway.url;
      },
    });
    const { org } = service.salesforce;
    const [edited, removed, purged, restored] = [...org.records('Account')]
      .filter((record) => !record.IsDeleted && String(record.SystemModstamp) >= '2023-03-01' && record.Id !== id)
      .map((record) => String(record.Id)) as [string, string, string, string];
    org.remove('Account', restored);
    beforeSwap = () => {
      org.insert('Account', { Name: 'New' });
      org.update('Account', edited, { Name: 'Edited' });
      org.remove('Account', removed);
      org.undelete('Account', restored);
      org.purge('Account', purged);
    };
    expect(await service.repair('rebuild')).toMatchObject({ state: 'succeeded' });
    expect(beforeSwap).toBeUndefined();
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await service.repair('sweep')).toMatchObject({ state: 'succeeded' });
    const isDue: TableOptions['isDue'] = ({ CreatedDate, SystemModstamp }) =>
      String(CreatedDate) < '2023-03-21' && String(SystemModstamp) >= '2023-03-01';
    expect(await differencesFromOrg(service, 'Account', { isDue })).toEqual([]);
    await gateway.close();
  });

  test('a window that is due waits, and then catches up', async () => {
    await importFirst();
    const rebuilt = await rebuildDuring(async () => {
      service.salesforce.org.update('Account', id, { Name: 'Two' });
      service.salesforce.clock.set(new Date('2023-03-21T00:10:00Z'));
      await service.call('handle_importing_job');
      await new Promise((resolve) => setTimeout(resolve, 700));
      expect(await jobNow()).toMatchObject({ last_date: '2023-03-20', run: { state: 'queued' } });
    });
    expect(rebuilt).toMatchObject({ state: 'succeeded', to: '2023-03-20' });
    await expectWholeTableNextDay();
    expect(await nameNow()).toBe('Two');
  });

  test('its range ends at the last_date of when it has the table', async () => {
    await importFirst();
    await service.stopWorker();
    await fetch(`${service.url}/v1/jobs/${(await jobNow()).id}/rebuild`, { method: 'POST' });
    await service.database.pool.query(`UPDATE jobs SET synced_to = '2023-03-15'`);
    service.startWorker();
    expect(await repairEnded(service)).toMatchObject({ state: 'succeeded', from: '2023-03-01', to: '2023-03-15' });
  });

  test('it waits for a window that is writing, and a window that has read starts over', async () => {
    await importFirst({ deletes: 'remove', env: { WORKERS: '2', RUNS_PER_CONNECTION: '2' } });
    const { org } = service.salesforce;
    org.update('Account', id, { Name: 'Two' });
    let held: (() => void) | undefined;
    service.instance.handler = async ({ soql }, pass) => {
      const reply = await pass();
      // The window has read the record, and counts.
      if (held || !soql.startsWith('SELECT COUNT()')) return reply;
      await new Promise<void>((resolve) => {
        held = resolve;
      });
      return reply;
    };
    service.salesforce.clock.set(new Date('2023-03-21T00:10:00Z'));
    await service.call('handle_importing_job');
    while (!held) await new Promise((resolve) => setTimeout(resolve, 10));
    org.purge('Account', id);
    const rebuilding = service.repair('rebuild');
    expect(await rebuilding).toMatchObject({ state: 'succeeded', to: '2023-03-20' });
    held();
    expect((await service.tickAt('2023-03-21T00:10:00Z')).text).toMatch(/^OK/);
    expect(await nameNow()).toBeUndefined();
    const { rows } = await service.database.pool.query(`SELECT state, error_code FROM runs WHERE kind = 'window' ORDER BY created_at`);
    expect(rows.slice(1)).toEqual([
      { state: 'cancelled', error_code: 'superseded' },
      { state: 'succeeded', error_code: null },
    ]);
  });

  test('it keeps the table while it waits for quota', async () => {
    await importFirst();
    service.salesforce.faults.arm({ kind: 'quota', match: { path: '/query' } });
    await fetch(`${service.url}/v1/jobs/${(await jobNow()).id}/rebuild`, { method: 'POST' });
    while ((await jobNow()).repair!.error?.code !== 'salesforce_quota') await new Promise((resolve) => setTimeout(resolve, 20));
    service.salesforce.org.update('Account', id, { Name: 'Two' });
    service.salesforce.clock.set(new Date('2023-03-21T00:10:00Z'));
    await service.call('handle_importing_job');
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await jobNow()).toMatchObject({ last_date: '2023-03-20', run: { state: 'queued' }, repair: { state: 'queued' } });
    await fetch(`${service.url}/v1/runs/${(await jobNow()).repair!.id}/retry`, { method: 'POST' });
    expect(await repairEnded(service)).toMatchObject({ state: 'succeeded' });
    await expectWholeTableNextDay();
  });
});

test('the MERGE of an abandoned window cannot land after the table is replaced', async () => {
  await importFirst();
  const { rows } = await service.database.pool.query<{ id: string }>(
    `INSERT INTO table_writes (statement, job_id, run_id) SELECT 'sync_' || replace(id::text, '-', '') || '_merge_2', job_id, id FROM runs
     RETURNING statement AS id`,
  );
  expect(await service.repair('rebuild')).toMatchObject({ state: 'succeeded' });
  const late = { jobId: rows[0]!.id, location: 'EU', configuration: { query: { query: 'SELECT 1', useLegacySql: false } } };
  await expect(service.client.createJob(late)).rejects.toMatchObject({ code: 409 });
});
