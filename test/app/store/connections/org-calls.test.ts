import { beforeEach, expect, test } from '@jest/globals';
import { MAX_UNWRITTEN_CALLS, OrgCalls } from '../../../../app/store/connections/org-calls.ts';
import { createConnectionStore } from '../../../support/connections.ts';

const { database, reset } = await createConnectionStore();
let id: number;
let orgId: string;
/** Two processes: only Postgres is shared. */
let first: OrgCalls;
let second: OrgCalls;

function aProcess(): OrgCalls {
  return new OrgCalls(database.pool, (error) => {
    throw error;
  });
}

beforeEach(async () => {
  id = await reset();
  await database.pool.query('DELETE FROM org_calls');
  const { rows } = await database.pool.query<{ org_id: string }>('SELECT org_id FROM connections WHERE id = $1', [id]);
  orgId = rows[0]!.org_id;
  first = aProcess();
  second = aProcess();
});

function call(by: OrgCalls, times: number): void {
  for (let n = 0; n < times; n++) by.count(id, undefined);
}

const ownCalls = async (by: OrgCalls): Promise<number> => (await by.quota(orgId)).ownCalls;

async function written(): Promise<number> {
  const { rows } = await database.pool.query<{ calls: number }>('SELECT coalesce(sum(calls), 0)::int AS calls FROM org_calls');
  return rows[0]!.calls;
}

async function untilWritten(calls: number): Promise<void> {
  while ((await written()) < calls) await new Promise((resolve) => setTimeout(resolve, 10));
}

test('a process that checks the quota shows its own calls to the others', async () => {
  call(first, 3);
  expect(await ownCalls(first)).toBe(3);
  expect(await written()).toBe(3);
  expect(await ownCalls(second)).toBe(3);
});

test('a check misses fewer calls of another process than the bound', async () => {
  call(first, MAX_UNWRITTEN_CALLS - 1);
  expect(await ownCalls(second)).toBe(0);
  call(first, 1);
  await untilWritten(MAX_UNWRITTEN_CALLS);
  expect(await ownCalls(second)).toBe(MAX_UNWRITTEN_CALLS);
});

test('a burst of calls and checks by two processes counts each call once', async () => {
  for (const by of [first, second]) call(by, 3 * MAX_UNWRITTEN_CALLS + 7);
  await Promise.all([ownCalls(first), ownCalls(second), ownCalls(first)]);
  expect(await ownCalls(first)).toBe(6 * MAX_UNWRITTEN_CALLS + 14);
  expect(await written()).toBe(6 * MAX_UNWRITTEN_CALLS + 14);
});
