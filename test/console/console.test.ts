import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { CHROMIUM, inspect, launchChromium } from '../support/chromium.ts';
import { API_KEYS } from '../support/console.ts';
import { endGrant, type GatewayService, jsonReply, startGatewayService } from '../support/gateway.ts';
import { startService, type TestService, type TestServiceOptions } from '../support/service.ts';

if (!CHROMIUM)
  console.warn(
    'SKIPPED: there is no Chromium here, so no page of the console is tested in a browser. Install it: apt-get install chromium',
  );
const withChromium = CHROMIUM ? describe : describe.skip;

let browser: Browser;
let service: TestService;
/** in front of the org's emulator */
let gateway: GatewayService;
let page: Page;
let userId: string;
/** what the browser complained about: among others, what the Content-Security-Policy refused */
let complaints: string[];

/** Opens a page of a service. */
async function openService(started: TestService): Promise<void> {
  service = started;
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  complaints = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
}

/** Starts the service behind gateways, with jobs for these objects. */
async function start(objects: readonly string[], options: TestServiceOptions = {}): Promise<void> {
  gateway = await startGatewayService(options);
  await openService(gateway);
  if (objects.length === 0) return;
  userId = await service.connect();
  for (const object of objects) await createJob(object);
}

const createJob = (object: string, options: Record<string, string> = {}): Promise<unknown> =>
  service.call('create_importing_job', { user_id: userId, object_name: object, start_date: '2023-03-01', ...options });

const open = (path = ''): Promise<unknown> => page.goto(`${service.url.replace('127.0.0.1', 'localhost')}/console${path}`);

/** Waits until the page shows a text. */
const see = (text: string | RegExp): Promise<void> => page.getByText(text).first().waitFor({ timeout: 120_000 });

const press = (name: string | RegExp): Promise<void> => page.getByRole('button', { name }).first().click();

withChromium('the console in a browser', () => {
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser.close());
  afterEach(async () => {
    await page.close();
    await service[Symbol.asyncDispose]();
  });

  test('leads from the first login to proof, by its own buttons', async () => {
    // Without a gateway: the consent page of the emulator serves only its own site.
    await openService(await startService());
    await page.goto(service.url);
    await see('0 of 5 steps done');
    expect(await inspect(page, 'first-run')).toEqual([]);
    await page.getByRole('link', { name: /^Connect 127/ }).click();
    await press('Deny');
    await see('Salesforce is not connected');
    await page.getByRole('link', { name: 'Start again' }).click();
    await press('Allow');
    await see('Salesforce is connected');
    await page.getByRole('link', { name: 'Back to the console' }).click();
    await page.getByRole('link', { name: 'Overview' }).click();
    await see('1 of 5 steps done');
    await open('/jobs/new');
    for (const object of ['Account', 'Contact', 'Opportunity']) await page.locator(`#object-${object}`).check();
    expect(await inspect(page, 'new-jobs')).toEqual([]);
    await press('Preview');
    await see('Create 3 jobs');
    expect(await inspect(page, 'new-jobs-preview')).toEqual([]);
    await press('Create 3 jobs');
    await see('Created 3 jobs: Account, Contact, and Opportunity.');
    service.salesforce.clock.set(new Date('2023-03-03T09:00:00Z'));
    await open();
    await press('Import now');
    await see('3 imports started.');
    // Without a reload.
    await see(/3 of 5 steps done/);
    await page.getByRole('link', { name: 'Account' }).click();
    await see(/^Last run$/);
    await see('written');
    await press('Pause');
    await see('Account is paused: ticks start no runs for it.');
    await press('Resume');
    await see('Account is resumed');
    await press('Sync now');
    await see(/is queued\./);
    await see(/Reimport 3 Mar 2023, 00:00 → /);
    // The emulator of Salesforce has no icon.
    expect(complaints.filter((text) => !text.includes('404'))).toEqual([]);
  });

  test('shows an import live, counts filling up, and says when it is out of date', async () => {
    await start([], { limits: { restRows: 10, firstPageRows: 20, pageTextBytes: 20_000 }, salesforce: { size: 400 } });
    userId = await service.connect();
    await createJob('Everything__c', { start_date: 'all' });
    const streams: ServerResponse[] = [];
    const note = (message: unknown): void => {
      const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
      if (request.url!.includes('/live?')) streams.push(response);
    };
    subscribe('http.server.request.start', note);
    const seen = Promise.withResolvers<void>();
    let pages = 0;
    gateway.instance.handler = async (call, pass) => {
      if (call.url.includes('/results') && ++pages > 2) await seen.promise;
      return await pass();
    };
    const { id } = (await service.jobs())[0]!;
    await open(`/jobs/${id}`);
    await see('Nothing is imported yet.');
    const ticked = service.tickAt('2023-03-02T00:10:00Z');
    await see(/rows\/s/);
    await see(/Bulk API/);
    expect(await page.title()).toMatch(/^\d+ % · Everything__c · /);
    expect(await inspect(page, 'job-running')).toEqual([]);
    await page.route('**/live?*', (route) => route.abort());
    for (const stream of streams) stream.destroy();
    unsubscribe('http.server.request.start', note);
    await see('The connection to the service is lost.');
    expect(await inspect(page, 'job-offline')).toEqual([]);
    await page.unroute('**/live?*');
    seen.resolve();
    await ticked;
    await see(/^Last run$/);
    await page.getByText('The connection to the service is lost.').waitFor({ state: 'hidden' });
    expect(await page.locator('#job-state').textContent()).toBe('exact');
    expect(complaints.filter((text) => !/ERR_|Failed to fetch|network error/.test(text))).toEqual([]);
    expect((await fetch(`${service.url}/v1/jobs/${id}?table=keep`, { method: 'DELETE' })).status).toBe(200);
    await see('This no longer exists: it was deleted');
    expect(await inspect(page, 'job-missing')).toEqual([]);
  });

  test('is live only while it is shown, and leads to the sign-in when its session has ended', async () => {
    await start([], { local: false, env: { API_KEYS } });
    // Chromium without a window shows every page.
    await page.addInitScript(`Object.defineProperty(document, 'hidden', { get: () => sessionStorage.hidden === 'yes' })`);
    const show = (isShown: boolean): Promise<unknown> =>
      page.evaluate(`sessionStorage.hidden = '${isShown ? 'no' : 'yes'}'; document.dispatchEvent(new Event('visibilitychange'))`);
    const streams = new Set<ServerResponse>();
    let opened = 0;
    const note = (message: unknown): void => {
      const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
      if (!request.url!.includes('/live?')) return;
      opened++;
      streams.add(response.setMaxListeners(20));
      response.once('close', () => streams.delete(response));
    };
    subscribe('http.server.request.start', note);
    const streamsAre = async (count: number): Promise<void> => {
      while (streams.size !== count) await sleep(20);
    };
    const signIn = async (): Promise<void> => {
      await page.getByLabel('API key').fill('read-key');
      await press('Sign in');
      await see('No process has reported itself yet.');
    };
    try {
      await open('/workers');
      await signIn();
      await streamsAre(1);
      await show(false);
      await streamsAre(0);
      await service.database.pool.query(`INSERT INTO processes (id, host, version, started_at, heartbeat_at)
        VALUES (gen_random_uuid(), 'later.example', '0.1.0', now(), now())`);
      await show(true);
      await see('later.example');
      await service.database.pool.query('DELETE FROM processes');
      await show(false);
      await streamsAre(0);
      const before = opened;
      await open('/workers');
      await sleep(1_000);
      expect(opened).toBe(before);
      await show(true);
      await streamsAre(1);
      await page.context().clearCookies();
      for (const stream of streams) stream.destroy();
      await see('Your session has ended. Sign in again to return to the page that you had open.');
      expect(await inspect(page, 'session-ended')).toEqual([]);
      await signIn();
      // The same in a tab that was opened hidden.
      await show(false);
      await open('/workers');
      await page.context().clearCookies();
      await show(true);
      await see('Your session has ended.');
      await page.route('**/live?*', (route) => route.fulfill({ status: 429, body: 'Too many' }));
      await signIn();
      await see('This page is not updated, because too many are open at once.');
      expect(await inspect(page, 'too-many-live')).toEqual([]);
      expect(complaints.filter((text) => !/ERR_|401|429|network error/.test(text))).toEqual([]);
    } finally {
      unsubscribe('http.server.request.start', note);
    }
  });

  test('shows what failed, what waits and what is new, with the button that resolves each', async () => {
    await start(['Account', 'Contact', 'Opportunity', 'Case', 'Task'], { env: { BIGQUERY_DATASETS: 'salesforce,support' } });
    await createJob('Lead', { new_fields: 'review' });
    for (const day of ['02', '03', '04']) await service.tickAt(`2023-03-${day}T00:10:00Z`);
    service.salesforce.org.changeField('Lead', { field: 'Tier__c', change: 'add', type: 'string', facts: { length: 40, label: 'Tier' } });
    service.salesforce.org.insert('Lead', { LastName: 'Changed', Company: 'Acme' });
    await service.client.dataset('salesforce').table('Contact').delete();
    await service.call('pause_importing_job', { user_id: userId, object_name: 'Task' });
    gateway.instance.handler = (call, pass) =>
      /FROM(\+|%20| )Opportunity/.test(call.url + call.body)
        ? jsonReply(400, [{ errorCode: 'INSUFFICIENT_ACCESS', message: 'no' }])
        : pass();
    for (const object of ['Account', 'Contact'])
      service.salesforce.org.insert(object, object === 'Contact' ? { LastName: 'New' } : { AnnualRevenue: 0.12345678901 });
    await service.tickAt('2023-03-05T00:10:00Z');
    await open();
    await see(/need attention|needs a login|failed/);
    expect(await inspect(page, 'overview')).toEqual([]);
    await open('/jobs');
    expect(await inspect(page, 'jobs')).toEqual([]);
    await page.getByLabel('Select Account').check();
    await page.getByLabel('Select Account').press('Enter');
    await see('Nothing has changed. Choose what to do with the jobs.');
    expect(await page.getByLabel('Select Account').isChecked()).toBe(true);
    expect((await service.jobs()).filter(({ active }) => active === 0).map((job) => job.object_name)).toEqual(['Task']);
    const byObject = new Map((await service.jobs()).map((job) => [job.object_name, job]));
    for (const [object, name] of [
      ['Opportunity', 'job-failed'],
      ['Account', 'job'],
      ['Task', 'job-paused'],
    ] as const) {
      await open(`/jobs/${byObject.get(object)!.id}`);
      expect(await inspect(page, name)).toEqual([]);
    }
    await open(`/runs/${byObject.get('Opportunity')!.run!.id}`);
    expect(await inspect(page, 'run-failed')).toEqual([]);
    await open(`/runs/${byObject.get('Account')!.run!.id}`);
    expect(await inspect(page, 'run')).toEqual([]);
    await open(`/jobs/${byObject.get('Account')!.id}/invalid-values`);
    expect(await inspect(page, 'invalid-values')).toEqual([]);
    await page.getByRole('button', { name: 'Show values' }).click();
    await see('0.12345678901');
    expect(await inspect(page, 'invalid-values-of-field')).toEqual([]);
    await open(`/jobs/${byObject.get('Lead')!.id}/fields`);
    await see('1 new field awaits review');
    expect(await inspect(page, 'fields')).toEqual([]);
    await press('Approve selected');
    await see('The next window with changes adds the approved fields');
    for (const name of ['connections', 'activity', 'workers', 'settings']) {
      await open(`/${name}`);
      expect(await inspect(page, name)).toEqual([]);
    }
    await press('Run doctor');
    await see('All checks passed.');
    expect(await inspect(page, 'doctor')).toEqual([]);
    await open(`/jobs/${byObject.get('Account')!.id}`);
    await page.getByText('More', { exact: true }).click();
    expect(await inspect(page, 'job-menu')).toEqual([]);
    await page.getByRole('link', { name: 'Change…' }).click();
    await page.getByLabel('Never read').fill('Fax, Nothing__c');
    await press('Review');
    await see('exclude_fields contains Nothing__c');
    expect(await inspect(page, 'job-change')).toEqual([]);
    await page.getByLabel('Never read').fill('Fax');
    await page.locator('select[name=every]').selectOption('6h');
    await press('Review');
    await see(/A repair is queued that erases the values of Fax/);
    expect(await inspect(page, 'job-change-review')).toEqual([]);
    await open(`/jobs/${byObject.get('Account')!.id}/delete`);
    await page.getByLabel('Keep salesforce.Account').check();
    await page.getByLabel('Type Account to confirm').fill('account');
    await press('Delete the job');
    await see('Nothing is deleted: this is not Account.');
    expect(await inspect(page, 'job-delete')).toEqual([]);
    await open();
    await press('Rebuild');
    await see(/Contact: Rebuild .* is queued\./);
    service.salesforce.limits.set('DailyApiRequests', { Max: 15_000, Remaining: 900 });
    await service.tickAt('2023-03-06T00:10:00Z');
    await open('/jobs?state=deferred');
    await page.getByRole('link', { name: 'Account' }).click();
    await see(/The org has used 14,?\d{3} of its 15,?000 API calls/);
    expect(await inspect(page, 'job-deferred')).toEqual([]);
    service.salesforce.limits.set('DailyApiRequests', { Max: 15_000, Remaining: 14_000 });
    // As after ten minutes, when the org is asked again.
    await service.context.calls.write();
    await service.database.pool.query(`UPDATE org_calls SET reported_at = reported_at - interval '1 hour'`);
    await endGrant(gateway);
    await open(`/jobs/${byObject.get('Account')!.id}`);
    await press('Retry now');
    await see('is due now.');
    await open();
    await see(/needs a login\./);
    expect(await inspect(page, 'needs-login')).toEqual([]);
    expect(complaints).toEqual([]);
    await page.getByRole('link', { name: 'Connect again' }).first().click();
    await page.getByRole('button', { name: 'Allow' }).waitFor();
  });

  test('keeps headings, buttons, rows and the badge current when something changes elsewhere', async () => {
    await start(['Account', 'Contact']);
    const call = (name: string, object: string): Promise<unknown> => service.call(name, { user_id: userId, object_name: object });
    const { id } = (await service.jobs()).find(({ object_name }) => object_name === 'Account')!;
    await open();
    await see('Nothing is imported yet.');
    await service.tickAt('2023-03-02T00:10:00Z');
    await see(/^Everything reconciled through/);
    await call('pause_importing_job', 'Contact');
    await see(/^Everything reconciled through.*; 1 paused job is not included$/);
    await service.database.pool.query(`UPDATE ticks SET recent = ARRAY[now() - interval '3 hours', now() - interval '4 hours']`);
    await page.locator('#attention', { hasText: '1' }).waitFor();
    await page.waitForFunction(`document.title.startsWith('(1) Overview')`);
    await open(`/jobs/${id}`);
    const more = page.getByText('More', { exact: true });
    await more.click();
    await page.locator('#compare-from').fill('2023-03-01');
    await call('pause_importing_job', 'Account');
    await page.locator('#job-state', { hasText: 'paused' }).waitFor();
    // The menu in use stays as it is.
    expect(await page.locator('#compare-from').inputValue()).toBe('2023-03-01');
    expect(await page.evaluate('document.activeElement.id')).toBe('compare-from');
    await more.click();
    await more.evaluate((element) => (element as unknown as { blur(): void }).blur());
    await call('resume_importing_job', 'Account');
    await page.locator('#job-state', { hasText: 'exact' }).waitFor();
    await call('pause_importing_job', 'Account');
    await page.getByRole('button', { name: 'Resume' }).waitFor();
    expect(await page.getByRole('button', { name: 'Pause' }).count()).toBe(0);
    expect(await page.title()).toBe('(1) Account · Salesforce → BigQuery');
    await open('/jobs');
    const row = page.getByRole('row', { name: 'Account' });
    await page.getByLabel('Select Account').check();
    await row.getByText('paused').waitFor();
    await call('resume_importing_job', 'Account');
    await row.getByText('exact').waitFor();
    expect(await page.getByLabel('Select Account').isChecked()).toBe(true);
    await createJob('Lead');
    await see('The list has changed.');
    await page.getByText('3 jobs').waitFor();
    expect(await inspect(page, 'jobs-changed')).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test('asks for a key where there are keys', async () => {
    await start([], { local: false, env: { API_KEYS } });
    await open('/jobs');
    await page.getByLabel('API key').fill('wrong');
    await press('Sign in');
    await see('Unknown API key.');
    expect(await inspect(page, 'sign-in')).toEqual([]);
    await page.getByLabel('API key').fill('read-key');
    await press('Sign in');
    await see('There are no jobs yet.');
    expect(await inspect(page, 'jobs-empty')).toEqual([]);
    await press('Sign out');
    await page.getByLabel('API key').waitFor();
    expect(complaints.filter((text) => !text.includes('403'))).toEqual([]);
  });
});
