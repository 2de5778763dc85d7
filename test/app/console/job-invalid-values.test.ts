import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { ensureInvalidValuesTable } from '../../../app/bigquery/tables/invalid-values-table.ts';
import type { Visit } from '../../support/browser.ts';
import { API_KEYS, ConsoleBrowser, formOf, textOf } from '../../support/console.ts';
import { addJob } from '../../support/ended-runs.ts';
import { requestsDuring } from '../../support/requests.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let jobId: string;
let runId: string;
beforeAll(async () => {
  service = await startService({ local: false, env: { API_KEYS } });
  const { pool } = service.database;
  await pool.query(
    `INSERT INTO connections (org_id, user_id, identity_url, login_url, instance_url, access_token, refresh_token)
     VALUES ('00D000000000000EAA', '005000000000001AAA', $1, $1, $1, '', '')`,
    [service.salesforce.loginUrl],
  );
  jobId = await addJob(service, 'Account', [
    { rows: 9, invalid: { Score__c: 1 } },
    { rows: 9 },
    { rows: 9, invalid: { Amount__c: 120, Score__c: 2 } },
  ]);
  runId = (await pool.query<{ id: string }>('SELECT id FROM runs ORDER BY created_at DESC')).rows[0]!.id;
});
afterAll(() => service[Symbol.asyncDispose]());
afterEach(() => {
  jest.restoreAllMocks();
});

async function signIn(role: string): Promise<ConsoleBrowser> {
  const browser = new ConsoleBrowser(service.url);
  await browser.signIn(`${role}-key`);
  return browser;
}

/** Presses "Show values" of a column. */
async function showValues(browser: ConsoleBrowser, column: string): Promise<Visit> {
  return await browser.submit(await browser.page(`/jobs/${jobId}/invalid-values`), `/console/jobs/${jobId}/invalid-values`, { column });
}

async function addValues(): Promise<void> {
  const project = service.context.config.bigquery.project;
  await ensureInvalidValuesTable(service.context.warehouse, { project, dataset: 'salesforce', table: '_invalid_values' });
  const numbers = Array.from({ length: 120 }, (_, index) => 1000 + index);
  await service.rows(
    `INSERT INTO salesforce._invalid_values (\`object\`, id, \`column\`, value, run, seen_at)
     SELECT 'Account', CONCAT('001', CAST(n AS STRING)), 'Amount__c', CONCAT('<b>secret', CAST(n AS STRING)), '${runId}', CURRENT_TIMESTAMP() FROM UNNEST([${numbers}]) AS n
     UNION ALL SELECT 'Contact', '003', 'Amount__c', 'of another object', '${runId}', CURRENT_TIMESTAMP()
     UNION ALL SELECT 'Account', '001', 'Score__c', 'of another column', '${runId}', CURRENT_TIMESTAMP()`,
  );
}

test('invalid values are counted by field, run and day, from receipts alone', async () => {
  const browser = await signIn('read');
  expect((await browser.page(`/jobs/${jobId}`)).text).toContain(`href="/console/jobs/${jobId}/invalid-values"`);
  const requests = await requestsDuring(async () => {
    const page = textOf(await browser.page(`/jobs/${jobId}/invalid-values`));
    expect(page).toMatch(/A key of role data or admin sees them\./);
    expect(page).toMatch(/Amount__c 120 1 Window 3 Mar → 4 Mar 2023 Score__c 3 2 Window 3 Mar → 4 Mar 2023/);
    expect(page).toMatch(
      /4 Mar 2023 Window 3 Mar → 4 Mar 2023 Score__c 2, Amount__c 120 122 2 Mar 2023 Window 1 Mar → 2 Mar 2023 Score__c 1 1/,
    );
    expect(page).not.toContain('Show values');
  });
  expect(requests.filter((request) => !request.includes(' /console/'))).toEqual([]);
});

test('a job without any says so', async () => {
  const id = await addJob(service, 'Lead', [{ rows: 5 }]);
  expect(textOf(await (await signIn('read')).page(`/jobs/${id}/invalid-values`))).toContain('No value of Lead was invalid.');
});

test.each([
  ['read', false],
  ['data', true],
  ['operate', false],
  ['admin', true],
])('the texts of a field are shown to a key of role %s: %s', async (role, may) => {
  const browser = await signIn(role);
  const page = await browser.page(`/jobs/${jobId}/invalid-values`);
  expect(formOf(page, page.url.slice(browser.url.length)) !== undefined).toBe(may);
  const answer = await browser.send(page.url, {
    method: 'POST',
    fields: { form_token: formOf(page, '/console/sign-out')!.form_token!, column: 'Amount__c' },
    headers: { 'Sec-Fetch-Site': 'same-origin' },
  });
  expect(answer.status).toBe(may ? 200 : 403);
});

test('the texts of a field are queried only by a form of the page, and only for a column that a receipt names', async () => {
  const browser = await signIn('data');
  const queries = async (): Promise<number> => (await service.client.getJobs({ allUsers: true }))[0].length;
  const before = await queries();
  expect((await browser.page(`/jobs/${jobId}/invalid-values/Amount__c`)).status).toBe(404);
  const path = `${browser.url}/console/jobs/${jobId}/invalid-values`;
  const headers = { 'Sec-Fetch-Site': 'same-origin' };
  expect((await browser.send(path, { method: 'POST', fields: { column: 'Amount__c' }, headers })).status).toBe(403);
  expect(textOf(await showValues(browser, "it's"))).toContain('No run that is kept found an invalid value of this column of Account.');
  expect(await queries()).toBe(before);
});

test('the texts of a field are the newest hundred, read by a bounded query, and are not logged', async () => {
  const browser = await signIn('data');
  expect(textOf(await showValues(browser, 'Amount__c'))).toContain('No text is kept');
  await addValues();
  const page = await showValues(browser, 'Amount__c');
  expect(page.text).toContain('&lt;b>secret1000<');
  expect(textOf(page)).toContain('the newest 100 values');
  expect(page.text.match(/secret/g)).toHaveLength(100);
  expect(page.text).toContain(`href="${service.salesforce.loginUrl}/0011000"`);
  expect(page.text).toContain(`/console/runs/${runId}`);
  expect(textOf(page)).not.toContain('of another');
  expect(service.logged.join('')).not.toContain('secret10');
  const [job] = (await service.client.getJobs({ allUsers: true, maxResults: 2 }))[0];
  expect(job!.metadata.configuration.query.maximumBytesBilled).toBe('1000000000');
});

test('a query of texts that takes too long ends in a sentence', async () => {
  const browser = await signIn('data');
  const fault = JSON.stringify({ kind: 'job-stuck', match: 'query_' });
  await fetch(`${service.bigquery.url}/emulator/faults`, { method: 'POST', body: fault });
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  jest.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => timeout(ms === 45_000 ? 1_000 : ms));
  expect(textOf(await showValues(browser, 'Amount__c'))).toContain('BigQuery did not finish the query within 45 seconds.');
});
