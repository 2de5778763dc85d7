import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { deltaStatement } from '../../../../app/bigquery/sql/delta-statement.ts';
import type { ColumnType, FieldColumn } from '../../../../app/core/fields/columns.ts';
import { countFittingSlices, MAX_STATEMENT_BYTES } from '../../../../app/core/runs/run-slices.ts';

/** The types of custom fields; only standard fields are integers. */
const TYPES: readonly ColumnType[] = ['STRING', 'BOOL', 'FLOAT64', 'NUMERIC', 'BIGNUMERIC', 'DATE', 'TIMESTAMP', 'TIME'];
const CURSOR = 'SystemModstamp';

const keys: FieldColumn[] = [
  { field: 'Id', name: 'Id', type: 'STRING' },
  { field: CURSOR, name: CURSOR, type: 'TIMESTAMP' },
];

/** A namespace's prefix, a name of 40 characters and a suffix. */
const field = (index: number, length: number): string => `ns_of_a_partner__${'x'.repeat(length)}${index}__c`;

interface ObjectShape {
  count: number;
  length: number;
  types: ColumnType[];
  groups: number;
}
const shapes: fc.Arbitrary<ObjectShape> = fc.record({
  count: fc.nat(800),
  length: fc.nat(36),
  types: fc.subarray([...TYPES], { minLength: 1 }),
  groups: fc.integer({ min: 1, max: 4 }),
});

const columnsOf = ({ count, length, types, groups }: ObjectShape): FieldColumn[] => [
  ...keys,
  ...Array.from({ length: count }, (_, index): FieldColumn => {
    const type = index < 20 ? 'INT64' : types[index % types.length]!;
    const name = `${field(index, length)}_${type.toLowerCase()}`;
    return { field: field(index, length), name, type, group: index % groups };
  }),
];

const table = (name: string) => ({ project: 'a-project-with-a-name-of-thirty', dataset: 'salesforce_staging', table: name });
const uuid = '0b7a9c1e5f5d4d0a9c692f6f3b1c8e11';

describe('the slices of a run', () => {
  test('fit into one BigQuery statement for any object', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const [columns, { groups }] = [columnsOf(shape), shape];
        const slices = Array.from({ length: 20 * groups }, (_, index) => ({ fieldGroup: index % groups }));
        const fitting = slices.slice(0, countFittingSlices(slices, columns, CURSOR, 20));
        const sql = deltaStatement({
          delta: table(`delta_${uuid}`),
          slices: fitting.map(({ fieldGroup }, order) => ({ order, fieldGroup, table: table(`stage_${uuid}_${order}_${fieldGroup}_1`) })),
          columns,
          cursorField: CURSOR,
          windowTo: new Date('2023-03-20'),
          partitionField: undefined,
          runId: uuid,
          expiresAt: new Date(),
        });
        expect(sql.length).toBeLessThan(MAX_STATEMENT_BYTES);
        expect(fitting.length).toBeGreaterThanOrEqual(2);
      }),
      { numRuns: 50 },
    );
  });

  test('reach the maximum per field group for an object of normal size', () => {
    const columns = [
      ...keys,
      ...Array.from({ length: 100 }, (_, index): FieldColumn => ({ field: field(index, 10), name: `N${index}`, type: 'DATE' })),
    ];
    const slices = Array.from({ length: 30 }, () => ({ fieldGroup: 0 }));
    expect(countFittingSlices(slices, columns, CURSOR, 20)).toBe(20);
    expect(countFittingSlices(slices.slice(0, 5), columns, CURSOR, 20)).toBe(5);
  });

  test('include at least one', () => {
    expect(countFittingSlices([{ fieldGroup: 0 }, { fieldGroup: 0 }], keys, CURSOR, 0)).toBe(1);
  });
});
