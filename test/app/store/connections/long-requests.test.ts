import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { LongRequests } from '../../../../app/store/connections/long-requests.ts';
import { createTestDatabase } from '../../../support/store/database.ts';

const database = await createTestDatabase();
const { pool } = database;
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(() => pool.query('DELETE FROM long_requests'));

const LIMIT = 2;
const ORG = '00D000000000001AAA';
// After the last test, the database is dropped before its places are freed.
const ignore = (): void => {};
const process = (): LongRequests => new LongRequests(pool, LIMIT, ignore);
const forever = new AbortController().signal;
const count = async (): Promise<number> => (await pool.query('SELECT FROM long_requests')).rowCount!;

async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}

describe('long requests to an org', () => {
  test('of two processes together never exceed its limit, and all get their turn', async () => {
    const processes = [process(), process()];
    let [now, most, done] = [0, 0, 0];
    const request = async (number: number): Promise<void> => {
      using _place = await processes[number % 2]!.acquire(ORG, forever);
      most = Math.max(most, ++now);
      await sleep(15);
      now--;
      done++;
    };
    await Promise.all(Array.from({ length: 9 }, (_, number) => request(number)));
    expect([most, done]).toEqual([LIMIT, 9]);
    await waitUntil(async () => (await count()) === 0);
  });

  test('get their turns in the order in which they start, whatever their process', async () => {
    const [one, other] = [process(), process()];
    const held = [await one.acquire(ORG, forever), await one.acquire(ORG, forever)];
    const turns: string[] = [];
    const wait = async (name: string, of: LongRequests): Promise<void> => {
      using _place = await of.acquire(ORG, forever);
      turns.push(name);
    };
    const first = wait('first, of the other process', other);
    await waitUntil(async () => (await count()) === 3);
    const second = wait('second', one);
    await waitUntil(async () => (await count()) === 4);
    held[0]![Symbol.dispose]();
    await Promise.all([first, second]);
    expect(turns).toEqual(['first, of the other process', 'second']);
    held[1]![Symbol.dispose]();
  });

  test('do not count those to other orgs', async () => {
    const requests = process();
    using _one = await requests.acquire(ORG, forever);
    using _two = await requests.acquire(ORG, forever);
    using _three = await requests.acquire('00D000000000002AAA', forever);
    expect(await count()).toBe(3);
  });

  test('of a process that died stop counting once they expire', async () => {
    await pool.query(`INSERT INTO long_requests (org_id, kept_until) SELECT $1, now() + interval '1 second' FROM generate_series(1, 2)`, [
      ORG,
    ]);
    using _place = await process().acquire(ORG, forever);
    const { rows } = await pool.query('SELECT kept_until < now() AS expired FROM long_requests ORDER BY id');
    expect(rows).toEqual([{ expired: true }, { expired: true }, { expired: false }]);
  });

  test('that no longer wait give up their place', async () => {
    const requests = process();
    using _one = await requests.acquire(ORG, forever);
    using _two = await requests.acquire(ORG, forever);
    const stop = new AbortController();
    const waiting = requests.acquire(ORG, stop.signal);
    await waitUntil(async () => (await count()) === 3);
    stop.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow('stopped');
    await waitUntil(async () => (await count()) === 2);
  });
});
