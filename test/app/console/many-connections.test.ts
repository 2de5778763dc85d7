import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ConsoleBrowser, textOf } from '../../support/console.ts';
import { startService, type TestService } from '../../support/service.ts';

/** More connections than any page shows. */
const CONNECTIONS = 130;

let service: TestService;
let browser: ConsoleBrowser;

beforeAll(async () => {
  service = await startService({ worker: false });
  const user_id = await service.connect();
  await service.call('create_importing_job', { user_id, object_name: 'Account', start_date: '2023-02-20' });
  const { pool } = service.database;
  const org = `'00D5e' || to_char(n, 'FM0000000000') || 'AAA'`;
  await pool.query(
    `INSERT INTO connections OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(connections, jsonb_build_object(
       'id', n, 'org_id', ${org}, 'org_name', 'Org ' || n, 'identity_url', 'https://login.salesforce.com/id/' || ${org} || '/005'))).*
     FROM connections, generate_series(2, ${CONNECTIONS}) AS n`,
  );
  await pool.query(
    `INSERT INTO jobs SELECT (jsonb_populate_record(jobs, jsonb_build_object(
       'id', gen_random_uuid(), 'connection_id', n, 'object_name', 'Lead', 'target_table', 'Lead' || n))).*
     FROM jobs, generate_series(100, ${CONNECTIONS}) AS n`,
  );
  browser = new ConsoleBrowser(service.url);
});
afterAll(() => service[Symbol.asyncDispose]());

const listed = (text: string): number[] => [...text.matchAll(/href="\/console\/connections\/(\d+)"/g)].map(([, id]) => Number(id));

test('the connections are listed page by page, forwards and back', async () => {
  const first = await browser.page('/connections');
  expect(listed(first.text)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
  expect(textOf(first)).toMatch(/Connections 130 connections/);
  const second = await browser.click(first, /^Next$/);
  expect(listed(second.text)).toEqual(Array.from({ length: 50 }, (_, index) => index + 51));
  const third = await browser.click(second, /^Next$/);
  expect(listed(third.text)).toEqual(Array.from({ length: 30 }, (_, index) => index + 101));
  expect(third.text).not.toContain('>Next<');
  const back = await browser.click(await browser.click(third, /^Previous$/), /^Previous$/);
  expect(listed(back.text)).toEqual(listed(first.text));
  expect(back.text).not.toContain('>Previous<');
  expect(textOf(await browser.page('/connections?after=999'))).toContain('There is no such connection. Show the first ones');
});

test('those that need a login are on the overview, wherever they are in the list', async () => {
  const { pool } = service.database;
  await pool.query(`UPDATE connections SET status = 'needs_login' WHERE id IN (50, 120)`);
  const page = await browser.page();
  expect(textOf(page)).toMatch(/Org 120 needs a login\. .* 1 job waits/);
  // It has no jobs.
  expect(textOf(page)).not.toContain('Org 50 needs a login');
  expect(textOf(page)).toMatch(/The first 10 of 130 All connections/);
  await pool.query(`UPDATE connections SET status = 'needs_login' WHERE id >= 100`);
  expect(textOf(await browser.page())).toMatch(/Org 104 needs a login\. .* And 26 more connections\. They need a login as well\. Show all/);
  const needing = await browser.click(await browser.page(), /^Show all$/);
  expect(listed(needing.text)).toEqual([50, ...Array.from({ length: 31 }, (_, index) => index + 100)]);
  expect(textOf(needing)).toMatch(/All 130 Connected 98 Needs login 32/);
  await pool.query(`UPDATE connections SET status = 'needs_login' WHERE id > 1`);
  const next = await browser.click(await browser.page('/connections?state=needs_login'), /^Next$/);
  expect(next.url).toMatch(/\?state=needs_login&(?:amp;)?after=51$/);
  await pool.query(`UPDATE connections SET status = 'active'`);
});

test('all can be chosen for new jobs and to filter jobs, and a job names its own', async () => {
  const page = await browser.page('/jobs/new?connection=1&start_date=2023-01-01');
  expect(page.text).toMatch(/<option value="1" selected>/);
  expect(page.text).toMatch(/<option value="130">Org 130</);
  expect(page.text).toMatch(/<input type="hidden" name="start_date" value="2023-01-01"/);
  const { pool } = service.database;
  await pool.query(`UPDATE connections SET status = 'needs_login', error_message = 'The user is inactive.' WHERE id = 130`);
  expect(textOf(await browser.page('/jobs/new?connection=130'))).toContain('The user is inactive.');
  await pool.query(`UPDATE connections SET org_name = 'Org 130', username = 'other@example.com' WHERE id = 129`);
  const names = [...(await browser.page('/jobs')).text.matchAll(/<option value="(?:129|130)">([^<]*)/g)].map(([, name]) => name);
  expect(names).toEqual(['Org 130 (other@example.com)', 'Org 130 (integration@sandbox.example.com)']);
  const { rows } = await pool.query<{ id: string }>('SELECT id FROM jobs WHERE connection_id = 130');
  expect(textOf(await browser.page(`/jobs/${rows[0]!.id}`))).toContain('Org 130 → salesforce.Lead130');
});
