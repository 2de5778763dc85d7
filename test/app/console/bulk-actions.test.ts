import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { actOnEach, type BulkOutcome, type Refusal } from '../../../app/console/act-on-jobs.ts';
import { BULK_ACTIONS, summarize } from '../../../app/console/bulk-actions.ts';
import { AppError } from '../../../app/errors.ts';
import { ConsoleBrowser, formOf, textOf } from '../../support/console.ts';
import { startService, type TestService } from '../../support/service.ts';

describe('an action on several jobs', () => {
  test('reaches each once, counts what became of it, and stops between two jobs when its time is over', async () => {
    const reached: string[] = [];
    const act = async (id: string): Promise<'changed' | 'already so'> => {
      reached.push(id);
      await sleep(1);
      if (id === '3') throw new AppError('conflict', 'Three is paused.');
      return id === '4' ? 'already so' : 'changed';
    };
    const ids = Array.from({ length: 9 }, (_, index) => String(index));
    expect(await actOnEach(ids, act, () => reached.length >= 6)).toEqual({
      changed: 4,
      already: 1,
      refusals: [{ code: 'conflict', message: 'Three is paused.' }],
      left: 3,
      last: '5',
    });
    expect(reached).toEqual(ids.slice(0, 6));
  });
});

describe('the summary of an action', () => {
  const [pause, , retry] = BULK_ACTIONS;
  const outcome = (changed: number, refusals: Refusal[], left = 0): BulkOutcome => ({
    changed,
    already: 0,
    refusals,
    left,
    last: undefined,
  });
  const paused = (object: string): Refusal => ({ code: 'conflict', message: `${object} is paused. Call POST /v1/jobs/1/resume first.` });

  test('has one example of each kind of refusal, with its count, and no call of the API', () => {
    const missing: Refusal = { code: 'not_found', message: 'The job does not exist.' };
    const refusals = [paused('Account'), missing, paused('Contact'), missing, missing];
    expect(summarize(retry!, outcome(2, refusals))).toBe(
      'Retried 2 jobs. 5 jobs were not changed. 2 jobs: Account is paused. And 1 similar reason. 3 jobs: The job does not exist.',
    );
  });

  test('says so if there is only one kind', () => {
    expect(summarize(retry!, outcome(0, [paused('Account')]))).toBe('Nothing has changed: Account is paused.');
    expect(summarize(pause!, outcome(1, [paused('Account'), paused('Lead')], 3))).toBe(
      'Paused 1 job. 2 jobs were not changed: Account is paused. And 1 similar reason. There was no time for 3 jobs.',
    );
  });
});

describe('more than a thousand jobs', () => {
  const JOBS = 1_100;
  let service: TestService;
  let browser: ConsoleBrowser;

  beforeAll(async () => {
    service = await startService({ worker: false });
    const user_id = await service.connect();
    await service.call('create_importing_job', { user_id, object_name: 'Account', start_date: '2023-02-20' });
    await service.database.pool.query(
      `INSERT INTO jobs SELECT (jsonb_populate_record(jobs, jsonb_build_object(
         'id', gen_random_uuid(), 'object_name', 'O' || n || '__c', 'target_table', 'O' || n || '__c'))).*
       FROM jobs, generate_series(2, ${JOBS}) AS n`,
    );
  });
  afterAll(() => service[Symbol.asyncDispose]());
  beforeEach(async () => {
    browser = new ConsoleBrowser(service.url);
    await service.database.pool.query('DELETE FROM audit; UPDATE jobs SET active = true');
  });

  const act = async (fields: Record<string, string>, query = ''): Promise<string> =>
    textOf(await browser.submit(await browser.page(`/jobs${query}`), '/console/jobs', fields));
  const paused = async (): Promise<{ actions: number; jobs: number }> => {
    const statement = `SELECT count(*) AS actions, count(DISTINCT job_id) AS jobs FROM audit WHERE action = 'job_paused'`;
    return (await service.database.pool.query<{ actions: number; jobs: number }>(statement)).rows[0]!;
  };

  test('that match are all changed by one click, each once', async () => {
    expect(await act({ action: 'pause', all: 'yes' }, '?state=complete')).toContain('Paused 1,100 jobs.');
    expect(await paused()).toEqual({ actions: JOBS, jobs: JOBS });
    await service.database.pool.query(`UPDATE jobs SET active = true WHERE object_name = 'Account'`);
    expect(await act({ action: 'pause', all: 'yes' })).toContain('Paused 1 job. 1,099 jobs were paused already.');
    expect(await act({ action: 'retry', all: 'yes' })).toContain('Nothing has changed: The job has no run yet.');
  });

  test('continue after the last one that was reached', async () => {
    const { rows } = await service.database.pool.query<{ id: string }>('SELECT id FROM jobs ORDER BY id OFFSET 1089 LIMIT 1');
    const page = await browser.page(`/jobs?object=c&continue=pause&after=${rows[0]!.id}`);
    expect(textOf(page)).toContain('Pause the others');
    const done = await browser.submit(page, '/console/jobs');
    expect(textOf(done)).toMatch(/Paused (9|10) jobs\./);
    expect(done.url).toBe(`${browser.url}/console/jobs?object=c`);
    expect((await browser.page('/jobs?continue=explode&after=x')).text).not.toContain('the others');
  });

  test('continue with those selected that were not reached, and no others', async () => {
    const { pool } = service.database;
    const { rows } = await pool.query<{ id: string }>('SELECT id FROM jobs ORDER BY id DESC LIMIT 20');
    const selected = rows.map(({ id }) => id);
    const page = await browser.page('/jobs?object=c');
    // The time is over once four are paused.
    const logged = service.logged.length;
    const now = performance.now.bind(performance);
    const isLate = (): boolean => service.logged.slice(logged).join('').split('"job_paused"').length > 4;
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + (isLate() ? 60_000 : 0));
    const url = `${browser.url}/console/jobs`;
    const headers = { 'Sec-Fetch-Site': 'same-origin', 'Content-Type': 'application/x-www-form-urlencoded' };
    const body = new URLSearchParams({ ...formOf(page, '/console/jobs'), action: 'pause' });
    for (const id of selected) body.append('job', id);
    const answer = await fetch(url, { method: 'POST', body, headers, redirect: 'manual' });
    clock.mockRestore();
    const stopped = new URL(answer.headers.get('location')!, url);
    const left = stopped.searchParams.getAll('job');
    const isActive = 'SELECT id FROM jobs WHERE id = ANY($1) AND active ORDER BY id DESC';
    expect(left).toEqual((await pool.query<{ id: string }>(isActive, [selected])).rows.map(({ id }) => id));
    expect(left.length).toBeGreaterThan(0);
    expect(left.length).toBeLessThan(20);
    expect(stopped.searchParams.get('object')).toBe('c');
    const continued = await browser.open(stopped.href);
    expect(textOf(continued)).toContain(`Pause the ${left.length} jobs left`);
    expect(continued.text).not.toContain('the others');
    const again = new URLSearchParams(formOf(continued, '/console/jobs'));
    again.delete('job');
    for (const [, id] of continued.text.matchAll(/<input type="hidden" name="job" value="([^"]*)"/g)) again.append('job', id!);
    const done = await fetch(url, { method: 'POST', body: again, headers, redirect: 'manual' });
    expect(done.headers.get('location')).toBe('/console/jobs?object=c');
    expect((await pool.query('SELECT FROM jobs WHERE NOT active')).rowCount).toBe(20);
  });
});
