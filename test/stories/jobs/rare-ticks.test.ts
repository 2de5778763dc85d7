import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { keepTicking } from '../../../app/actions/keep-ticking.ts';
import { recentTicks } from '../../../app/store/jobs/ticks.ts';
import { startService, type TestService } from '../../support/service.ts';

let service: TestService;
let userId: string;

beforeAll(async () => {
  service = await startService({ worker: false });
  userId = await service.connect();
});
afterAll(() => service[Symbol.asyncDispose]());

/** Ticks, after these minutes since the previous tick. */
async function tickAfter(minutes: number, fields: Record<string, string> = {}): Promise<void> {
  await service.database.pool.query(
    `UPDATE ticks SET recent = ARRAY(SELECT at - $1 * interval '1 minute' FROM unnest(recent) AS at ORDER BY 1 DESC)`,
    [minutes],
  );
  expect(await service.call('handle_importing_job', fields)).toMatchObject({ text: 'OK' });
}

const ticks = async (): Promise<number> => (await recentTicks(service.database.pool)).length;

async function createWithJson(object_name: string, every: string): Promise<unknown> {
  const fields = { user_id: userId, object_name, start_date: '2023-03-01', every };
  const headers = { accept: 'application/json' };
  return await (await fetch(`${service.url}/create_importing_job`, { method: 'POST', body: new URLSearchParams(fields), headers })).json();
}

async function warnings(): Promise<Record<string, string[]>> {
  const { jobs } = JSON.parse((await service.call('jobs')).text) as { jobs: { object_name: string; warnings: string[] }[] };
  return Object.fromEntries(jobs.map((job) => [job.object_name, job.warnings]));
}

const WARNING =
  'Ticks come about every 60 minutes, so Account is imported no more often, despite every=15m. Call handle_importing_job more often, or choose a longer every.';

test('a job with a shorter interval than that of the ticks is created with a warning, also in the log and in /jobs', async () => {
  await tickAfter(0);
  expect(await createWithJson('Contact', '15m')).toMatchObject({ ok: true, message: 'OK', warnings: [] });
  for (let hour = 0; hour < 3; hour++) await tickAfter(60);
  service.logged.length = 0;
  expect(await createWithJson('Account', '15m')).toMatchObject({ ok: true, message: 'OK', warnings: [WARNING] });
  expect(await createWithJson('Lead', '1h')).toMatchObject({ ok: true, message: 'OK', warnings: [] });
  const logged = service.logged.map((line) => JSON.parse(line)).filter(({ event }) => event === 'ticks_rare');
  expect(logged).toMatchObject([{ level: 'warn', object: 'Account', every: '15m', tick_minutes: 60 }]);
  expect(await warnings()).toEqual({ Contact: [WARNING.replace('Account', 'Contact')], Account: [WARNING], Lead: [] });
  await service.call('pause_importing_job', { user_id: userId, object_name: 'Contact' });
  expect(await warnings()).toEqual({ Contact: [], Account: [WARNING], Lead: [] });
});

test('the answer in plain text stays as it is', async () => {
  const fields = { user_id: userId, object_name: 'Opportunity', start_date: '2023-03-01', every: '15m' };
  expect(await service.call('create_importing_job', fields)).toMatchObject({ status: 200, text: 'OK' });
});

test('ticks of some jobs, and ticks that follow another at once, are not counted', async () => {
  const before = await ticks();
  await tickAfter(20, { user_id: userId });
  await tickAfter(20, { user_id: userId, object_name: 'Account' });
  expect(await ticks()).toBe(before);
  await tickAfter(20);
  await tickAfter(0);
  expect(await ticks()).toBe(before + 1);
  expect(await warnings()).toMatchObject({ Account: [WARNING] });
});

test('the warning ends once the ticks come often enough, and no more than the latest ticks are kept', async () => {
  for (let tick = 0; tick < 10; tick++) await tickAfter(15);
  expect(await warnings()).toMatchObject({ Account: [] });
  expect(await ticks()).toBe(8);
});

test('the ticks of a single machine are counted too', async () => {
  await service.database.pool.query('DELETE FROM ticks');
  const { stop } = keepTicking(service.context);
  stop();
  while ((await ticks()) === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await ticks()).toBe(1);
});
