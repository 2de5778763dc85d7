import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { jobsDocumentTitle } from '../../../app/console/document-title.ts';
import { ConsoleBrowser } from '../../support/console.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let browser: ConsoleBrowser;
beforeAll(async () => {
  service = await startService({ worker: false });
  browser = new ConsoleBrowser(service.url);
  const userId = await service.connect();
  for (const object of ['Account', 'Contact', 'Lead', 'Case'])
    await service.call('create_importing_job', { user_id: userId, object_name: object, start_date: '2023-02-01' });
  await service.call('handle_importing_job');
  await query(`UPDATE runs SET state = 'running', attempt = 1, started_at = now(), lease_until = now() + interval '1 hour'
    WHERE job_id = (SELECT id FROM jobs WHERE object_name = 'Account')`);
  await query(`INSERT INTO slices (run_id, ordinal, cursor_from, cursor_to, open, state, count_before, requested_at)
    SELECT id, 0, window_from, window_to, true, 'extracting', 200, now() FROM runs WHERE state = 'running'`);
  await query(`INSERT INTO pages (run_id, slice, generation, number, rows, bytes, loaded)
    SELECT id, 0, 1, 0, 84, 1000, 84 FROM runs WHERE state = 'running'`);
  await query(`UPDATE runs SET state = 'failed', failures = 1, error_code = 'salesforce_refused', error_message = 'no', finished_at = now()
    WHERE job_id IN (SELECT id FROM jobs WHERE object_name IN ('Contact', 'Lead'))`);
});
afterAll(() => service[Symbol.asyncDispose]());

const query = (sql: string) => service.database.pool.query(sql);
const idOf = async (object: string): Promise<{ job: string; run: string }> =>
  (await query(`SELECT jobs.id AS job, runs.id AS run FROM jobs LEFT JOIN runs ON job_id = jobs.id WHERE object_name = '${object}'`))
    .rows[0];

/** What a live part sends first. */
async function firstPiece(path: string): Promise<string> {
  const closing = new AbortController();
  const stream = await fetch(`${browser.url}/console${path}`, { headers: { accept: 'text/event-stream' }, signal: closing.signal });
  for await (const part of stream.body!.pipeThrough(new TextDecoderStream())) {
    closing.abort();
    return part;
  }
  throw new Error('The stream has ended.');
}

describe('the tab of a page', () => {
  test.each([
    ['Account', '42 % · Account', '42 % · Account: Window '],
    ['Contact', '✗ failed · Contact', '✗ failed · Contact: Window '],
    ['Case', 'queued · Case', 'queued · Case: Window '],
  ])('of the job and the run of %s says how many things need a person, then %j, also live', async (object, ofJob, ofRun) => {
    const { job, run } = await idOf(object);
    const titleOf = async (path: string): Promise<string> => /<title>(.*)<\/title>/.exec((await browser.page(path)).text)![1]!;
    expect(await titleOf(`/jobs/${job}`)).toBe(`(2) ${ofJob} · Salesforce → BigQuery`);
    expect(await titleOf(`/runs/${run}`)).toContain(`(2) ${ofRun}`);
    expect(await firstPiece(`/jobs/${job}/live`)).toContain(`data-title="${ofJob} · Salesforce → BigQuery"`);
    expect(/data-title="([^"]*)"/.exec(await firstPiece(`/runs/${run}/live`))![1]).toMatch(new RegExp(`^${ofRun}`));
  });

  test('of the jobs counts those that need a login with those that failed', () => {
    expect(jobsDocumentTitle('Jobs', { failed: 1, needs_login: 2, unfinished: 3 })).toBe('✗ 1 failed, 2 need a login · Jobs');
    expect(jobsDocumentTitle('Jobs', { needs_login: 1 })).toBe('✗ 1 needs a login · Jobs');
  });

  test('of the jobs counts those that failed, or else those in progress, also live', async () => {
    expect((await browser.page('/jobs')).text).toContain('<title>(2) ✗ 2 failed · Jobs · Salesforce → BigQuery</title>');
    expect((await browser.page('/jobs?object=c')).text).toContain('<title>(2) ✗ 1 failed · Jobs');
    expect((await browser.page('/jobs?object=case')).text).toContain('<title>(2) 1 in progress · Jobs');
    expect(await firstPiece('/jobs/live')).toContain('data-title="✗ 2 failed · Jobs · Salesforce → BigQuery"');
    expect(await firstPiece('/jobs/live?state=failed')).toMatch(/aria-current="true">Failed 2</);
  });
});
