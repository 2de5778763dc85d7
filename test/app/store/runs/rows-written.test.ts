import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Receipt } from '../../../../app/core/runs/receipt.ts';
import { rowsWritten } from '../../../../app/core/runs/rows-written.ts';
import { ROWS_WRITTEN } from '../../../../app/store/runs/rows-written.ts';
import { createTestDatabase, type TestDatabase } from '../../../support/store/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database[Symbol.asyncDispose]());

const NOTHING = { inserted: 0, updated: 0, deleted: 0 };

const RECEIPTS: [string, Partial<Receipt>, number][] = [
  ['window', { inserted: 3, updated: 2, deleted: 1 }, 6],
  ['rebuild', { ...NOTHING, rows_before: 5, rows_after: 7 }, 7],
  ['sweep that marked two rows and refreshed four', { ...NOTHING, updated: 2, missing: 2, refreshed: 4 }, 6],
  ['erasure', { ...NOTHING, rows_erased: { Account: 1, Account_versions: 3 } }, 4],
  ['comparison', { ...NOTHING, equal: 9 }, 0],
  ['receipt of another release', {}, 0],
];

test.each(RECEIPTS)('the rows that a run wrote are the same for metrics and for messages: %s', async (_, receipt, rows) => {
  expect(rowsWritten(receipt)).toBe(rows);
  const counted = await database.pool.query(`SELECT ${ROWS_WRITTEN} AS rows FROM (SELECT $1::jsonb AS receipt) AS runs`, [receipt]);
  expect(counted.rows).toEqual([{ rows }]);
});

test('a run without a receipt wrote no rows', async () => {
  const counted = await database.pool.query(`SELECT ${ROWS_WRITTEN} AS rows FROM (SELECT NULL::jsonb AS receipt) AS runs`);
  expect(counted.rows).toEqual([{ rows: 0 }]);
});
