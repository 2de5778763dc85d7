import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { publishOutbox } from '../../../app/sync/watch/publish-outbox.ts';
import { requestsDuring } from '../../support/requests.ts';
import { startService, type TestService } from '../../support/service.ts';
import { dumpStore } from '../../support/store/dump.ts';

/** What a job would do and cost, before it exists. */
let service: TestService;
let userId: string;

beforeEach(async () => {
  service = await startService({
    worker: false,
    salesforce: { rows: { Lead: 12_500 } },
    env: { BIGQUERY_DATASETS: 'salesforce,other', HASH_SALT: 'a salt for tests, which is long enough' },
  });
  userId = await service.connect();
});
afterEach(() => service[Symbol.asyncDispose]());

interface Field {
  name: string;
  treatment: string;
}

interface Preview {
  object_name: string;
  outcome: string;
  job_id: string | null;
  refusals: { code: string; message: string }[];
  warnings: string[];
  job: ({ fields: Field[] } & Record<string, unknown>) | null;
}

async function preview(object_name: string, more: Record<string, string> = {}): Promise<Preview> {
  const body = new URLSearchParams({ user_id: userId, object_name, start_date: 'all', ...more });
  const response = await fetch(`${service.url}/v1/jobs/preview`, { method: 'POST', body });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return JSON.parse(text) as Preview;
}

const create = (object_name: string, more: Record<string, string> = {}) =>
  service.call('create_importing_job', { user_id: userId, object_name, start_date: 'all', ...more });

/** The job store, without the counts of calls. */
async function stored(): Promise<unknown> {
  await service.context.calls.write();
  const { tables } = await dumpStore(service.database.pool);
  return tables
    .filter(({ name }) => name !== 'org_calls')
    .map(({ name, rows }) => ({ name, rows: rows.replaceAll(/"used_at":[^,}]*/g, '') }));
}

describe('a preview', () => {
  test('shows what each field becomes, how the rows are read first, and what that costs', async () => {
    const { job, ...found } = await preview('lead', { exclude_fields: 'Phone', hash_fields: '*Email', every: '1h', dataset: 'other' });
    expect(found).toEqual({ object_name: 'Lead', outcome: 'create', job_id: null, refusals: [], warnings: [] });
    expect(job).toMatchObject({
      label: 'Lead',
      start_date: 'all',
      every: '1h',
      deletes: 'keep',
      table: 'other.Lead',
      partitioned: false,
      mode: 'windows',
      cursor_field: 'SystemModstamp',
      rows: 12_502,
      first_import: { api: 'bulk', reason: '12,502 rows, more than 10,000', rows: 12_502, slices: 1, salesforce_calls: 22 },
      per_day: { share_of_allowed: expect.any(Number), bytes_per_merge: expect.any(Number), dollars: expect.any(Number) },
      calls: { org_limit: 15_000, allowed: 7_500, other_jobs_per_day: 0 },
    });
    const fields = Object.fromEntries(job!.fields.map(({ name, ...field }) => [name, field]));
    expect(fields.Id).toEqual({ label: 'Lead ID', type: 'id(18)', column: 'Id', column_type: 'STRING', treatment: 'read', reason: null });
    expect(fields.AnnualRevenue).toMatchObject({ type: 'currency(18, 0)', column_type: 'NUMERIC' });
    expect(fields.Phone).toMatchObject({ column: null, treatment: 'excluded', reason: 'exclude_fields lists it' });
    expect(fields.Email).toMatchObject({ column_type: 'STRING', treatment: 'hashed', reason: 'hash_fields lists it' });
    expect(fields.Address).toMatchObject({ column: null, treatment: 'skipped', reason: 'compound: its parts are fields of their own' });
  });

  test('counts the rows since start_date, and estimates the windows by the changes of the last week', async () => {
    const { org, clock } = service.salesforce;
    clock.set(new Date('2023-03-02T00:10:00Z'));
    for (let row = 0; row < 10; row++) org.insert('Account', { Name: `Account ${row}` });
    clock.set(new Date('2023-03-03T00:10:00Z'));
    const { job } = await preview('Account', { start_date: '2023-03-02', every: '15m' });
    expect(job!.first_import).toMatchObject({ api: 'rest', reason: expect.stringMatching(/^[\d,]+ rows, at most 10,000$/), slices: 1 });
    const { rows } = job!.first_import as { rows: number };
    expect(rows).toBeGreaterThanOrEqual(10);
    expect(rows).toBeLessThan(40);
    const { estimate } = (await (
      await fetch(`${service.url}/create_importing_job`, {
        method: 'POST',
        headers: { accept: 'application/json' },
        body: new URLSearchParams({ user_id: userId, object_name: 'Account', start_date: '2023-03-02', every: '15m' }),
      })
    ).json()) as { estimate: { calls_per_day: number; bytes_billed_per_day: number } };
    expect(job!.per_day).toMatchObject({ salesforce_calls: estimate.calls_per_day, bytes_billed: estimate.bytes_billed_per_day });
    service.startWorker();
    expect((await service.tickAt('2023-03-03T00:20:00Z')).text).toMatch(/^OK/);
    const [{ run } = {}] = await service.jobs();
    expect(run!.receipt).toMatchObject({ salesforce_calls: (job!.first_import as { salesforce_calls: number }).salesforce_calls });
  });

  test('writes nothing anywhere', async () => {
    const before = await stored();
    const requests = await requestsDuring(async () => {
      await preview('Account', { every: '15m' });
      await preview('ContentDocumentLink');
      await preview('LoginHistory', { deletes: 'blank' });
    });
    expect(await stored()).toEqual(before);
    const writing = requests.filter((request) => !request.startsWith('GET ') && !request.endsWith(' /v1/jobs/preview'));
    expect(writing).toEqual([]);
    expect(await service.jobs()).toEqual([]);
    expect(service.logged.join('')).not.toContain('job_created');
  });

  test.each([
    ['an object that cannot be imported', 'ContentDocumentLink', {}],
    ['an unknown object', 'Unknown__c', {}],
    ['an object without deletes', 'LoginHistory', { deletes: 'blank' }],
    ['a field that does not exist', 'Lead', { exclude_fields: 'Nothing__c' }],
    ['versions of what is never edited', 'AccountHistory', { history: 'true' }],
  ])('refuses %s as a creation does', async (_, object: string, more: Record<string, string>) => {
    const { outcome, refusals } = await preview(object, more);
    const created = await create(object, more);
    const { error } = JSON.parse(created.text) as { error: { code: string; message: string } };
    expect({ outcome, first: refusals[0] }).toEqual({ outcome: 'refused', first: error });
  });

  test('lists all that refuses a job, with its cost', async () => {
    service.salesforce.limits.set('DailyApiRequests', { Max: 200, Remaining: 200 });
    const { outcome, refusals, job } = await preview('LoginHistory', { every: '15m', deletes: 'remove', exclude_fields: 'Nothing__c' });
    expect([outcome, refusals.map(({ code }) => code)]).toEqual(['refused', ['invalid_request', 'invalid_request', 'salesforce_quota']]);
    expect(job!.calls).toMatchObject({ org_limit: 200, allowed: 100 });
    expect(job!.per_day).toMatchObject({ salesforce_calls: expect.any(Number) });
  });

  test('says so if the job exists, or has other options', async () => {
    await create('Account');
    const [{ id } = {}] = await service.jobs();
    expect(await preview('account')).toEqual({
      object_name: 'Account',
      outcome: 'exists',
      job_id: id,
      refusals: [],
      warnings: [],
      job: null,
    });
    expect(await preview('Account', { every: '1h' })).toMatchObject({
      outcome: 'refused',
      refusals: [{ code: 'conflict', message: expect.stringContaining(`call PATCH /v1/jobs/${id} with every`) }],
    });
  });

  test('warns of a table that exists, and of an object that is read whole', async () => {
    await service.client.dataset('salesforce').createTable('CaseStatus', { schema: [{ name: 'Id', type: 'STRING' }] });
    service.salesforce.org.changeField('CaseStatus', { field: 'SystemModstamp', change: 'hide' });
    service.salesforce.org.changeField('CaseStatus', { field: 'LastModifiedDate', change: 'hide' });
    service.salesforce.org.changeField('CaseStatus', { field: 'CreatedDate', change: 'hide' });
    const { outcome, warnings, job } = await preview('CaseStatus');
    expect([outcome, job!.mode, job!.cursor_field]).toEqual(['create', 'whole', null]);
    expect(warnings).toEqual([
      expect.stringMatching(/^The table salesforce\.CaseStatus exists already\./),
      expect.stringMatching(/^CaseStatus has no stamp to filter by/),
    ]);
  });
});

describe('the objects of an org', () => {
  const read = async (path: string): Promise<Record<string, unknown>> => {
    const response = await fetch(`${service.url}/v1/connections/1/objects${path}`);
    return { status: response.status, ...((await response.json()) as object) };
  };

  test('are listed with REST or Bulk and why, without a description of each', async () => {
    await create('Account');
    service.startWorker();
    await service.tickAt('2023-03-01T00:20:00Z');
    let objects: Record<string, unknown>[] = [];
    const requests = await requestsDuring(async () => {
      ({ objects } = (await read('')) as { objects: Record<string, unknown>[] });
    });
    expect(requests.filter((request) => request.includes('/describe'))).toEqual([]);
    const byName = Object.fromEntries(objects.map(({ name, ...object }) => [name as string, object]));
    expect(byName.Lead).toEqual({
      label: 'Lead',
      rows: 12_502,
      importable: true,
      reason: null,
      api: 'bulk',
      api_reason: '12,502 rows, more than 10,000',
      job_id: null,
      cursor_field: null,
      formulas: null,
    });
    const [{ id } = {}] = await service.jobs();
    expect(byName.Account).toMatchObject({ api: 'rest', job_id: id, cursor_field: 'SystemModstamp', formulas: expect.any(Number) });
  });

  test('show by themselves what a new job would find', async () => {
    expect(await read('/account')).toMatchObject({
      name: 'Account',
      importable: true,
      api: 'rest',
      mode: 'windows',
      cursor_field: 'SystemModstamp',
      fields: expect.any(Number),
      formulas: expect.any(Number),
      skipped_fields: expect.arrayContaining([
        { name: 'BillingAddress', type: 'address', reason: 'compound: its parts are fields of their own' },
      ]),
    });
    expect(await read('/ContentDocumentLink')).toMatchObject({ importable: false, reason: expect.stringContaining('MALFORMED_QUERY') });
    expect(await read('/AppDefinition')).toMatchObject({ importable: false, reason: expect.stringContaining('no Ids of their own') });
    expect(await read('/Unknown__c')).toMatchObject({ status: 404, error: { code: 'not_found' } });
  });
});

describe('several jobs', () => {
  async function createAll(fields: Record<string, string>): Promise<{ status: number } & Record<string, unknown>> {
    const body = new URLSearchParams({ user_id: userId, start_date: 'all', ...fields });
    const response = await fetch(`${service.url}/v1/jobs`, { method: 'POST', body });
    return { status: response.status, ...((await response.json()) as object) };
  }

  test('are created by one call, and an object that is refused does not stop the others', async () => {
    await create('Contact');
    await create('Lead', { every: '1h' });
    const result = await createAll({
      object_names: 'Account, AppDefinition,contact,Lead,ACCOUNT,Unknown__c',
      deletes: 'keep',
      every: 'day',
    });
    expect(result).toMatchObject({ status: 200, created: 1, existed: 1, taken_over: 0, refused: 3 });
    const jobs = await service.jobs();
    const idOf = (name: string) => jobs.find(({ object_name }) => object_name === name)?.id;
    expect(result.jobs).toEqual([
      {
        object_name: 'Account',
        outcome: 'created',
        job_id: idOf('Account'),
        warnings: [],
        estimate: { calls_per_day: 3, bytes_billed_per_day: 20_971_520 },
        error: null,
      },
      expect.objectContaining({
        object_name: 'AppDefinition',
        outcome: 'refused',
        error: expect.objectContaining({ code: 'invalid_request' }),
      }),
      expect.objectContaining({ object_name: 'Contact', outcome: 'existed', job_id: idOf('Contact'), estimate: null }),
      expect.objectContaining({ object_name: 'Lead', outcome: 'refused', error: expect.objectContaining({ code: 'conflict' }) }),
      expect.objectContaining({ object_name: 'Unknown__c', outcome: 'refused', error: expect.objectContaining({ code: 'not_found' }) }),
    ]);
    expect(jobs.map(({ object_name }) => object_name)).toEqual(['Contact', 'Lead', 'Account']);
  });

  test('are all refused if an option is invalid', async () => {
    for (const wrong of [{ every: '5m' }, { start_date: '2999-01-01' }, { object_names: 'Account;Contact' }, { object_names: ',' }]) {
      expect(await createAll({ object_names: 'Account', ...wrong })).toMatchObject({ status: 400, error: { code: 'invalid_request' } });
    }
    expect(await service.jobs()).toEqual([]);
  });
});

describe('an existing job', () => {
  const get = async <T>(path: string, method = 'GET'): Promise<T> =>
    (await (await fetch(`${service.url}/v1/jobs/${path}`, { method })).json()) as T;

  test('shows what becomes of each field, and how its table has changed', async () => {
    const { org } = service.salesforce;
    await create('Account', { new_fields: 'review', hash_fields: 'Phone', exclude_fields: '*_Secret__c' });
    const [{ id } = {}] = await service.jobs();
    expect(await get(`${id}/fields`)).toEqual({ fields: [] });
    service.startWorker();
    await service.tickAt('2023-03-02T00:20:00Z');
    expect(await get(`${id}/schema-changes`)).toEqual({ changes: [], pending: [] });

    for (const field of ['Rank__c', 'A_Secret__c']) org.changeField('Account', { field, change: 'add', type: 'string', value: 'x' });
    org.changeField('Account', { field: 'Fax', change: 'hide' });
    org.insert('Account', { Name: 'Changed' });
    await service.tickAt('2023-03-03T00:20:00Z');
    const { fields } = await get<{ fields: Field[] }>(`${id}/fields`);
    const byName = Object.fromEntries(fields.map(({ name, ...field }) => [name, field]));
    expect(byName).toMatchObject({
      Id: { label: 'Account ID', type: 'id(18)', column: 'Id', column_type: 'STRING', treatment: 'read', reason: null },
      Phone: { column: 'Phone', treatment: 'hashed', reason: 'hash_fields lists it' },
      Rank__c: { column: null, treatment: 'pending', reason: expect.stringContaining('approve_fields') },
      A_Secret__c: { column: null, treatment: 'excluded' },
      Fax: { column: 'Fax', treatment: 'skipped', reason: expect.stringMatching(/^hidden or deleted in Salesforce since /) },
      BillingAddress: { treatment: 'skipped' },
    });

    await fetch(`${service.url}/v1/jobs/${id}`, { method: 'PATCH', body: new URLSearchParams({ approve_fields: 'Rank__c' }) });
    org.insert('Account', { Name: 'Changed again' });
    await service.tickAt('2023-03-04T00:20:00Z');
    const { changes, pending } = await get<{ changes: Record<string, unknown>[]; pending: string[] }>(`${id}/schema-changes`);
    expect(pending).toEqual([]);
    expect(changes.map(({ change, field, column, detail }) => [change, field, column, detail])).toEqual([
      ['column_added', null, 'Rank__c', null],
      ['column_orphaned', null, 'Fax', null],
      ['field_pending', 'Rank__c', null, null],
    ]);
    await publishOutbox(service.context, new AbortController().signal);
    const published = await service.rows('SELECT run, change, field, column_name, detail FROM salesforce._schema_changes');
    const same = changes.map(({ run_id, change, field, column, detail }) => ({ run: run_id, change, field, column_name: column, detail }));
    expect(published).toEqual(expect.arrayContaining(same));
    expect(published).toHaveLength(same.length);
  });

  test('is shown, paused and resumed by its id', async () => {
    await create('Account');
    const [listed] = await service.jobs();
    const { id } = listed!;
    expect(await get(id)).toEqual(listed);
    expect(await get(`${id}/pause`, 'POST')).toMatchObject({ id, active: 0, state: 'paused' });
    expect(await get(`${id}/resume`, 'POST')).toMatchObject({ id, active: 1, state: 'complete' });
    expect(await get('0d3f7c1e-5b0a-4c57-9a43-2f6b1f0e7d11')).toMatchObject({ error: { code: 'not_found' } });
    const { rows } = await service.database.pool.query('SELECT action FROM audit ORDER BY id');
    expect(rows.map(({ action }) => action)).toEqual(expect.arrayContaining(['job_paused', 'job_resumed']));
  });
});
