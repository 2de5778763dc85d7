import { describe, expect, test } from '@jest/globals';
import { type DeltaStatement, deltaStatement } from '../../../app/bigquery/sql/delta-statement.ts';
import { type MergeStatement, mergeStatement } from '../../../app/bigquery/sql/merge-statement.ts';

const table = (name: string): { project: string; dataset: string; table: string } => ({ project: 'p', dataset: 'd', table: name });
const id = { field: 'Id', name: 'Id', type: 'STRING' as const };
const stamp = { field: 'SystemModstamp', name: 'SystemModstamp', type: 'TIMESTAMP' as const };

const merge: MergeStatement = {
  target: table('t'),
  delta: table('s'),
  columns: [id, stamp],
  orphaned: [],
  emptied: [],
  cursorField: 'SystemModstamp',
  insertOnly: false,
  deletes: 'keep',
  firstId: '001A',
  lastId: '001z',
  months: undefined,
  partitionField: 'CreatedDate',
};

test('refuses an invalid column name in a statement', () => {
  const columns = [id, { field: 'x', name: 'x`; DROP TABLE t; --', type: 'STRING' as const }];
  expect(() => mergeStatement({ ...merge, columns })).toThrow(RangeError);
});

test('escapes quotes and backslashes in a string literal', () => {
  expect(mergeStatement({ ...merge, firstId: "001' OR \\" })).toContain("BETWEEN '001\\' OR \\\\' AND");
});

test('builds the same delta statement from equal inputs', () => {
  const statement: DeltaStatement = {
    delta: table('delta'),
    slices: [{ order: 0, fieldGroup: 0, table: table('stage') }],
    columns: [id, stamp],
    cursorField: 'SystemModstamp',
    windowTo: new Date('2023-03-20'),
    partitionField: undefined,
    runId: 'r',
    expiresAt: new Date('2026-12-02'),
  };
  expect(deltaStatement(statement)).toBe(deltaStatement(structuredClone(statement)));
});

describe('a MERGE into a partitioned table', () => {
  test('names the months that it touches as few ranges, also across a year boundary', () => {
    const sql = mergeStatement({ ...merge, months: ['2023-01', '2022-12', '2023-05'] });
    expect(sql).toContain(
      "(_target.`CreatedDate` >= TIMESTAMP '2022-12-01 00:00:00+00' AND _target.`CreatedDate` < TIMESTAMP '2023-02-01 00:00:00+00') OR " +
        "(_target.`CreatedDate` >= TIMESTAMP '2023-05-01 00:00:00+00' AND _target.`CreatedDate` < TIMESTAMP '2023-06-01 00:00:00+00')",
    );
  });
});
