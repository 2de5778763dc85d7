import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { API_KEYS, ConsoleBrowser, formOf, textOf } from '../../support/console.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let browser: ConsoleBrowser;
let id: string;

const storedJob = async (): Promise<Record<string, unknown>> =>
  (await service.database.pool.query('SELECT every, deletes, exclude_fields, history, active, start_date FROM jobs WHERE id = $1', [id]))
    .rows[0];
const changes = async (): Promise<unknown[]> =>
  (await service.database.pool.query('SELECT by, action, details FROM audit WHERE job_id = $1 ORDER BY id', [id])).rows;

beforeAll(async () => {
  service = await startService({ worker: false });
});
afterAll(() => service[Symbol.asyncDispose]());
beforeEach(async () => {
  browser = new ConsoleBrowser(service.url);
  const user_id = await service.connect();
  await service.call('create_importing_job', { user_id, object_name: 'Account', start_date: '2023-02-20' });
  id = (await service.jobs())[0]!.id;
});
afterEach(() => service.database.pool.query('DELETE FROM runs; DELETE FROM jobs'));

describe('a job is changed', () => {
  test('by a form with its options, after a page that says in words what the change causes', async () => {
    const job = await browser.page(`/jobs/${id}`);
    const form = await browser.click(job, /^Change…$/);
    expect(form.text).toMatch(/name="start_date" value="2023-02-20"/);
    expect(form.text).toMatch(/<option value="day" selected>/);
    const query = 'start_date=2023-02-01&every=6h&deletes=keep&history=false&exclude_fields=&hash_fields=&new_fields=add';
    const review = await browser.page(`/jobs/${id}/change/review?${query}`);
    expect(textOf(review)).toMatch(/Import rows since 2023-02-20 2023-02-01 Every day 6 hours What saving this causes/);
    expect(textOf(review)).toContain('A reimport of the rows stamped from 2023-02-01 to 2023-02-20 is queued.');
    expect(textOf(review)).toMatch(
      /Windows close with every=6h from the next tick on\. Its windows then need about \d+ calls to Salesforce a day/,
    );
    expect(review.text).toContain(`curl -X PATCH --form start_date=2023-02-01 \\\n  --form every=6h \\\n  ${browser.url}/v1/jobs/${id}`);
    expect(review.text).toMatch(/Account:\n +start_date: 2023-02-01\n +dataset: salesforce\n +every: 6h\n/);
    expect(await storedJob()).toMatchObject({ every: 'day' });
    const saved = await browser.submit(review, `/console/jobs/${id}/change`);
    expect(saved.url).toBe(`${browser.url}/console/jobs/${id}`);
    expect(textOf(saved)).toContain('A reimport of the rows stamped from 2023-02-01 to 2023-02-20 is queued. Windows close with every=6h');
    expect(await storedJob()).toMatchObject({ every: '6h', start_date: new Date('2023-02-01T00:00:00Z') });
    expect(await changes()).toContainEqual({ by: 'local', action: 'job_changed', details: { fields: ['start_date', 'every'] } });
    // The open repair refuses another one, and the page says so before it is saved.
    const again = await browser.page(`/jobs/${id}/change/review?start_date=`);
    expect(textOf(again)).toMatch(/2023-02-01 every row .* A reimport of the job is open/);
    const refused = await browser.submit(again, `/console/jobs/${id}/change`);
    expect(textOf(refused)).toContain('A repair of Account is already open');
  });

  test.each([
    ['every=never&deletes=maybe', 'every must be', 'deletes must be'],
    ['start_date=2023-02-25', 'start_date can only become earlier than 2023-02-20'],
    ['exclude_fields=Nothing__c', 'exclude_fields contains Nothing__c'],
    ['hash_fields=Id', 'hash_fields contains Id'],
  ])('not with %s: each option says what is wrong with it', async (query, ...faults) => {
    const page = await browser.page(`/jobs/${id}/change/review?${query}`);
    const shown = [...page.text.matchAll(/aria-invalid="true"[\s\S]*?<small id="\w+-about" class="fault" role="alert">([^<]*)/g)];
    expect(shown.map(([, fault]) => fault)).toEqual(faults.map((fault) => expect.stringContaining(fault)));
    expect(await storedJob()).toMatchObject({ every: 'day', exclude_fields: [] });
  });

  test('without undoing what another operator saved while its form was open', async () => {
    const form = await browser.page(`/jobs/${id}/change`);
    const shown = Object.fromEntries(
      [...form.text.matchAll(/name="(was_\w+)" value="([^"]*)"/g)].map(([, name, value]) => [name!, value!]),
    );
    const options = {
      ...shown,
      start_date: '2023-02-20',
      every: 'day',
      deletes: 'keep',
      history: 'false',
      hash_fields: '',
      new_fields: 'add',
    };
    const review = (fields: Record<string, string>): string =>
      `/jobs/${id}/change/review?${new URLSearchParams({ ...options, exclude_fields: '', ...fields })}`;
    const early = await browser.page(review({ exclude_fields: 'Fax' }));
    await service.database.pool.query(`UPDATE jobs SET exclude_fields = '["Phone"]' WHERE id = $1`, [id]);
    const [late, both] = [await browser.page(review({ every: '6h' })), await browser.page(review({ exclude_fields: 'Fax' }))];
    expect(textOf(late)).toContain('Option Now New Every day 6 hours What');
    const refused = await browser.submit(early, `/console/jobs/${id}/change`);
    for (const page of [both, refused]) {
      expect(textOf(page)).toContain('Another operator has changed this to Phone since you opened the form.');
      expect(page.text).toMatch(/name="exclude_fields" value="Fax"/);
    }
    await browser.submit(late, `/console/jobs/${id}/change`);
    expect(await storedJob()).toMatchObject({ every: '6h', exclude_fields: ['Phone'] });
  });

  test('not by what it has already, nor by a form without its token', async () => {
    expect(textOf(await browser.page(`/jobs/${id}/change/review?every=day`))).toContain('The job has these values already.');
    const answer = await browser.send(`${browser.url}/console/jobs/${id}/change`, { method: 'POST', fields: { every: '1h' } });
    expect(answer.status).toBe(403);
    expect(await storedJob()).toMatchObject({ every: 'day' });
  });
});

test('the repairs of a job are shown as commands, by default of all that is imported', async () => {
  const url = `${browser.url}/v1/jobs/${id}`;
  const before = (await browser.page(`/jobs/${id}`)).text;
  expect(before).toContain(`# Rebuild\ncurl -X POST ${url}/rebuild\n\n# Sync now\ncurl -X POST ${url}/sync-now</pre>`);
  expect(before).not.toContain('# Compare');
  await service.database.pool.query(`UPDATE jobs SET synced_to = '2023-02-26' WHERE id = $1`, [id]);
  const { text } = await browser.page(`/jobs/${id}`);
  const range = '--form from=2023-02-20 \\\n  --form to=2023-02-26';
  expect(text).toContain(`# Compare\ncurl ${range} \\\n  --form compare=true \\\n  ${url}/reimport\n`);
  expect(text).toContain(`# Reimport\ncurl ${range} \\\n  ${url}/reimport\n`);
  expect(text).toContain(`# Sweep\ncurl -X POST ${url}/sweep\n`);
  await browser.submit(await browser.page(`/jobs/${id}`), `/console/jobs/${id}/pause`);
  expect((await browser.page(`/jobs/${id}`)).text).not.toContain('# Rebuild');
});

describe('a job is deleted', () => {
  test('by a form that names its object, and says what becomes of the table', async () => {
    const page = await browser.click(await browser.page(`/jobs/${id}`), /^Delete…$/);
    expect(textOf(page)).toMatch(
      /Kept or dropped The table, with Account_live, Account_versions, and Account_versions_valid, as far as they exist, and the invalid values of its rows/,
    );
    expect(page.text).toContain(`curl -X DELETE --form table=keep \\\n  ${browser.url}/v1/jobs/${id}`);
    const action = `/console/jobs/${id}/delete`;
    const incomplete = await browser.submit(page, action, { name: 'account' });
    expect(textOf(incomplete)).toMatch(/Choose what becomes of the table\. .* Nothing is deleted: this is not Account\./);
    expect(textOf(await browser.submit(incomplete, action, { table: 'keep' }))).toContain('Nothing is deleted');
    expect(await service.jobs()).toHaveLength(1);
    const done = await browser.submit(page, action, { table: 'keep', name: 'Account' });
    expect(done.url).toBe(`${browser.url}/console/jobs`);
    expect(textOf(done)).toContain('The job for Account is deleted. ');
    expect(textOf(done)).toContain('There is no table to keep: salesforce.Account does not exist.');
    expect(await service.jobs()).toEqual([]);
    expect(await changes()).toContainEqual({ by: 'local', action: 'job_deleted', details: { table: 'keep' } });
    expect((await browser.page(`/jobs/${id}/delete`)).status).toBe(404);
  });

  test('also while it is paused, with its table', async () => {
    await browser.submit(await browser.page(`/jobs/${id}`), `/console/jobs/${id}/pause`);
    const page = await browser.click(await browser.page(`/jobs/${id}`), /^Delete…$/);
    const done = await browser.submit(page, `/console/jobs/${id}/delete`, { table: 'drop', name: 'Account' });
    expect(textOf(done)).toMatch(/The job for Account is deleted\. .*salesforce\.Account was not dropped: it does not exist/);
  });
});

describe('a job that cannot be deleted', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  test('is paused, and says that and what to do, also after the time of one call is over', async () => {
    await service.database.pool.query(
      `INSERT INTO table_writes (statement, job_id, run_id) VALUES ('stuck_merge_1', $1, gen_random_uuid())`,
      [id],
    );
    const fault = JSON.stringify({ kind: 'job-stuck', match: 'stuck_merge_1' });
    await fetch(`${service.bigquery.url}/emulator/faults`, { method: 'POST', body: fault });
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    jest.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => timeout(ms === 50_000 ? 1_000 : ms));
    const form = await browser.page(`/jobs/${id}/delete`);
    const failed = await browser.submit(form, `/console/jobs/${id}/delete`, { table: 'keep', name: 'Account' });
    expect(textOf(failed)).toMatch(/could not be deleted within 50 seconds\. Delete it again: that continues where it stopped\./);
    expect(textOf(failed)).toContain('The job is paused and its open runs are cancelled: delete it again, or resume it.');
    expect(await storedJob()).toMatchObject({ active: false });
  });
});

test.each([
  ['read', false],
  ['data', false],
  ['operate', true],
  ['admin', true],
])('a key of role %s may change and delete a job: %s', async (role, may) => {
  await using keyed = await startService({ worker: false, local: false, env: { API_KEYS } });
  const own = new ConsoleBrowser(keyed.url);
  await own.signIn(`${role}-key`);
  for (const page of ['change', 'change/review', 'delete']) {
    const { status } = await own.page(`/jobs/00000000-0000-4000-8000-000000000000/${page}`);
    expect(status).toBe(may ? 404 : 403);
  }
  const token = formOf(await own.page(), '/console/sign-out')!.form_token!;
  for (const page of ['change', 'delete']) {
    const url = `${own.url}/console/jobs/00000000-0000-4000-8000-000000000000/${page}`;
    expect((await own.send(url, { method: 'POST', fields: { form_token: token } })).status).toBe(may ? 303 : 403);
  }
});
