import { expect, test } from '@jest/globals';
import { deltaStatement, mergeStatement } from '../../../app/bigquery/sql.ts';

const table = (name: string): { project: string; dataset: string; table: string } => ({ project: 'p', dataset: 'd', table: name });

test('a name that is no name never gets into a statement', () => {
  const columns = [
    { name: 'Id', type: 'STRING' as const },
    { name: 'x`; DROP TABLE t; --', type: 'STRING' as const },
  ];
  expect(() => mergeStatement(table('t'), table('s'), columns, 'Id')).toThrow(RangeError);
});

test('the delta statement of a run is the same, whoever builds it', () => {
  const statement = {
    delta: table('delta'),
    slices: [{ ordinal: 0, table: table('stage') }],
    columns: [
      { name: 'Id', type: 'STRING' as const },
      { name: 'SystemModstamp', type: 'TIMESTAMP' as const },
    ],
    cursorField: 'SystemModstamp',
    runId: 'r',
    expiresAt: new Date('2026-12-02'),
  };
  expect(deltaStatement(statement)).toBe(deltaStatement(structuredClone(statement)));
});
