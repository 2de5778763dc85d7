import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ConsoleBrowser, textOf } from '../../support/console.ts';
import { addJob as addJobTo, type EndedRun } from '../../support/ended-runs.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let browser: ConsoleBrowser;
beforeAll(async () => {
  service = await startService({ worker: false });
  browser = new ConsoleBrowser(service.url);
  await service.connect();
});
afterAll(() => service[Symbol.asyncDispose]());

const addJob = (object: string, runs: readonly EndedRun[]): Promise<string> => addJobTo(service, object, runs);

/** The sentence that describes the charts of a page. */
const chartOf = ({ text }: { text: string }): string | undefined => /<svg [^>]*role="img" aria-label="([^"]*)"/.exec(text)?.[1];

describe('the charts of a job', () => {
  test('show rows, duration, invalid values and bytes of runs with rows or failures, and where the version changes', async () => {
    const id = await addJob('Account', [
      { rows: 10, seconds: 3, billed: 20e6 },
      { rows: 1204, invalid: { Amount__c: 2, Score__c: 1 }, billed: 22e6, version: '0.1.0' },
      { version: '0.1.0' },
      { failed: true, seconds: 60, version: '0.1.0' },
      { rows: 4, billed: 20e6, version: '0.2.0' },
    ]);
    const page = await browser.page(`/jobs/${id}`);
    expect(chartOf(page)).toBe(
      '4 runs: rows at most 1,204, duration at most 1 min, invalid values 3 in all, bytes billed 62 MB in all; 1 failed. Version 0.2.0 since 6 Mar 2023.',
    );
    expect(page.text).toContain('<title>Window 2 Mar → 3 Mar 2023: 1,204 rows, 2.0 s, 3 invalid values, 22 MB billed</title>');
    expect(page.text).toContain('<title>Window 4 Mar → 5 Mar 2023: failed, 1 min</title>');
    expect(page.text).toContain('<title>Version 0.2.0 from here on, after 0.1.0</title>');
    expect(textOf(page)).toMatch(/Runs Run State Rows .* Window 2 Mar → 3 Mar 2023 exact 1,204 3 2\.0 s 22 MB/);
    expect(page.text).not.toMatch(/<script>|style="/);
  });

  test('cut a bar that would flatten the others, and leave out what no run has', async () => {
    const id = await addJob('Contact', [{ rows: 400_000 }, { rows: 900 }, { rows: 1_000 }]);
    const page = await browser.page(`/jobs/${id}`);
    expect(chartOf(page)).toBe('3 runs: rows at most 400,000, duration at most 2.0 s; 0 failed.');
    expect(textOf(page)).toContain('Rows at most 400,000, its bar cut');
    expect(page.text.match(/<path d="([^"]*)"/)![1]!.match(/z/g)).toHaveLength(4);
  });

  test('are not shown before there are two such runs', async () => {
    const id = await addJob('Lead', [{ rows: 5 }, {}]);
    expect(chartOf(await browser.page(`/jobs/${id}`))).toBeUndefined();
  });
});

/** Makes the latest run of a job a failed one. @returns its id */
async function failLatest(jobId: string, changes: string): Promise<string> {
  const { rows } = await service.database.pool.query<{ id: string }>(
    `UPDATE runs SET state = 'failed', receipt = NULL, ${changes}
     WHERE id = (SELECT id FROM runs WHERE job_id = $1 ORDER BY created_at DESC LIMIT 1) RETURNING id`,
    [jobId],
  );
  return rows[0]!.id;
}

test('a run that lost a row shows on the page of its job which counts differ', async () => {
  const id = await addJob('Opportunity', [{ rows: 5 }, {}]);
  const run = await failLatest(id, `error_code = 'count_mismatch', error_message = 'Salesforce counted 96 rows and returned 95.'`);
  await service.database.pool.query(
    `INSERT INTO slices (run_id, ordinal, cursor_from, cursor_to, open, count_before, count_after, processed)
     VALUES ($1, 0, '2023-03-02', '2023-03-03', false, 96, 96, 95)`,
    [run],
  );
  const page = await browser.page(`/jobs/${id}`);
  expect(textOf(page)).toMatch(/96 in Salesforce ✓ 96 counted again ≠ 95 extracted : differs from the count before/);
  expect(textOf(page)).not.toContain('It counted nothing.');
});

test('a sweep that failed is shown on the page of its job, in the list and from the overview, each with a button that retries it', async () => {
  const { pool } = service.database;
  const objects = Array.from({ length: 7 }, (_, index) => `Swept${index}__c`);
  const ids: string[] = [];
  for (const object of objects) ids.push(await addJob(object, [{ rows: 5 }]));
  await pool.query(
    `INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, repair_to, state, error_code, error_message, run_at, created_at, started_at, finished_at)
     SELECT id, connection_id, 'sweep', start_date, synced_to, synced_to, 'failed', 'bigquery_refused', 'BigQuery refused the query.', at, at, at, at
     FROM jobs, (VALUES ('2023-03-01'::timestamptz)) AS failure (at) WHERE id = ANY($1)`,
    [ids],
  );
  const page = await browser.page(`/jobs/${ids[0]}`);
  expect(textOf(page)).toMatch(/Failed sweep Sweep 1 Mar → 2 Mar 2023 failed .* BigQuery refused the query\. Retry now Last run Window/);
  const overview = await browser.page();
  expect(textOf(overview)).toContain('And 2 more jobs. They need the same. Show all');
  const list = await browser.page('/jobs?repair=failed');
  expect(overview.text).toContain('href="/console/jobs?repair=failed"');
  expect(textOf(list)).toContain('7 jobs found');
  expect(textOf(list).match(/Swept\d__c [^→]*? sweep failed/g)).toHaveLength(7);
  expect(textOf(await browser.page('/jobs?repair=failed&object=swept3'))).toContain('1 job found');
  // A repair that follows is what counts.
  await pool.query(
    `INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, state, run_at)
     SELECT id, connection_id, 'sweep', start_date, synced_to, 'queued', now() FROM jobs WHERE id = $1`,
    [ids[0]],
  );
  expect(textOf(await browser.page(`/jobs/${ids[0]}`))).not.toContain('Failed sweep');
  const failed = await browser.page('/jobs?repair=failed');
  expect(textOf(failed)).toContain('6 jobs found');
  const retried = await browser.submit(failed, '/console/jobs', { action: 'retry', all: 'yes' });
  expect(textOf(retried)).toContain('Retried 6 jobs.');
  expect(textOf(await browser.page('/jobs?repair=failed'))).not.toContain('Swept1__c');
});

test('the bytes billed for a job are shown with their price, for this month and the last', async () => {
  const id = await addJob('Case', [
    { rows: 5, billed: 2 ** 40 },
    { rows: 7, billed: 2 ** 39 },
  ]);
  // The first was queued in the month before the last, too.
  await service.database.pool.query(
    `WITH run AS (
       UPDATE runs SET created_at = date_trunc('month', now(), 'UTC') - CASE WHEN receipt ->> 'distinct_ids' = '5' THEN interval '1 month 1 day' ELSE '1 day' END
       WHERE job_id = $1 RETURNING id, created_at
     )
     UPDATE billed SET billed_at = run.created_at + interval '2 days' FROM run WHERE billed.run_id = run.id`,
    [id],
  );
  const month = (offset: number): string => {
    const now = new Date();
    return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset)).toLocaleString('en-GB', { month: 'long', timeZone: 'UTC' });
  };
  expect(textOf(await browser.page(`/jobs/${id}`))).toContain(
    `Billed by BigQuery in ${month(0)} 550 GB $3.13; ${month(-1)}: 1.1 TB, $6.25, estimated at the list price`,
  );
});

test('a job whose connection needs a login shows why, with the button that connects it again', async () => {
  const id = await addJob('Task', [{ rows: 5 }]);
  const { pool } = service.database;
  const advice = 'To reconnect, call get_oauth_url and login_oauth_callback again.';
  const { rows } = await pool.query<{ id: string }>(
    `INSERT INTO runs (job_id, connection_id, kind, window_from, window_to, state, run_at)
     SELECT id, connection_id, 'window', '2023-03-02', '2023-03-03', 'queued', now() FROM jobs WHERE id = $1 RETURNING id`,
    [id],
  );
  const waiting = textOf(await browser.page(`/jobs/${id}`));
  expect(waiting.match(/waits for/gi)).toHaveLength(1);
  await pool.query(`UPDATE connections SET status = 'needs_login', error_code = 'invalid_grant', error_message = $1, ended_at = now()`, [
    `Salesforce no longer accepts this grant. ${advice}`,
  ]);
  for (const path of [`/jobs/${id}`, '/connections/1']) {
    const page = await browser.page(path);
    expect(textOf(page)).toMatch(/! Salesforce no longer accepts this grant\. (?!To)/);
    expect(textOf(page)).toContain('Connect again');
  }
  for (const path of [`/jobs/${id}`, `/runs/${rows[0]!.id}`]) {
    const page = textOf(await browser.page(path));
    expect(page).toContain('It waits for a login.');
    expect(page).not.toMatch(/waits for a worker|Retry now/i);
  }
  await pool.query(`UPDATE connections SET status = 'active', error_code = NULL, error_message = NULL, ended_at = NULL`);
});

test('a job whose latest window was cancelled says that, also if earlier ones were imported', async () => {
  const id = await addJob('Event', [{ rows: 5 }, {}]);
  await service.database.pool.query(`UPDATE jobs SET wanted_to = '2023-03-03' WHERE id = $1`, [id]);
  expect(textOf(await browser.page('/jobs?object=Event'))).toMatch(/Event due salesforce\.Event 2023-03-02/);
  await service.database.pool.query(
    `UPDATE runs SET state = 'cancelled', receipt = NULL, error_code = 'cancelled', error_message = 'Cancelled by request (ada).'
     WHERE job_id = $1 AND created_at > '2023-03-02'`,
    [id],
  );
  expect(textOf(await browser.page('/jobs?object=Event'))).toMatch(/Event cancelled salesforce\.Event 2023-03-02/);
});

test('a page of a run that does not exist says so, without calls of the API', async () => {
  const page = textOf(await browser.page('/runs/00000000-0000-4000-8000-000000000000'));
  expect(page).toContain('No run has this id. Runs that ended long ago are deleted. Back');
});

test('the page of a run shows the first load jobs of a slice, and opens the others', async () => {
  const id = await addJob('Campaign', [{ rows: 50 }]);
  const { pool } = service.database;
  const { rows } = await pool.query<{ id: string }>('SELECT id FROM runs WHERE job_id = $1', [id]);
  const runId = rows[0]!.id;
  await pool.query(
    `INSERT INTO slices (run_id, ordinal, cursor_from, cursor_to, open, state, count_before, requested_at)
      SELECT id, 0, window_from, window_to, true, 'extracting', 50, now() FROM runs WHERE id = $1`,
    [runId],
  );
  await pool.query(
    `INSERT INTO pages (run_id, slice, generation, number, rows, bytes, loaded)
      SELECT $1, 0, 1, number, 10, 1000, 10 FROM generate_series(0, 4) AS number`,
    [runId],
  );
  const { text } = await browser.page(`/runs/${runId}`);
  const [, opened] = /<details class="why"><summary>and 2 more<\/summary>(.*?)<\/details>/s.exec(text)!;
  expect(opened!.match(/<code>/g)).toHaveLength(2);
});
