import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { openDatabase, transaction } from '../../../app/store/database.ts';
import { type Answer, startService, type TestService } from '../../support/service.ts';

let service: TestService;
let job: { user_id: string; object_name: string };

beforeEach(async () => {
  service = await startService({ worker: false });
  job = { user_id: await service.connect(), object_name: 'Account' };
  await service.call('create_importing_job', { ...job, start_date: '2023-03-01' });
});
afterEach(() => service[Symbol.asyncDispose]());

const waiting = `FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;

/** Sends these requests, and ends their connections to the job store while they wait for it. */
async function cutDuring(...requests: (() => Promise<Answer>)[]): Promise<Answer[]> {
  const { pool } = service.database;
  const locker = await pool.connect();
  try {
    await locker.query('BEGIN; LOCK TABLE jobs');
    const answers = requests.map((send) => send());
    while ((await pool.query(`SELECT ${waiting}`)).rowCount! < requests.length) await new Promise((resolve) => setTimeout(resolve, 10));
    await pool.query(`SELECT pg_terminate_backend(pid) ${waiting}`);
    return await Promise.all(answers);
  } finally {
    await locker.query('ROLLBACK');
    locker.release();
  }
}

test('a request whose job store connection breaks gets 503 and succeeds when repeated', async () => {
  const requests = [
    () => service.call('jobs'),
    () => service.call('handle_importing_job'),
    () => service.call('pause_importing_job', job),
    () => service.call('create_importing_job', { ...job, start_date: '2023-03-01' }),
    () => service.call('handle_importing_job', { ...job, wait: '5' }),
  ];
  for (const answer of await cutDuring(...requests)) {
    expect(answer).toMatchObject({ status: 503, code: 'store_unavailable' });
    expect(answer.text).toContain('The job store is unavailable (57P01). Try again in a moment.');
  }
  for (const send of requests.slice(0, -1)) expect((await send()).status).toBe(200);
});

test('a statement without a response from the job store times out and closes its client', async () => {
  const late = openDatabase({ url: service.database.url }, () => {}, 50);
  const unavailable = { code: 'store_unavailable', message: 'The job store did not respond in time. Try again in a moment.' };
  await expect(late.query('SELECT pg_sleep(5)')).rejects.toMatchObject(unavailable);
  await expect(transaction(late, (client) => client.query('SELECT pg_sleep(5)'))).rejects.toMatchObject(unavailable);
  expect(late.totalCount).toBe(0);
  await late.end();
});

test('a tick stops waiting when its caller disconnects', async () => {
  const { database } = service.context;
  service.salesforce.clock.set(new Date('2023-03-20T00:10:00Z'));
  const query = jest.spyOn(database, 'query');
  const caller = new AbortController();
  const left = expect(fetch(`${service.url}/handle_importing_job?wait=50`, { signal: caller.signal })).rejects.toThrow('aborted');
  const looksFor = async (ms: number): Promise<number> => {
    query.mockClear();
    await new Promise((resolve) => setTimeout(resolve, ms));
    return query.mock.calls.length;
  };
  while ((await looksFor(200)) === 0);
  caller.abort();
  await left;
  while ((await looksFor(300)) > 0);
});

test('a job store that cannot be reached is reported as such', async () => {
  const nowhere = openDatabase({ url: 'postgres://nobody@127.0.0.1:1/none' }, () => {});
  const unavailable = { code: 'store_unavailable', message: 'The job store is unavailable (ECONNREFUSED). Try again in a moment.' };
  await expect(nowhere.query('SELECT 1')).rejects.toMatchObject(unavailable);
  await expect(transaction(nowhere, async () => {})).rejects.toMatchObject(unavailable);
  await nowhere.end();
});
