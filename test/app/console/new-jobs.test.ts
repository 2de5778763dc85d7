import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { API_KEYS, ConsoleBrowser, formOf, textOf } from '../../support/console.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let userId: string;
let browser: ConsoleBrowser;
beforeAll(async () => {
  service = await startService({ worker: false });
  userId = await service.connect();
});
afterAll(() => service[Symbol.asyncDispose]());
beforeEach(async () => {
  browser = new ConsoleBrowser(service.url);
  await service.database.pool.query('DELETE FROM jobs');
});

const listed = (text: string): string[] => [...text.matchAll(/name="object" value="(\w+)"/g)].map(([, name]) => name!);

describe('new jobs', () => {
  test('list the objects of the org with their rows, found by name or label', async () => {
    const page = await browser.page('/jobs/new');
    expect(listed(page.text)).toEqual(expect.arrayContaining(['Account', 'Contact', 'Opportunity']));
    expect(textOf(page)).toMatch(/Account 4\d REST/);
    expect(listed((await browser.page('/jobs/new?search=LEAD')).text)).toContain('Lead');
    expect(listed((await browser.page('/jobs/new?search=LEAD')).text)).not.toContain('Contact');
    const selected = await browser.page('/jobs/new?search=LEAD&object=Contact');
    expect(listed(selected.text)[0]).toBe('Contact');
    expect(selected.text).toMatch(/name="object" value="Contact" checked/);
    expect(textOf(await browser.page('/jobs/new?search=nonsense'))).toContain('No object of this org matches');
  });

  test('are the next step of the overview once an org is connected', async () => {
    const overview = await browser.page();
    expect(textOf(overview)).toMatch(/1 of 5 steps done/);
    expect((await browser.click(overview, /^Choose objects$/)).url).toBe(`${browser.url}/console/jobs/new`);
  });

  test('of an org that cannot be called say why, and lead to its connection', async () => {
    const { pool } = service.database;
    await pool.query(`UPDATE connections SET status = 'needs_login', error_message = 'The user is inactive.'`);
    const page = await browser.page('/jobs/new');
    expect(textOf(page)).toContain('The user is inactive.');
    expect((await browser.click(page, /^Open the connection$/)).url).toBe(`${browser.url}/console/connections/1`);
    await pool.query(`UPDATE connections SET status = 'active', error_message = NULL`);
  });

  test('are previewed, then created as the API creates them', async () => {
    const page = await browser.page(
      '/jobs/new/preview?connection=1&object=Account&object=Contact&start_date=2023-02-01&every=1h&exclude_fields=Account.Fax',
    );
    expect(textOf(page)).toMatch(/Account can be created → salesforce.Account/);
    expect(textOf(page)).toMatch(/rows since 1 Feb 2023: \d+ rows? by REST/);
    expect(textOf(page)).toMatch(/Contact can be created|Contact refused/);
    expect(await service.jobs()).toEqual([]);
    expect(page.text).toContain('--form object_names=');
    const created = await browser.submit(page, '/console/jobs/new');
    expect(textOf(created)).toMatch(/Created \d jobs?: Account/);
    expect((await service.jobs())[0]).toMatchObject({ object_name: 'Account', start_date: '2023-02-01', every: '1h', user_id: userId });
  });

  test('are shown as the command and the file that create the same', async () => {
    const page = await browser.page('/jobs/new/preview?connection=1&object=Account&deletes=blank');
    expect(page.text).toContain(
      `curl --form user_id=${userId} \\\n  --form object_names=Account \\\n  --form start_date=all \\\n  --form deletes=blank \\\n  http://localhost:`,
    );
    expect(page.text).toContain(`connections:\n  ${userId}:\n    jobs:\n      Account:\n        start_date: all\n        deletes: blank\n`);
  });

  test('that are refused say why, and do not stop the others', async () => {
    const page = await browser.page('/jobs/new/preview?connection=1&object=Account&object=Nothing__c');
    expect(textOf(page)).toMatch(/Nothing__c refused .*cannot see an object named Nothing__c/);
    const form = formOf(page, '/console/jobs/new')!;
    expect(form).toMatchObject({ object: 'Account' });
    const refused = await browser.submit(page, '/console/jobs/new', { object: 'Nothing__c' });
    expect(refused.url).toContain('/console/jobs/new/preview?');
    expect(textOf(refused)).toContain('Nothing__c was refused');
    expect(await service.jobs()).toEqual([]);
  });

  test.each([
    ['object=Account&start_date=soon', /start_date must be a date/],
    ['object=Account&every=never', /every must be/],
    ['object=Account&exclude_fields=a-b', /exclude_fields must be a comma-separated list/],
    ['', /No object is selected/],
    [Array.from({ length: 51 }, (_, index) => `object=A${index}`).join('&'), /Select at most 50/],
  ])('with %s show the form again, with a sentence', async (query, sentence) => {
    const page = await browser.page(`/jobs/new/preview?connection=1&${query}`);
    expect(page.status).toBe(200);
    expect(textOf(page)).toMatch(sentence);
    expect(listed(page.text)).toContain('Account');
  });

  test('refuse a form without its token, and change nothing', async () => {
    const fields = { connection: '1', object: 'Account', start_date: '2023-02-01' };
    const answer = await browser.send(`${browser.url}/console/jobs/new`, { method: 'POST', fields });
    expect(answer.status).toBe(403);
    expect(await service.jobs()).toEqual([]);
  });
});

test.each([
  ['read', false],
  ['data', false],
  ['operate', true],
])('a key of role %s may open new jobs: %s', async (role, may) => {
  await using keyed = await startService({ worker: false, local: false, env: { API_KEYS } });
  const own = new ConsoleBrowser(keyed.url);
  await own.signIn(`${role}-key`);
  const jobs = await own.page('/jobs');
  expect(jobs.text.includes('/console/jobs/new')).toBe(may);
  const page = await own.page('/jobs/new');
  expect(page.status).toBe(may ? 200 : 403);
  if (may) expect(textOf(page)).toContain('none is connected yet');
});
