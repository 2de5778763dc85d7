import { afterEach, describe, expect, test } from '@jest/globals';
import { startGatewayService } from '../../support/gateway.ts';
import { type Answer, readAnswer, repairEnded, startService, type TestService } from '../../support/service.ts';

/** A job with history keeps each version of a record that its runs have seen. */
let service: TestService;
let ids: string[];
let user_id: string;

afterEach(() => service[Symbol.asyncDispose]());

/** Imports two records, One and Two. */
async function importTwo(fields: Record<string, string> = {}, started?: TestService): Promise<void> {
  service = started ?? (await startService());
  at('2023-03-05T10:00:00Z');
  ids = ['One', 'Two'].map((Name) => service.salesforce.org.insert('Account', { Name }));
  user_id = await service.connect();
  const job = { user_id, object_name: 'Account', start_date: '2023-03-01', history: 'true', ...fields };
  expect(await service.call('create_importing_job', job)).toMatchObject({ text: 'OK' });
  await service.tickAt('2023-03-06T00:10:00Z');
}

const at = (now: string): void => service.salesforce.clock.set(new Date(now));

/** Renames a record, and imports that. */
async function rename(id: string, name: string, day: string): Promise<void> {
  at(`${day}T10:00:00Z`);
  service.salesforce.org.update('Account', id, { Name: name });
  await nextDay(day);
}

async function nextDay(day: string): Promise<void> {
  const next = new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);
  expect((await service.tickAt(`${next}T00:10:00Z`)).text).toMatch(/^OK: /);
}

/** The versions of a record, oldest first: its name, the days since and until which it is valid, and why it is deleted. */
async function versionsOf(id: string): Promise<unknown[][]> {
  const rows = await service.rows(
    `SELECT Name, FORMAT_TIMESTAMP('%F', _valid_from) AS f, FORMAT_TIMESTAMP('%F', _valid_to) AS t, _deleted_reason AS r FROM salesforce.Account_versions_valid WHERE Id = '${id}' ORDER BY _valid_from`,
  );
  return rows.map(({ Name, f, t, r }) => [Name, f, t, ...(r === null ? [] : [r])]);
}

const receipt = async () => (await service.jobs())[0]!.run!.receipt;

/** Each Id and stamp has one version, and the newest is the row of the target table. */
async function expectWhole(): Promise<void> {
  const key = 'Id, SystemModstamp, _deleted_at IS NULL AS live';
  const [repeated] = await service.rows(
    'SELECT COUNT(*) AS n FROM (SELECT 1 AS x FROM salesforce.Account_versions GROUP BY Id, _valid_from HAVING COUNT(*) > 1)',
  );
  expect(repeated).toEqual({ n: 0 });
  const newest = await service.rows(`SELECT ${key} FROM salesforce.Account_versions_valid WHERE _valid_to IS NULL ORDER BY Id`);
  expect(newest).toEqual(await service.rows(`SELECT ${key} FROM salesforce.Account ORDER BY Id`));
}

/** The ids of BigQuery jobs. */
async function requestedJobs(part: string): Promise<string[]> {
  const [jobs] = await service.client.getJobs({ allUsers: true });
  return jobs.flatMap(({ id }) => (id!.includes(part) ? [id!] : [])).sort();
}

async function change(fields: Record<string, string>): Promise<Answer> {
  const [job] = await service.jobs();
  return await readAnswer(await fetch(`${service.url}/v1/jobs/${job!.id}`, { method: 'PATCH', body: new URLSearchParams(fields) }));
}

test('a version is added for each stamp, whatever is read again', async () => {
  await importTwo();
  const first = await receipt();
  expect(first).toMatchObject({ versions_added: first.delta_rows });
  await rename(ids[0]!, 'Uno', '2023-03-06');
  const second = await receipt();
  // The others are in the overlap of the two windows.
  expect(second.versions_added).toBeLessThan(Number(second.delta_rows));
  const added = Number(first.versions_added) + Number(second.versions_added);
  expect(await service.rows('SELECT COUNT(*) AS n FROM salesforce.Account_versions')).toEqual([{ n: added }]);
  await rename(ids[0]!, 'Ein', '2023-03-08');
  const versions = [
    ['One', '2023-03-05', '2023-03-06'],
    ['Uno', '2023-03-06', '2023-03-08'],
    ['Ein', '2023-03-08', null],
  ];
  expect(await versionsOf(ids[0]!)).toEqual(versions);
  expect(await versionsOf(ids[1]!)).toEqual([['Two', '2023-03-05', null]]);
  await expectWhole();

  const again = await service.repair('reimport', { from: '2023-03-01', to: '2023-03-09' });
  expect(again).toMatchObject({ state: 'succeeded', receipt: { versions_added: 0 } });
  expect(again.receipt.delta_rows).toBeGreaterThan(2);
  expect(await service.repair('rebuild')).toMatchObject({ state: 'succeeded', receipt: { versions_added: 0 } });
  expect(await service.repair('sweep')).toMatchObject({ state: 'succeeded' });
  expect(await versionsOf(ids[0]!)).toEqual(versions);
  await expectWhole();

  const table = service.client.dataset('salesforce').table('Account_versions');
  const [{ timePartitioning, clustering, schema, expirationTime }] = await table.getMetadata();
  expect({ timePartitioning, clustering, expirationTime }).toMatchObject({
    timePartitioning: { type: 'MONTH', field: '_valid_from' },
    clustering: { fields: ['Id'] },
  });
  const [view] = await service.client.dataset('salesforce').table('Account_versions_valid').getMetadata();
  for (const described of [schema, view.schema]) {
    const fields: { name: string; description?: string }[] = described.fields;
    expect(fields.filter(({ description }) => !description)).toEqual([]);
  }
});

test('a version keeps its values: a new field is NULL until the next stamp', async () => {
  await importTwo();
  service.salesforce.org.changeField('Account', { field: 'Rank__c', change: 'add', type: 'double', value: 7 });
  await rename(ids[0]!, 'Uno', '2023-03-06');
  await repairEnded(service);
  const ranks = async (table: string) =>
    (await service.rows(`SELECT Rank__c FROM salesforce.${table} WHERE Id IN ('${ids.join("', '")}') ORDER BY Id, SystemModstamp`)).map(
      (row) => row.Rank__c,
    );
  expect(await ranks('Account')).toEqual([7, 7]);
  expect(await ranks('Account_versions')).toEqual([null, 7, null]);
  service.salesforce.org.changeField('Account', { field: 'Rank__c', change: 'retype', type: 'string' });
  await rename(ids[0]!, 'Ein', '2023-03-07');
  expect(await service.rows(`SELECT Rank__c, Rank__c_string FROM salesforce.Account_versions WHERE Name = 'Ein'`)).toEqual([
    { Rank__c: null, Rank__c_string: '7' },
  ]);
  await expectWhole();
});

describe('a deleted record', () => {
  test.each([
    [
      'keep',
      [
        ['One', '2023-03-05', '2023-03-06'],
        ['Uno', '2023-03-06', '2023-03-07'],
        ['Uno', '2023-03-07', null, 'recycle_bin'],
      ],
    ],
    [
      'blank',
      [
        [null, '2023-03-05', '2023-03-06'],
        [null, '2023-03-06', '2023-03-07'],
        [null, '2023-03-07', null, 'recycle_bin'],
      ],
    ],
    ['remove', []],
  ])('with deletes=%s', async (deletes, versions) => {
    await importTwo({ deletes });
    await rename(ids[0]!, 'Uno', '2023-03-06');
    at('2023-03-07T10:00:00Z');
    service.salesforce.org.remove('Account', ids[0]!);
    await nextDay('2023-03-07');
    expect(await versionsOf(ids[0]!)).toEqual(versions);
    expect(await versionsOf(ids[1]!)).toEqual([['Two', '2023-03-05', null]]);
    await expectWhole();
    // Restored with a new stamp.
    at('2023-03-08T10:00:00Z');
    service.salesforce.org.undelete('Account', ids[0]!);
    await nextDay('2023-03-08');
    expect((await versionsOf(ids[0]!)).slice(versions.length)).toEqual([['Uno', '2023-03-08', null]]);
    await expectWhole();
  });

  test.each(['blank', 'remove'])('is treated in its earlier versions when deletes becomes %s', async (deletes) => {
    await importTwo();
    at('2023-03-06T10:00:00Z');
    service.salesforce.org.remove('Account', ids[0]!);
    await nextDay('2023-03-06');
    expect((await versionsOf(ids[0]!)).map(([name]) => name)).toEqual(['One', 'One']);
    expect(await change({ deletes })).toMatchObject({ status: 200 });
    expect(await repairEnded(service)).toMatchObject({ state: 'succeeded' });
    expect((await versionsOf(ids[0]!)).map(([name]) => name)).toEqual(deletes === 'blank' ? [null, null] : []);
    await expectWhole();
  });

  test.each(['keep', 'blank', 'remove'])('that Salesforce no longer has, by sweep and by rebuild, with deletes=%s', async (deletes) => {
    await importTwo({ deletes });
    const [{ n: size }] = (await service.rows('SELECT COUNT(*) AS n FROM salesforce.Account_versions')) as [{ n: number }];
    service.salesforce.org.purge('Account', ids[0]!);
    expect(await service.repair('sweep')).toMatchObject({ state: 'succeeded', receipt: { missing: 1 } });
    const now = new Date().toISOString().slice(0, 10);
    const name = (value: string) => (deletes === 'keep' ? value : null);
    const missing = (value: string) =>
      deletes === 'remove'
        ? []
        : [
            [name(value), '2023-03-05', now],
            [name(value), now, null, 'missing'],
          ];
    expect(await versionsOf(ids[0]!)).toEqual(missing('One'));
    await expectWhole();
    service.salesforce.org.purge('Account', ids[1]!);
    expect(await service.repair('rebuild')).toMatchObject({ state: 'succeeded' });
    expect(await versionsOf(ids[0]!)).toEqual(missing('One'));
    expect(await versionsOf(ids[1]!)).toEqual(missing('Two'));
    expect(await service.rows('SELECT COUNT(*) AS n FROM salesforce.Account_versions')).toEqual([
      { n: size + (deletes === 'remove' ? -2 : 2) },
    ]);
  });

  test('that has versions but no row, because its run was cancelled between them, is found by the sweep', async () => {
    await importTwo();
    service.salesforce.org.purge('Account', ids[0]!);
    await service.rows(`DELETE FROM salesforce.Account WHERE Id = '${ids[0]}'`);
    expect(await service.repair('sweep')).toMatchObject({ state: 'succeeded', receipt: { missing: 0 } });
    expect((await versionsOf(ids[0]!)).map(([, , , reason]) => reason)).toEqual([undefined, 'missing']);
    expect(await versionsOf(ids[1]!)).toHaveLength(1);
  });

  test.each(['keep', 'blank'])('that was only hidden is live again, with deletes=%s', async (deletes) => {
    await importTwo({ deletes });
    service.salesforce.org.changeAccess('Account', 'hide', ids[0]!);
    await service.repair('sweep');
    expect(await versionsOf(ids[0]!)).toHaveLength(2);
    service.salesforce.org.changeAccess('Account', 'show', ids[0]!);
    await service.repair('sweep');
    await repairEnded(service);
    expect(await versionsOf(ids[0]!)).toEqual([['One', '2023-03-05', null]]);
    await expectWhole();
    // A window reads it with a stamp from before it was found to be missing.
    service.salesforce.org.changeAccess('Account', 'hide', ids[0]!);
    await service.repair('sweep');
    service.salesforce.org.changeAccess('Account', 'show', ids[0]!);
    await rename(ids[0]!, 'Uno', '2023-03-06');
    expect((await versionsOf(ids[0]!)).slice(-1)).toEqual([['Uno', '2023-03-06', null]]);
    await expectWhole();
    // Once none says so, no window searches for more.
    await rename(ids[0]!, 'Ein', '2023-03-07');
    expect(await requestedJobs('_returned_')).toHaveLength(1);
  });
});

test('is turned on later with a copy of the table, and off again', async () => {
  await importTwo({ history: 'false' });
  expect(await change({ history: 'true' })).toMatchObject({
    status: 200,
    text: expect.stringContaining('The next run creates Account_versions'),
  });
  await rename(ids[0]!, 'Uno', '2023-03-06');
  const versions = [
    ['One', '2023-03-05', '2023-03-06'],
    ['Uno', '2023-03-06', null],
  ];
  expect(await versionsOf(ids[0]!)).toEqual(versions);
  await expectWhole();
  expect(await change({ history: 'false' })).toMatchObject({ status: 200, text: expect.stringContaining('Account_versions is kept') });
  await rename(ids[0]!, 'Ein', '2023-03-07');
  expect(await versionsOf(ids[0]!)).toEqual(versions);
  // Not even a window with rows is needed.
  await change({ history: 'true' });
  await nextDay('2023-03-08');
  expect((await versionsOf(ids[0]!)).map(([name]) => name)).toEqual(['One', 'Uno', 'Ein']);
  await expectWhole();
});

test('turned on while a window of a job with hashed fields is read, that window adds its versions', async () => {
  const gateway = await startGatewayService({ env: { HASH_SALT: 'a salt of the test, long enough' } });
  await importTwo({ history: 'false', hash_fields: 'Phone' }, gateway);
  let turnedOn: Promise<Answer> | undefined;
  gateway.instance.handler = async ({ soql }, pass) => {
    if (soql.startsWith('SELECT Id,')) turnedOn ??= change({ history: 'true' });
    await turnedOn;
    return await pass();
  };
  await rename(ids[0]!, 'Uno', '2023-03-06');
  expect(await turnedOn).toMatchObject({ status: 200 });
  expect((await versionsOf(ids[0]!)).map(([name]) => name)).toEqual(['One', 'Uno']);
  expect(service.logged.filter((line) => line.includes('"run_interrupted"'))).toEqual([]);
  await expectWhole();
});

test('turned on again, a record that is still missing gets no second version that says so', async () => {
  await importTwo();
  service.salesforce.org.purge('Account', ids[0]!);
  await service.repair('sweep');
  const versions = await versionsOf(ids[0]!);
  expect(versions.map(([, , , reason]) => reason)).toEqual([undefined, 'missing']);
  await change({ history: 'false' });
  service.salesforce.org.purge('Account', ids[1]!);
  await service.repair('sweep');
  await change({ history: 'true' });
  await nextDay('2023-03-06');
  expect(await versionsOf(ids[0]!)).toEqual(versions);
  expect((await versionsOf(ids[1]!)).map(([, , , reason]) => reason)).toEqual([undefined, 'missing']);
  await expectWhole();
});

test('a statement waits for those that an earlier attempt of its run requested, and has a later number after a failure', async () => {
  await importTwo();
  await service.stopWorker();
  const job = (await service.jobs())[0]!;
  const range = new URLSearchParams({ from: '2023-03-01', to: '2023-03-06' });
  expect((await fetch(`${service.url}/v1/jobs/${job.id}/reimport`, { method: 'POST', body: range })).status).toBe(200);
  await service.database.pool.query(
    `INSERT INTO table_writes (statement, job_id, run_id)
     SELECT 'sync_' || replace(id::text, '-', '') || '_versions_add_left_1', job_id, id FROM runs WHERE kind = 'reimport'`,
  );
  const fault = { kind: 'job-failed', match: '_versions_found_' };
  const init = { method: 'POST', body: JSON.stringify(fault), headers: { 'content-type': 'application/json' } };
  await fetch(`${service.bigquery.url}/emulator/faults`, init);
  service.startWorker();
  const repair = await repairEnded(service);
  expect(repair).toMatchObject({ state: 'succeeded' });
  const prefix = `sync_${repair.id.replaceAll('-', '')}_versions_`;
  const steps = (await requestedJobs(prefix)).map((id) => id.slice(prefix.length).replace(/_[0-9a-f]{12}_/, '_'));
  expect(steps.sort()).toEqual(['add_2', 'add_left_1', 'found_1', 'found_2']);
  expect((await service.database.pool.query('SELECT FROM table_writes')).rowCount).toBe(0);
  await expectWhole();
});

test('another table of that name is left alone, and stops the run until it is moved', async () => {
  service = await startService();
  user_id = await service.connect();
  const table = service.client.dataset('salesforce').table('Account_versions');
  await table.create({ schema: [{ name: 'Id', type: 'STRING' }] });
  await service.call('create_importing_job', { user_id, object_name: 'Account', start_date: '2023-03-01', history: 'true' });
  service.salesforce.org.insert('Account', { Name: 'One' });
  await service.tickAt('2023-03-06T00:10:00Z');
  const [job] = await service.jobs();
  expect(job!.run!.error).toMatchObject({
    code: 'target_replaced',
    message: expect.stringContaining('salesforce.Account_versions is not the table of versions of this job. Rename or move it. Then call'),
  });
  await table.delete();
  await service.tickAt('2023-03-07T00:10:00Z');
  await expectWhole();

  await table.delete();
  await rename(String((await service.rows('SELECT Id FROM salesforce.Account LIMIT 1'))[0]!.Id), 'Uno', '2023-03-07').catch(() => {});
  expect((await service.jobs())[0]!.run!.error).toMatchObject({ code: 'target_replaced', message: expect.stringContaining('is missing') });
  await change({ history: 'false' });
  await change({ history: 'true' });
  await service.tickAt('2023-03-09T00:10:00Z');
  await expectWhole();

  const { id } = (await service.jobs())[0]!;
  const deleted = await fetch(`${service.url}/v1/jobs/${id}?table=drop`, { method: 'DELETE' });
  expect(await deleted.text()).toContain('Account_versions_valid');
  const [tables] = await service.client.dataset('salesforce').getTables();
  expect(tables.map((each) => each.id).filter((name) => name!.startsWith('Account'))).toEqual([]);
});

test('is refused where it cannot be kept', async () => {
  service = await startService();
  user_id = await service.connect();
  const create = (object_name: string, fields: Record<string, string> = {}) =>
    service.call('create_importing_job', { user_id, object_name, start_date: '2023-03-01', ...fields });
  service.salesforce.org.changeField('Lead', { field: 'SystemModstamp', change: 'hide' });
  service.salesforce.org.changeField('Lead', { field: 'LastModifiedDate', change: 'hide' });
  expect(await create('Lead', { history: 'true' })).toMatchObject({
    status: 400,
    text: expect.stringContaining('history needs a stamp that changes with each edit. Lead has none'),
  });
  expect(await create('Account')).toMatchObject({ status: 200 });
  expect(await create('Account', { history: 'true' })).toMatchObject({
    status: 409,
    text: expect.stringContaining('already exists with history=false. To change it, call PATCH'),
  });
  expect(await create('Account', { history: 'yes' })).toMatchObject({ status: 400 });
  await service.database.pool.query(`UPDATE jobs SET target_table = 'Contact_versions_valid'`);
  expect(await create('Contact', { history: 'true' })).toMatchObject({
    status: 409,
    text: expect.stringContaining('a name that the job for Account uses'),
  });
  expect(await create('Contact')).toMatchObject({ status: 200 });
});
