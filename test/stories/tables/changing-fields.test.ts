import { afterEach, describe, expect, test } from '@jest/globals';
import { type GatewayService, refusal, startGatewayService } from '../../support/gateway.ts';
import { repairEnded, type TestServiceOptions } from '../../support/service.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** Fields that come and go, between two runs and during one. */
let service: GatewayService;

afterEach(() => service[Symbol.asyncDispose]());

/** A service with a job for Account. @returns the Id of a record that is in its first window */
async function start(options: TestServiceOptions = {}): Promise<string> {
  service = await startGatewayService(options);
  service.salesforce.clock.set(new Date('2023-03-05T10:00:00Z'));
  const id = service.salesforce.org.insert('Account', { Name: 'One', Industry: 'Energy' });
  await service.call('create_importing_job', { user_id: await service.connect(), object_name: 'Account', start_date: '2023-03-01' });
  return id;
}

/** Imports the first window in the evening of March 20th. */
async function importFirst(): Promise<string> {
  const id = await start();
  await service.tickAt('2023-03-20T19:00:00Z');
  service.salesforce.clock.set(new Date('2023-03-20T20:00:00Z'));
  service.instance.calls.length = 0;
  return id;
}

const receipt = async (): Promise<Record<string, unknown>> => (await service.jobs())[0]!.run!.receipt;

async function row(id: string, columns: string): Promise<Record<string, unknown> | undefined> {
  return (await service.rows(`SELECT ${columns} FROM salesforce.Account WHERE Id = '${id}'`))[0];
}

const isDescribe = (url: string): boolean => url.endsWith('/describe');
const queried = (): string[] => service.instance.calls.map(({ soql }) => soql).filter((soql) => soql.startsWith('SELECT Id,'));
const describes = (): number => service.instance.calls.filter(({ url }) => isDescribe(url)).length;

const noSuchColumn = (field: string) =>
  refusal('INVALID_FIELD', `\nSELECT Id\n ^\nERROR at Row:1:Column:8\nNo such column '${field}' on entity 'Account'.`);

describe('between two runs', () => {
  test('a field that was added and filled is in the next window', async () => {
    const id = await importFirst();
    service.salesforce.org.changeField('Account', { field: 'Rank2__c', change: 'add', type: 'double' });
    service.salesforce.org.update('Account', id, { Rank2__c: 42 });
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await row(id, 'Rank2__c')).toEqual({ Rank2__c: 42 });
    expect(await receipt()).toMatchObject({ columns_added: ['Rank2__c'], verdict: 'exact' });
  });

  test('a field that was added is in a window whose first query failed', async () => {
    const id = await importFirst();
    service.salesforce.org.changeField('Account', { field: 'Rank2__c', change: 'add', type: 'double' });
    service.salesforce.org.update('Account', id, { Rank2__c: 42 });
    let failures = 1;
    service.instance.handler = ({ soql }, pass) =>
      soql.startsWith('SELECT Id,') && failures-- > 0 ? refusal('SERVER_UNAVAILABLE', '', 503) : pass();
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(service.logged.join('')).toContain('run_interrupted');
    expect(await row(id, 'Rank2__c')).toEqual({ Rank2__c: 42 });
  });

  test('a field that was hidden leaves the next run, which succeeds', async () => {
    const id = await importFirst();
    service.salesforce.org.changeField('Account', { field: 'Industry', change: 'hide' });
    service.salesforce.org.update('Account', id, { Name: 'Two' });
    await service.tickAt('2023-03-21T00:10:00Z');
    await expectWholeTable(service, 'Account', '2023-03-21');
    expect(await row(id, 'Name, Industry')).toEqual({ Name: 'Two', Industry: null });
    expect(await receipt()).toMatchObject({ columns_orphaned: ['Industry'] });
  });

  test('a value that was edited while its field is hidden becomes NULL', async () => {
    const id = await importFirst();
    service.salesforce.org.changeField('Account', { field: 'Industry', change: 'hide' });
    service.salesforce.org.update('Account', id, { Name: 'Two', Industry: 'Banking' });
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await row(id, 'Name, Industry')).toEqual({ Name: 'Two', Industry: null });
  });

  test('a field that is shown again gets the values that it had meanwhile', async () => {
    const id = await importFirst();
    service.salesforce.org.changeField('Account', { field: 'Industry', change: 'hide' });
    service.salesforce.org.update('Account', id, { Name: 'Two', Industry: 'Banking' });
    await service.tickAt('2023-03-21T00:10:00Z');
    service.salesforce.org.changeField('Account', { field: 'Industry', change: 'show' });
    // As if a day had passed: Salesforce need not report that field-level security changed.
    service.context.describes.forget(1, 'Account');
    for (const day of ['22', '23']) await service.tickAt(`2023-03-${day}T00:10:00Z`);
    expect(await repairEnded(service)).toMatchObject({ kind: 'sweep', state: 'succeeded' });
    expect(await row(id, 'Industry')).toEqual({ Industry: 'Banking' });
  });

  test('an unchanged description is not transferred again', async () => {
    const id = await importFirst();
    service.salesforce.org.update('Account', id, { Name: 'Two' });
    const statuses: number[] = [];
    service.instance.handler = async ({ url }, pass) => {
      const reply = await pass();
      if (isDescribe(url)) statuses.push(reply.status);
      return reply;
    };
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(statuses).toEqual([304]);
    expect(queried()).toHaveLength(1);
  });

  test('the description is transferred again after the user logged in again', async () => {
    const id = await importFirst();
    service.salesforce.org.update('Account', id, { Name: 'Two' });
    await service.connect();
    const conditions: unknown[] = [];
    service.instance.handler = async ({ url }, pass) => {
      const reply = await pass();
      if (isDescribe(url)) conditions.push(reply.status);
      return reply;
    };
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(conditions).toEqual([200]);
  });
});

describe('a field that describe lists and SOQL refuses', () => {
  test('is left out, reported, and not requested again on the same day', async () => {
    const id = await start();
    service.instance.handler = ({ soql }, pass) =>
      /SELECT.*\bCleanStatus\b.*FROM Account/s.test(soql) ? noSuchColumn('CleanStatus') : pass();
    await service.tickAt('2023-03-20T00:10:00Z');
    await expectWholeTable(service);
    expect(await receipt()).toMatchObject({ fields_skipped: ['CleanStatus (INVALID_FIELD)'] });
    expect(queried()).toHaveLength(2);

    service.salesforce.org.update('Account', id, { Name: 'Two' });
    service.instance.calls.length = 0;
    await service.tickAt('2023-03-21T00:10:00Z');
    await expectWholeTable(service, 'Account', '2023-03-21');
    expect(queried()).toHaveLength(1);
    expect(await receipt()).toMatchObject({ fields_skipped: ['CleanStatus (INVALID_FIELD)'] });
  });

  test('is found by its name in another language', async () => {
    await start();
    service.instance.handler = ({ soql }, pass) =>
      /SELECT.*\bCleanStatus\b.*FROM Account/s.test(soql)
        ? refusal('INVALID_FIELD', "Aucune colonne « CleanStatus » sur l'entité « Account ».")
        : pass();
    await service.tickAt('2023-03-20T00:10:00Z');
    await expectWholeTable(service);
  });

  test('and that Salesforce does not name stops the run with its reason', async () => {
    await start();
    service.instance.handler = ({ soql }, pass) => (soql.startsWith('SELECT Id,') ? refusal('INVALID_FIELD', 'invalid') : pass());
    await service.tickAt('2023-03-20T00:10:00Z');
    expect((await service.jobs())[0]!.run).toMatchObject({ state: 'failed', error: { code: 'salesforce_refused' } });
    expect(queried()).toHaveLength(1);
  });

  test.each(['Id', 'SystemModstamp'])('and that rows are matched or ordered by stops the run: %s', async (field) => {
    await start();
    service.instance.handler = ({ soql }, pass) => (soql.startsWith('SELECT Id,') ? noSuchColumn(field) : pass());
    await service.tickAt('2023-03-20T00:10:00Z');
    expect((await service.jobs())[0]!.run).toMatchObject({ state: 'failed', error: { code: 'salesforce_refused' } });
    expect(queried()).toHaveLength(1);
  });
});

/** By Bulk, in two slices or more. */
const SLICED = { restRows: 0, sliceRows: 40 };

describe('during a run', () => {
  /** Calls `change` when a Bulk job is created for the second slice. */
  async function duringSecondSlice(change: () => void, options: TestServiceOptions = { limits: SLICED }): Promise<string> {
    const id = await start(options);
    let bulkJobs = 0;
    service.instance.handler = ({ method, url }, pass) => {
      if (method === 'POST' && url.endsWith('/jobs/query') && ++bulkJobs === 2) change();
      return pass();
    };
    await service.tickAt('2023-03-20T00:10:00Z');
    return id;
  }

  test('a field that is lost leaves the whole run, and what was staged before stays', async () => {
    await duringSecondSlice(() => service.salesforce.org.changeField('Account', { field: 'Industry', change: 'hide' }));
    await expectWholeTable(service);
    const [metadata] = await service.client.dataset('salesforce').table('Account').getMetadata();
    const names = (metadata as { schema: { fields: { name: string }[] } }).schema.fields.map(({ name }) => name);
    expect(names).not.toContain('Industry');
    const { rows } = await service.database.pool.query('SELECT generation FROM slices ORDER BY cursor_from, ordinal LIMIT 1');
    expect(rows).toEqual([{ generation: 1 }]);
  });

  test('a field that a Bulk job fails for leaves the run', async () => {
    await start({ limits: SLICED });
    service.salesforce.faults.arm({
      kind: 'job-failed',
      errorMessage:
        "INVALID_FIELD: \nId, Industry FROM Account\n ^\nERROR at Row:1:Column:12\nNo such column 'Industry' on entity 'Account'.",
    });
    await service.tickAt('2023-03-20T00:10:00Z');
    await expectWholeTable(service);
    expect(await receipt()).toMatchObject({ fields_skipped: ['Industry (INVALID_FIELD)'] });
  });

  test('a field that is added waits for the next run', async () => {
    const id = await duringSecondSlice(() =>
      service.salesforce.org.changeField('Account', { field: 'Rank2__c', change: 'add', type: 'double', value: 7 }),
    );
    await expectWholeTable(service);
    await expect(row(id, 'Rank2__c')).rejects.toThrow(/Rank2__c/);
    service.salesforce.org.update('Account', id, { Name: 'Two' });
    await service.tickAt('2023-03-21T00:10:00Z');
    expect(await row(id, 'Rank2__c')).toEqual({ Rank2__c: 7 });
  });

  test('a cursor field that is lost stops the run with its name', async () => {
    await duringSecondSlice(() => service.salesforce.org.changeField('Account', { field: 'SystemModstamp', change: 'hide' }));
    const { run } = (await service.jobs())[0]!;
    expect(run).toMatchObject({
      state: 'failed',
      error: { code: 'salesforce_refused', message: expect.stringContaining('SystemModstamp') },
    });
  });
});

test('a window without rows costs one call, even after a field was added', async () => {
  await importFirst();
  service.salesforce.org.changeField('Account', { field: 'Rank2__c', change: 'add', type: 'double' });
  const { org } = service.salesforce;
  service.salesforce.clock.set(new Date('2023-03-21T00:10:00Z'));
  for (const record of [...org.records('Account')]) {
    if (String(record.SystemModstamp) >= '2023-03-19T23:50:00') org.purge('Account', String(record.Id));
  }
  await service.tickAt('2023-03-21T00:10:00Z');
  expect((await service.jobs())[0]).toMatchObject({ last_date: '2023-03-21', run: { receipt: { staged: 0 } } });
  expect(service.instance.calls.filter(({ url }) => url.startsWith('/services/data/'))).toHaveLength(1);
  expect(describes()).toBe(0);
});

/** The cells of each record of a page, in their quotes. */
function recordsOf(csv: string): string[][] {
  const records: string[][] = [[]];
  for (const [, cell, end] of csv.matchAll(/("(?:[^"]|"")*")(,|\n)/g)) {
    records.at(-1)!.push(cell!);
    if (end === '\n') records.push([]);
  }
  return records.slice(0, -1);
}

test('Bulk pages are loaded by their own headers, whatever the order of their columns', async () => {
  await start({ limits: { restRows: 0, firstPageRows: 10, pageTextBytes: 1 } });
  let pages = 0;
  service.instance.handler = async ({ url }, pass) => {
    const reply = await pass();
    if (!url.includes('/results?')) return reply;
    // Another order for each page.
    const by = ++pages * 7;
    const body = recordsOf(reply.body).map((cells) => [...cells.slice(by), ...cells.slice(0, by)].join(','));
    return { ...reply, body: body.map((record) => `${record}\n`).join('') };
  };
  await service.tickAt('2023-03-20T00:10:00Z');
  expect(pages).toBeGreaterThan(1);
  await expectWholeTable(service);
});
