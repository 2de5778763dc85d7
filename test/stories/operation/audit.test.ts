import { createHash } from 'node:crypto';
import { afterEach, expect, test } from '@jest/globals';
import { decide, REDIRECT_URI, readAnswer, startService, type TestService } from '../../support/service.ts';

const KEYS = { ada: 'the key of ada', ben: 'the key of ben' };
let service: TestService;

afterEach(() => service[Symbol.asyncDispose]());

async function start(): Promise<void> {
  const entries = Object.entries(KEYS).map(([name, key]) => `${name}:operate:${createHash('sha256').update(key).digest('hex')}`);
  service = await startService({
    worker: false,
    local: false,
    env: { API_KEYS: entries.join(','), PUBLIC_URL: 'https://sync.acme.example' },
  });
}

async function as(name: keyof typeof KEYS, method: string, path: string, fields?: Record<string, string>): Promise<string> {
  const body = fields ? { body: new URLSearchParams(fields) } : {};
  const { status, text } = await readAnswer(
    await fetch(`${service.url}/${path}`, { method, headers: { 'X-API-Key': KEYS[name] }, ...body }),
  );
  expect({ path, status, text }).toMatchObject({ status: 200 });
  return text;
}

interface Change {
  at: string;
  by: string;
  action: string;
  job_id: string | null;
  object_name: string | null;
  run_id: string | null;
  connection_id: number | null;
  details: object;
}

/** All recorded changes, oldest first, read in pages of 4. */
async function changes(): Promise<Change[]> {
  const found: Change[] = [];
  for (let query = '?limit=4'; ; ) {
    const { changes: page, next } = JSON.parse(await as('ada', 'GET', `v1/audit${query}`)) as { changes: Change[]; next: string | null };
    found.push(...page);
    if (next === null) return found.toReversed();
    query = `?limit=4&after=${next}`;
  }
}

test('every change is recorded: who made it, what, when, and for which job or connection', async () => {
  await start();
  const url = await as('ada', 'POST', 'get_oauth_url', { redirect_uri: REDIRECT_URI });
  const authorization_code = (await decide(url, 'allow')).searchParams.get('code')!;
  const userId = await as('ada', 'POST', 'login_oauth_callback', { redirect_uri: REDIRECT_URI, authorization_code });
  const account = { user_id: userId, object_name: 'Account' };
  await as('ben', 'POST', 'create_importing_job', { ...account, start_date: '2023-03-01' });
  const { jobs } = JSON.parse(await as('ada', 'GET', 'jobs')) as { jobs: { id: string }[] };
  const job = jobs[0]!.id;
  await as('ben', 'POST', 'pause_importing_job', account);
  await as('ada', 'POST', 'resume_importing_job', account);
  await as('ada', 'PATCH', `v1/jobs/${job}`, { every: '1h' });
  await service.database.pool.query(`UPDATE jobs SET synced_to = '2023-03-02', wanted_to = '2023-03-02'`);
  const repair = JSON.parse(await as('ben', 'POST', `v1/jobs/${job}/rebuild`)) as { id: string };
  await as('ada', 'POST', `v1/runs/${repair.id}/cancel`);
  const again = JSON.parse(await as('ben', 'POST', `v1/runs/${repair.id}/retry`)) as { id: string };
  await as('ada', 'PATCH', 'v1/connections/1', { alias: 'production', quiet_hours: '08:00-18:00' });
  await as('ben', 'POST', 'v1/connections/production/disconnect');
  await as('ada', 'DELETE', `v1/jobs/${job}?table=keep`);

  const ofJob = { job_id: job, object_name: 'Account' };
  const expected = [
    { by: 'ada', action: 'connected', connection_id: 1, job_id: null },
    {
      by: 'ben',
      action: 'job_created',
      ...ofJob,
      connection_id: 1,
      details: { start_date: '2023-03-01', every: 'day', dataset: 'salesforce' },
    },
    { by: 'ben', action: 'job_paused', ...ofJob },
    { by: 'ada', action: 'job_resumed', ...ofJob },
    { by: 'ada', action: 'job_changed', ...ofJob, details: { fields: ['every'] } },
    { by: 'ben', action: 'repair_requested', ...ofJob, run_id: repair.id, details: { kind: 'rebuild' } },
    { by: 'ada', action: 'run_cancelled_by_request', ...ofJob, run_id: repair.id },
    { by: 'ben', action: 'run_retry_requested', ...ofJob, run_id: repair.id, details: { due_run: again.id } },
    { by: 'ada', action: 'connection_changed', connection_id: 1, details: { fields: ['alias', 'quiet_hours'] } },
    { by: 'ben', action: 'disconnected', connection_id: 1, details: { revoked: 'revoked', jobs_paused: 1 } },
    { by: 'ben', action: 'job_paused', ...ofJob },
    { by: 'ada', action: 'job_deleted', ...ofJob, details: { table: 'keep' } },
  ];
  const recorded = await changes();
  expect(recorded).toMatchObject(expected);
  for (const { at } of recorded) expect(Math.abs(Date.now() - Date.parse(at))).toBeLessThan(120_000);

  const logged = service.logged.map((line) => JSON.parse(line) as { event: string; by?: string });
  expect(logged.filter(({ by }) => by !== undefined).map(({ event, by }) => ({ by, action: event }))).toEqual(
    expected.map(({ by, action }) => ({ by, action })),
  );
  expect(JSON.stringify(recorded)).not.toMatch(/the key of|aPrx|5Aep|00D\w+!/);
});

test('a change whose record cannot be stored is not made', async () => {
  await start();
  const open = (): Promise<string> => as('ada', 'POST', 'get_oauth_url', { redirect_uri: REDIRECT_URI });
  const allow = async (url: string): Promise<Record<string, string>> => {
    const { searchParams } = await decide(url, 'allow');
    return { redirect_uri: REDIRECT_URI, authorization_code: searchParams.get('code')!, state: searchParams.get('state')! };
  };
  const userId = await as('ada', 'POST', 'login_oauth_callback', await allow(await open()));
  for (const object_name of ['Account', 'Lead']) {
    await as('ada', 'POST', 'create_importing_job', { user_id: userId, object_name, start_date: '2023-03-01' });
  }
  await as('ada', 'POST', 'pause_importing_job', { user_id: userId, object_name: 'Lead' });
  const { jobs } = JSON.parse(await as('ada', 'GET', 'jobs')) as { jobs: { id: string }[] };
  await service.database.pool.query(`UPDATE jobs SET synced_to = '2023-03-02', wanted_to = '2023-03-02'`);
  const { id: run } = JSON.parse(await as('ada', 'POST', `v1/jobs/${jobs[0]!.id}/rebuild`)) as { id: string };
  const link = JSON.parse(await as('ada', 'POST', 'v1/connect-links')) as { id: string };
  const callback = await allow(await open());

  // Without an estimate, which is not a change that anyone requests.
  const stored = async (): Promise<object[]> =>
    (
      await service.database.pool.query<object>(
        `SELECT (SELECT json_agg(each ORDER BY id) FROM (SELECT id, status, alias, access_token, refresh_token, login_url FROM connections) AS each) AS connections,
           (SELECT json_agg(to_jsonb(jobs) - 'weekly_changes' ORDER BY id) FROM jobs) AS jobs, (SELECT json_agg(runs ORDER BY id) FROM runs) AS runs,
           (SELECT json_agg(connect_links ORDER BY id) FROM connect_links) AS links`,
      )
    ).rows;
  const before = await stored();
  await service.database.pool.query('ALTER TABLE audit RENAME TO moved');
  const account = { user_id: userId, object_name: 'Account' };
  for (const [method, path, fields] of [
    ['POST', 'create_importing_job', { user_id: userId, object_name: 'Contact', start_date: '2023-03-01' }],
    ['POST', 'pause_importing_job', account],
    ['POST', 'resume_importing_job', { user_id: userId, object_name: 'Lead' }],
    ['PATCH', `v1/jobs/${jobs[0]!.id}`, { every: '1h' }],
    ['POST', `v1/runs/${run}/cancel`, {}],
    ['PATCH', 'v1/connections/1', { alias: 'production' }],
    ['POST', 'v1/connect-links', {}],
    ['DELETE', `v1/connect-links/${link.id}`, {}],
    ['POST', 'login_oauth_callback', callback],
    ['POST', 'v1/connections', { flow: 'client_credentials' }],
    ['POST', 'v1/connections/1/disconnect', {}],
  ] as const) {
    const answer = await readAnswer(
      await fetch(`${service.url}/${path}`, { method, headers: { 'X-API-Key': KEYS.ada }, body: new URLSearchParams(fields) }),
    );
    expect({ path, ...answer }).toMatchObject({ path, status: 500, code: 'internal' });
    expect({ path, stored: await stored() }).toEqual({ path, stored: before });
  }
  await service.database.pool.query('ALTER TABLE moved RENAME TO audit');
  await as('ada', 'POST', `v1/runs/${run}/cancel`);
  const cancelled = await stored();
  await service.database.pool.query('ALTER TABLE audit RENAME TO moved');
  for (const path of [`v1/runs/${run}/retry`, `v1/jobs/${jobs[0]!.id}/rebuild`]) {
    const answer = await readAnswer(await fetch(`${service.url}/${path}`, { method: 'POST', headers: { 'X-API-Key': KEYS.ada } }));
    expect({ path, ...answer }).toMatchObject({ path, status: 500, code: 'internal' });
    expect({ path, stored: await stored() }).toEqual({ path, stored: cancelled });
  }
});
