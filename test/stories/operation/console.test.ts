import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { afterEach, describe, expect, test } from '@jest/globals';
import { VERSION } from '../../../app/version.ts';
import { API_KEYS, ConsoleBrowser, formOf, textOf } from '../../support/console.ts';
import { endGrant, type GatewayService, jsonReply, startGatewayService } from '../../support/gateway.ts';
import type { TestServiceOptions } from '../../support/service.ts';

let service: GatewayService;
let browser: ConsoleBrowser;
let userId: string;

afterEach(() => service[Symbol.asyncDispose]());

/** Starts the service, with a connection that has jobs for these objects. */
async function start(objects: string[], options: TestServiceOptions = {}): Promise<void> {
  service = await startGatewayService(options);
  browser = new ConsoleBrowser(service.url);
  if (objects.length === 0) return;
  userId = await service.connect();
  for (const object of objects) {
    await service.call('create_importing_job', { user_id: userId, object_name: object, start_date: '2023-03-01' });
  }
}

describe('the overview', () => {
  test('leads from the first login to the first import, step by step', async () => {
    await start([]);
    const first = await browser.page();
    expect(textOf(first)).toMatch(/First run 0 of 5 steps done/);
    expect(first.text).toMatch(/<li class="next" aria-current="step">.*?Connect an org/s);
    const done = await browser.decide(await browser.click(first, /^Connect 127/), 'allow');
    expect(textOf(done)).toContain('Salesforce is connected');
    expect(textOf(await browser.page())).toMatch(/1 of 5 steps done/);
    const [{ identity_url }] = (await service.database.pool.query<{ identity_url: string }>('SELECT identity_url FROM connections'))
      .rows as [{ identity_url: string }];
    await service.call('create_importing_job', { user_id: identity_url, object_name: 'Account', start_date: '2023-03-01' });
    service.salesforce.clock.set(new Date('2023-03-03T09:00:00Z'));
    const ready = await browser.page();
    expect(textOf(ready)).toMatch(/2 of 5 steps done/);
    const started = await browser.submit(ready, '/console/tick');
    expect(textOf(started)).toContain('1 import started.');
    // A person is no schedule.
    expect(textOf(await browser.submit(started, '/console/tick'))).toMatch(/Nothing is due: .* Seen so far: 0 calls\./);
    await service.tickAt('2023-03-03T09:00:00Z');
    await browser.waitFor('', /3 of 5 steps done/);
    await service.database.pool.query(`UPDATE ticks SET recent = recent || (now() - interval '15 minutes')`);
    const page = await browser.waitFor('', /Everything reconciled through 3 Mar 2023 UTC/);
    expect(textOf(page)).not.toContain('First run');
    expect(textOf(page)).toMatch(/Last tick now by local, usually every 15 min/);
    expect(textOf(page)).toMatch(/Account exact salesforce.Account 2023-03-03/);
    expect(textOf(page)).toMatch(/of the org’s 100,000 used|by this service/);
  });

  test('puts what needs a person on top, with the button that resolves it, and counts it in the tab', async () => {
    await start(['Account', 'Contact']);
    await service.tickAt('2023-03-02T00:10:00Z');
    await endGrant(service);
    await service.tickAt('2023-03-03T00:10:00Z');
    await service.database.pool.query(`UPDATE ticks SET recent = ARRAY[now() - interval '3 hours', now() - interval '4 hours']`);
    const page = await browser.waitFor('', /needs a login/);
    expect(page.text).toContain('<title>(2) Overview');
    expect(textOf(page)).toMatch(/Needs attention|needs a login\. .* 2 jobs wait/);
    expect(textOf(page)).toContain('No tick for 3 hours, usually every 60 minutes.');
    expect(page.text).toMatch(/<a [^>]*href="\/oauth\/start\?login_url=[^"]*"[^>]*>Connect again/);
    const reader = new ConsoleBrowser(service.url);
    expect((await reader.page()).text).toContain('Connect again');
  });
});

describe('the jobs', () => {
  test('are found by state and object, page by page, in the address', async () => {
    await start(['Account', 'Contact']);
    await service.tickAt('2023-03-02T00:10:00Z');
    await service.call('create_importing_job', { user_id: userId, object_name: 'Lead', start_date: '2023-03-01' });
    await service.call('pause_importing_job', { user_id: userId, object_name: 'Lead' });
    const objects = async (query: string): Promise<string[]> =>
      [...(await browser.page(`/jobs${query}`)).text.matchAll(/<b>(Account|Contact|Lead)<\/b>/g)].map(([, object]) => object!);
    expect(await objects('')).toEqual(['Account', 'Contact', 'Lead']);
    expect(await objects('?state=paused')).toEqual(['Lead']);
    expect(await objects('?object=ACC')).toEqual(['Account']);
    expect(await objects('?object=%25')).toEqual([]);
    expect(await objects('?state=complete&connection=1&dataset=salesforce')).toEqual(['Account', 'Contact']);
    expect(await objects('?connection=2')).toEqual([]);
    expect(await objects('?page=2')).toEqual([]);
    const past = await browser.page('/jobs?page=999&object=a');
    expect(textOf(past)).toContain('There is only one page. Show it');
    expect((await browser.click(past, /^Show it$/)).url).toBe(`${browser.url}/console/jobs?object=a`);
    const { id } = (await service.jobs())[0]!;
    const earlier = await browser.page(`/jobs/${id}?before=2000-01-01+00:00:00%2B00&run=${randomUUID()}`);
    expect(textOf(earlier)).toContain('There are no earlier runs. Latest runs');
    expect(await objects('?state=nonsense&page=-1&connection=x')).toHaveLength(3);
    expect(textOf(await browser.page('/jobs?state=paused'))).toMatch(/All 3 Complete 2 Paused 1/);
  });

  test('are paused, resumed, retried and synced together: those selected, or all that match', async () => {
    await start(['Account', 'Contact', 'Lead']);
    await service.tickAt('2023-03-02T00:10:00Z');
    const act = async (action: string, fields: Record<string, string>, query = ''): Promise<string> =>
      textOf(await browser.submit(await browser.page(`/jobs${query}`), '/console/jobs', { action, ...fields }));
    const [account] = await service.jobs();
    expect(await act('pause', {})).toContain('No job is selected.');
    expect(await act('pause', { job: account!.id })).toContain('Paused 1 job.');
    expect((await service.jobs()).map(({ active }) => active)).toEqual([0, 1, 1]);
    expect(await act('sync-now', { all: 'yes' })).toMatch(
      /Started a sync of 2 jobs\. 1 job was not changed: The job for Account is paused/,
    );
    expect(await act('pause', { all: 'yes' }, '?state=complete')).toContain('Paused 2 jobs.');
    expect(await act('resume', { all: 'yes' }, '?object=a')).toMatch(/Resumed 3 jobs/);
    expect(await act('retry', { all: 'yes' })).toMatch(/Nothing has changed: The window of this run has been imported/);
    expect(await act('explode', { all: 'yes' })).toContain('Choose what to do');
  });
});

describe('a job', () => {
  test('shows its receipt as a flow of counts, and its runs, and acts by forms that answer in a sentence', async () => {
    await start(['Account']);
    const { id } = (await service.jobs())[0]!;
    expect(textOf(await browser.page(`/jobs/${id}`))).toContain('Nothing is imported yet.');
    await service.tickAt('2023-03-02T00:10:00Z');
    const page = await browser.page(`/jobs/${id}`);
    expect(textOf(page)).toMatch(/Account exact 00D\S+|Account exact .* → salesforce.Account · every day · deleted rows kept/);
    expect(textOf(page)).toMatch(/Window 1 Mar → 2 Mar 2023 exact/);
    expect(textOf(page)).toMatch(/(✓ 10 [^✓]*){7,9}/);
    const [, run] = /\/console\/runs\/([\w-]+)/.exec(page.text)!;
    expect(textOf(await browser.page(`/runs/${run}`))).toContain(` by ${hostname()} , version ${VERSION}`);
    const paused = await browser.submit(page, `/console/jobs/${id}/pause`);
    expect(paused.url).toBe(`${browser.url}/console/jobs/${id}`);
    expect(textOf(paused)).toContain('Account is paused: ticks start no runs for it.');
    expect(formOf(paused, `/console/jobs/${id}/sync-now`)).toBeUndefined();
    const resumed = await browser.submit(paused, `/console/jobs/${id}/resume`);
    expect(textOf(resumed)).toContain('Account is resumed');
    const again = await browser.submit(resumed, `/console/jobs/${id}/reimport`, { from: '2023-03-01', to: '2023-03-09' });
    expect(textOf(again)).toContain('to 2023-03-09 is too late');
    for (const [action, title] of [
      ['compare', 'Comparison 1 Mar → 2 Mar 2023'],
      ['reimport', 'Reimport 1 Mar → 2 Mar 2023'],
      ['sweep', 'Sweep 1 Mar → 2 Mar 2023'],
      ['rebuild', 'Rebuild 1 Mar → 2 Mar 2023'],
      ['sync-now', 'Sync 2 Mar 2023, 00:00 → 00:05'],
    ]) {
      const started = await browser.submit(await browser.page(`/jobs/${id}`), `/console/jobs/${id}/${action}`);
      expect(textOf(started)).toContain(`Account: ${title} is queued.`);
      await browser.waitFor(`/jobs/${id}`, new RegExp(`Last run ${title!.replace('Sync', 'Reimport')} (?:exact|equal)`));
    }
    expect((await service.jobs())[0]!.active).toBe(1);
    for (const path of ['/jobs/x', `/jobs/${randomUUID()}`, '/runs/x', `/runs/${randomUUID()}`])
      expect((await browser.page(path)).status).toBe(404);
  });

  test('that fails shows where it stopped and why, and retries', async () => {
    await start(['Account']);
    service.instance.handler = (call, pass) =>
      call.url.includes('/query') ? Promise.resolve(jsonReply(400, [{ errorCode: 'INSUFFICIENT_ACCESS', message: 'no' }])) : pass();
    await service.tickAt('2023-03-02T00:10:00Z');
    const { id, run } = (await service.jobs())[0]!;
    const page = await browser.page();
    expect(textOf(page)).toMatch(/Account : failed\. .*INSUFFICIENT_ACCESS/);
    expect(textOf(await browser.page(`/jobs/${id}`))).toMatch(/Last run Window .* failed .* stopped .*INSUFFICIENT_ACCESS/);
    // Events are stored a second later.
    const runPage = await browser.waitFor(`/runs/${run!.id}`, /Events .* run_failed/);
    expect(textOf(runPage)).toContain('Copy diagnostics');
    service.instance.handler = (_call, pass) => pass();
    const retried = await browser.submit(page, `/console/runs/${run!.id}/retry`);
    expect(textOf(retried)).toMatch(/Account: Window 1 Mar → 2 Mar 2023 is due now\./);
    await browser.waitFor(`/jobs/${id}`, /Last run Window 1 Mar → 2 Mar 2023 exact/);
  });

  test('lists its fields, and approves new ones', async () => {
    await start([]);
    userId = await service.connect();
    const options = { user_id: userId, object_name: 'Account', start_date: '2023-03-01', new_fields: 'review' };
    await service.call('create_importing_job', options);
    const { id } = (await service.jobs())[0]!;
    expect(textOf(await browser.page(`/jobs/${id}/fields`))).toContain('The first import reads which fields Account has.');
    await service.tickAt('2023-03-02T00:10:00Z');
    service.salesforce.org.changeField('Account', {
      field: 'Tier__c',
      change: 'add',
      type: 'string',
      facts: { length: 40, label: 'Tier' },
    });
    service.salesforce.org.insert('Account', { Name: 'Changed' });
    await service.tickAt('2023-03-03T00:10:00Z');
    expect(textOf(await browser.page())).toContain(
      'Account: new fields await review. Tier__c is not read until you approve. Review fields',
    );
    const page = await browser.page(`/jobs/${id}/fields`);
    expect(textOf(page)).toMatch(/1 new field awaits review .* Tier Tier__c/);
    expect(page.text).toContain(`curl -X PATCH --form approve_fields=Tier__c \\\n  ${browser.url}/v1/jobs/${id}`);
    expect(textOf(page)).toMatch(/Schema changes .* Tier__c awaits review/);
    const none = await browser.submit(page, `/console/jobs/${id}/approve`);
    expect(textOf(none)).toContain('No field is selected.');
    const approved = await browser.submit(page, `/console/jobs/${id}/approve`, { field: 'Tier__c' });
    expect(textOf(approved)).toContain('The next window with changes adds the approved fields');
    expect(textOf(approved)).not.toContain('awaits review Not read');
    expect(textOf(await browser.page())).not.toContain('new fields await review');
  });

  test('streams an open run without its diagnostics, which the page has', async () => {
    await start(['Account'], { worker: false });
    service.salesforce.clock.set(new Date('2023-03-02T00:10:00Z'));
    await service.call('handle_importing_job');
    const { run } = (await service.jobs())[0]!;
    const page = await browser.page(`/runs/${run!.id}`);
    expect(textOf(page)).toMatch(/without any value of a record, as of \d\d:\d\d:\d\d ?\. Reload for later ones/);
    expect(page.text).toMatch(/<pre id="diagnostics" class="mono">{/);
    const answer = await fetch(`${browser.url}/console/runs/${run!.id}/live`);
    const reader = answer.body!.getReader();
    const piece = Buffer.from((await reader.read()).value!).toString();
    await reader.cancel();
    expect(piece).toContain('id="run-state"');
    expect(piece).not.toMatch(/diagnostics/i);
  });

  test('streams what changes while it runs', async () => {
    await start(['Account']);
    const { id } = (await service.jobs())[0]!;
    const stopped = new AbortController();
    const answer = await fetch(`${browser.url}/console/jobs/${id}/live`, {
      headers: { Accept: 'text/event-stream' },
      signal: stopped.signal,
    });
    expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const ticked = service.tickAt('2023-03-02T00:10:00Z');
    let text = '';
    for await (const part of answer.body!) {
      text += Buffer.from(part).toString();
      if (/Window 1 Mar → 2 Mar 2023<\/a><\/b><span class="pill good">exact/.test(text)) break;
    }
    stopped.abort();
    await ticked;
    expect(text).toMatch(
      /^data: <div data-title="Account · Salesforce → BigQuery"><span id="job-state" hx-swap-oob="true">.*<span class="push" id="job-buttons" hx-swap-oob="outerMorph">/,
    );
    expect(text.match(/\n\n/g)!.length).toBeGreaterThan(1);
  });
});

describe('a caller', () => {
  test.each([
    ['read', false],
    ['data', false],
    ['operate', true],
    ['admin', true],
  ])('with a key of role %s has buttons: %s', async (role, hasButtons) => {
    await start([], { local: false, env: { API_KEYS, PUBLIC_URL: 'http://localhost:1' } });
    const page = await browser.signIn(`${role}-key`);
    expect(textOf(page)).toContain('Connect an org');
    const form = formOf(page, '/console/connect');
    expect(form !== undefined).toBe(hasButtons);
    const token = formOf(page, '/console/sign-out')!.form_token!;
    const answer = await browser.send(`${browser.url}/console/tick`, { method: 'POST', fields: { form_token: token } });
    expect(answer.status).toBe(hasButtons ? 303 : 403);
    if (!hasButtons) return expect(textOf(answer)).toContain(`API keys with role ${role} may not do this`);
    const connect = await browser.send(`${browser.url}/console/connect`, { method: 'POST', fields: form! });
    expect(connect).toMatchObject({ status: 303, headers: { location: expect.stringMatching(/^\/connect\/[\w-]{43}$/) } });
  });
});
