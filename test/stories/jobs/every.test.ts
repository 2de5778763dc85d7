import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type JobView, startService, type TestService } from '../../support/service.ts';
import { expectWholeTable } from '../../support/whole-table.ts';

/** Jobs whose windows close at different times. */
const EVERY = { Account: '15m', Contact: '6h', Lead: 'day' };
const OBJECTS = Object.keys(EVERY) as (keyof typeof EVERY)[];

let service: TestService;
let userId: string;

beforeEach(async () => {
  service = await startService({ salesforce: { size: 30 } });
  userId = await service.connect();
  for (const object of OBJECTS) expect(await create(object, EVERY[object])).toMatchObject({ text: 'OK' });
});
afterEach(() => service[Symbol.asyncDispose]());

async function create(object_name: string, every: string | undefined): Promise<{ status: number; text: string }> {
  const fields = { user_id: userId, object_name, start_date: '2023-03-01' };
  return await service.call('create_importing_job', every === undefined ? fields : { ...fields, every });
}

/** The jobs in the order of OBJECTS. */
async function jobs(): Promise<JobView[]> {
  const found = await service.jobs();
  return OBJECTS.map((object) => found.find(({ object_name }) => object_name === object)!);
}

const lastDates = async (): Promise<string[]> => (await jobs()).map((job) => job.last_date);

/** Creates a record of each object, and edits, deletes and undeletes others: which ones depends on `turn`. */
function change(time: string, turn: number): void {
  const { clock, org } = service.salesforce;
  clock.set(new Date(time));
  for (const object of OBJECTS) {
    const nameField = object === 'Account' ? 'Name' : 'LastName';
    const records = [...org.records(object)];
    const live = records.filter((record) => !record.IsDeleted).map((record) => String(record.Id));
    const deleted = records.find((record) => record.IsDeleted);
    if (turn % 3 === 2 && deleted) org.undelete(object, String(deleted.Id));
    org.update(object, live[turn % live.length]!, { [nameField]: `Edited at ${time}` });
    org.update(object, live.at(-1)!, { [nameField]: `Last edited at ${time}` });
    org.remove(object, live[(turn * 7 + 3) % (live.length - 1)]!);
    org.insert(object, { [nameField]: `Created at ${time}` });
  }
}

/** Each tick, with the `last_date` of every job after it. Some come late, or are missing. */
const TICKS: [string, string[]][] = [
  ['2023-03-02T00:10:00Z', ['2023-03-02', '2023-03-02', '2023-03-02']],
  ['2023-03-02T00:25:00Z', ['2023-03-02T00:15:00.000Z', '2023-03-02', '2023-03-02']],
  ['2023-03-02T06:09:00Z', ['2023-03-02T06:00:00.000Z', '2023-03-02T06:00:00.000Z', '2023-03-02']],
  ['2023-03-02T10:37:00Z', ['2023-03-02T10:30:00.000Z', '2023-03-02T06:00:00.000Z', '2023-03-02']],
  ['2023-03-02T19:55:00Z', ['2023-03-02T19:45:00.000Z', '2023-03-02T18:00:00.000Z', '2023-03-02']],
  ['2023-03-03T00:08:00Z', ['2023-03-03', '2023-03-03', '2023-03-03']],
  ['2023-03-03T12:20:00Z', ['2023-03-03T12:15:00.000Z', '2023-03-03T12:00:00.000Z', '2023-03-03']],
  ['2023-03-05T00:06:00Z', ['2023-03-05', '2023-03-05', '2023-03-05']],
];

const minutesBefore = (time: string, minutes: number): string => new Date(Date.parse(time) - minutes * 60_000).toISOString();

test('jobs with different intervals import at their own times, and each table equals the org whenever its window closes', async () => {
  let before = await jobs();
  for (const [turn, [time, expected]] of TICKS.entries()) {
    // Before and after the end of a window, but after the previous tick.
    const times = [100, 25, 12, 2].map((minutes) => minutesBefore(time, minutes)).filter((at) => at > (TICKS[turn - 1]?.[0] ?? time));
    for (const [index, at] of times.entries()) change(at, turn * 4 + index);
    expect(await service.tickAt(time)).toMatchObject({ text: expect.stringMatching(/^OK: /) });
    expect(await lastDates()).toEqual(expected);
    const after = await jobs();
    for (const [index, object] of OBJECTS.entries()) {
      if (after[index]!.last_date === before[index]!.last_date) expect(after[index]!.run?.id).toBe(before[index]!.run?.id);
      else await expectWholeTable(service, object, expected[index]);
    }
    before = after;
  }
});

describe('a tick', () => {
  test('reports through when each job is complete, and the first window to close', async () => {
    const through = (time: string): string => `complete through 2023-03-02 ${time} UTC`;
    expect((await service.tickAt('2023-03-02T00:10:00Z')).text).toBe(
      `OK: Account, Contact, and Lead are ${through('00:00')}; next window closes 2023-03-02 00:15 UTC`,
    );
    expect((await service.tickAt('2023-03-02T12:24:00Z')).text).toBe(
      `OK: Account is ${through('12:15')}; Contact is ${through('12:00')}; Lead is ${through('00:00')}; next window closes 2023-03-02 12:30 UTC`,
    );
    expect((await service.tickAt('2023-03-02T12:29:00Z')).text).toMatch(/^OK, nothing due: Account is /);
    const contact = { user_id: userId, object_name: 'Contact', wait: '50' };
    expect((await service.call('handle_importing_job', contact)).text).toBe(
      `OK, nothing due: Contact is ${through('12:00')}; next window closes 2023-03-02 18:00 UTC; for changes since then, call /v1/jobs/{job_id}/sync-now`,
    );
    await service.call('pause_importing_job', { user_id: userId, object_name: 'Account' });
    expect((await service.tickAt('2023-03-02T12:45:00Z')).text).toMatch(
      /; next window closes 2023-03-02 18:00 UTC; Account is paused; for changes/,
    );
  });

  test('waits for the commit lag only of the windows that have just closed', async () => {
    await service.tickAt('2023-03-02T00:10:00Z');
    const response = await fetch(`${service.url}/handle_importing_job?wait=50`, { headers: { accept: 'application/json' } });
    expect(await response.json()).toMatchObject({ ok: true, next_window_closes: '2023-03-02T00:15:00.000Z' });
    expect((await service.tickAt('2023-03-02T06:31:00Z')).text).toMatch(
      /^Not complete: 1 of 3 jobs\.\nAccount is deferred until .* UTC\. Salesforce may still commit changes of its window\.$/,
    );
    expect((await jobs()).map(({ state, last_date }) => [state, last_date])).toEqual([
      ['deferred', '2023-03-02'],
      ['complete', '2023-03-02T06:00:00.000Z'],
      ['complete', '2023-03-02'],
    ]);
  });

  test('of no active job reports no next window', async () => {
    for (const object_name of OBJECTS) await service.call('pause_importing_job', { user_id: userId, object_name });
    const response = await fetch(`${service.url}/handle_importing_job?wait=1`, { headers: { accept: 'application/json' } });
    expect(await response.json()).toMatchObject({ ok: true, next_window_closes: null });
  });
});

test('/jobs shows the interval of each job, and the exact bounds of its run', async () => {
  await service.tickAt('2023-03-02T12:24:00Z');
  expect(await jobs()).toMatchObject([
    { every: '15m', start_date: '2023-03-01', run: { from: '2023-03-01', to: '2023-03-02T12:15:00.000Z' } },
    { every: '6h', start_date: '2023-03-01', run: { from: '2023-03-01', to: '2023-03-02T12:00:00.000Z' } },
    { every: 'day', start_date: '2023-03-01', run: { from: '2023-03-01', to: '2023-03-02' } },
  ]);
});

test('creating a job again keeps its interval; another one is refused', async () => {
  expect(await create('Account', undefined)).toMatchObject({ status: 200, text: 'OK' });
  expect(await create('Account', '15m')).toMatchObject({ status: 200, text: 'OK' });
  const refused = { status: 409, code: 'conflict' };
  expect(await create('Account', '1h')).toMatchObject({
    ...refused,
    text: expect.stringContaining('every=15m. To change it, call PATCH /v1/jobs/'),
  });
  expect(await create('Lead', '15m')).toMatchObject({
    ...refused,
    text: expect.stringContaining('every=day. To change it, call PATCH /v1/jobs/'),
  });
  expect(await create('Opportunity', '5m')).toMatchObject({
    status: 400,
    code: 'invalid_request',
    text: expect.stringContaining('every must be 15m, 20m, 30m, 1h, 2h, 3h, 4h, 6h, 8h, 12h, or day.'),
  });
  expect((await service.jobs()).map(({ every }) => every)).toEqual(['15m', '6h', 'day']);
});

test('a missing interval means day', async () => {
  expect(await create('Opportunity', undefined)).toMatchObject({ text: 'OK' });
  expect((await service.jobs()).at(-1)).toMatchObject({ object_name: 'Opportunity', every: 'day' });
});
