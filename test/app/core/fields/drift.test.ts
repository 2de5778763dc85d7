import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ColumnType, FieldColumn } from '../../../../app/core/fields/columns.ts';
import { canWiden, dropField, type ExistingColumn, NO_DRIFT, resolveDrift } from '../../../../app/core/fields/drift.ts';

const TYPES: readonly ColumnType[] = ['STRING', 'BOOL', 'INT64', 'FLOAT64', 'NUMERIC', 'BIGNUMERIC', 'DATE', 'TIMESTAMP', 'TIME'];

const column = (field: string, type: ColumnType): FieldColumn => ({ field, name: field, type });
const settle = (wanted: FieldColumn[], table: ExistingColumn[] | undefined) => resolveDrift(wanted, table, 'SystemModstamp');

/** The table after a run with these columns. */
function applied(table: ExistingColumn[], columns: FieldColumn[]): ExistingColumn[] {
  const wanted = new Map(columns.map(({ name, type }) => [name.toLowerCase(), { name, type }]));
  const known = new Set(table.map(({ name }) => name.toLowerCase()));
  const kept = table.map(({ name, type }) => ({ name, type: wanted.get(name.toLowerCase())?.type ?? type }));
  return [...kept, ...[...wanted.values()].filter(({ name }) => !known.has(name.toLowerCase()))];
}

/** A few names, some of which look like the new columns of retyped fields, so that they collide. */
const names = fc.constantFrom('A', 'B', 'a_string', 'A_date', 'A_date_date', 'b_INT64', 'C__c', 'c__c_numeric');
const types = fc.constantFrom(...TYPES);
const objects = fc.uniqueArray(
  fc.tuple(names, types).map(([field, type]) => column(field, type)),
  { selector: ({ field }) => field.toLowerCase(), maxLength: 8 },
);
const tables = fc.uniqueArray(fc.record({ name: names, type: fc.oneof(types, fc.constantFrom('JSON', 'ARRAY<STRING>')) }), {
  selector: ({ name }) => name.toLowerCase(),
  maxLength: 8,
});

describe('for any object and table', () => {
  test('each field gets its own column', () => {
    fc.assert(
      fc.property(objects, tables, (wanted, table) => {
        const { columns } = settle(wanted, table);
        expect(columns.map(({ field }) => field)).toEqual(wanted.map(({ field }) => field));
        expect(new Set(columns.map(({ name }) => name.toLowerCase())).size).toBe(columns.length);
      }),
    );
  });

  test('an existing column keeps its type or is widened', () => {
    fc.assert(
      fc.property(objects, tables, (wanted, table) => {
        const after = applied(table, settle(wanted, table).columns);
        for (const [index, { name, type }] of table.entries()) {
          expect(after[index]!.name).toBe(name);
          if (after[index]!.type !== type) expect(canWiden(type, after[index]!.type as ColumnType)).toBe(true);
        }
      }),
    );
  });

  test('the next run maps each field to the same column and changes nothing', () => {
    fc.assert(
      fc.property(objects, tables, (wanted, table) => {
        const first = settle(wanted, table);
        const second = settle(wanted, applied(table, first.columns));
        expect(second.columns).toEqual(first.columns);
        expect(second.drift).toMatchObject({ added: [], orphaned: first.drift.orphaned });
        expect(second.drift.retyped.filter(({ how }) => how === 'widened')).toEqual([]);
      }),
    );
  });

  test('a field that returns to its earlier type returns to its earlier column', () => {
    fc.assert(
      fc.property(objects, fc.array(types, { minLength: 8, maxLength: 8 }), (before, others) => {
        const table = before.map(({ name, type }) => ({ name, type }));
        const after = before.map(({ field }, index) => column(field, others[index]!));
        const changed = applied(table, settle(after, table).columns);
        const back = settle(before, changed);
        expect(back.columns.map(({ name }) => name)).toEqual(before.map(({ name }) => name));
        expect(back.drift.added).toEqual([]);
      }),
    );
  });

  test('columns that no field fills are reported as orphaned, except our own', () => {
    fc.assert(
      fc.property(objects, tables, (wanted, table) => {
        const { columns, drift } = settle(wanted, [...table, { name: '_run', type: 'STRING' }]);
        const filled = new Set(columns.map(({ name }) => name.toLowerCase()));
        expect(drift.orphaned).toEqual(table.map(({ name }) => name).filter((name) => !filled.has(name.toLowerCase())));
      }),
    );
  });
});

describe('a field whose type differs from its column', () => {
  test.each<[ColumnType, ColumnType, FieldColumn | string]>([
    ['STRING', 'DATE', 'kept as STRING'],
    ['NUMERIC', 'INT64', 'kept as NUMERIC'],
    ['FLOAT64', 'INT64', 'kept as FLOAT64'],
    ['FLOAT64', 'NUMERIC', 'kept as FLOAT64'],
    ['BIGNUMERIC', 'NUMERIC', 'kept as BIGNUMERIC'],
    ['INT64', 'NUMERIC', 'widened as NUMERIC'],
    ['INT64', 'BIGNUMERIC', 'widened as BIGNUMERIC'],
    ['NUMERIC', 'BIGNUMERIC', 'widened as BIGNUMERIC'],
    ['INT64', 'FLOAT64', 'new_column as FLOAT64'],
    ['NUMERIC', 'FLOAT64', 'new_column as FLOAT64'],
    ['BIGNUMERIC', 'FLOAT64', 'new_column as FLOAT64'],
    ['INT64', 'STRING', 'new_column as STRING'],
    ['DATE', 'TIMESTAMP', 'new_column as TIMESTAMP'],
    ['BOOL', 'INT64', 'new_column as INT64'],
  ])('from %s to %s is %s', (was, type, expected) => {
    const { drift } = settle([column('F', type)], [{ name: 'f', type: was }]);
    const [retyped] = drift.retyped;
    expect(`${retyped!.how} as ${retyped!.column_type}`).toBe(expected);
    expect(retyped).toMatchObject({ field: 'F', type, column: retyped!.how === 'new_column' ? `F_${type.toLowerCase()}` : 'F' });
  });

  test('is refused if rows are matched, ordered or partitioned by it', () => {
    for (const name of ['Id', 'IsDeleted', 'CreatedDate', 'SystemModstamp']) {
      expect(() => settle([column(name, 'TIMESTAMP')], [{ name, type: 'DATE' }])).toThrow(/is now TIMESTAMP, but its column is DATE/);
    }
  });
});

describe('a field that is dropped from a run', () => {
  const dropped = column('A', 'DATE');
  const columns = [column('Id', 'STRING'), dropped];

  test('drops its column too if the run was going to add it', () => {
    const drift = { ...NO_DRIFT, added: ['A', 'B'], retyped: [] };
    expect(dropField({ columns, drift }, dropped, true)).toEqual({
      columns: [column('Id', 'STRING')],
      drift: { ...NO_DRIFT, added: ['B'] },
    });
  });

  test('leaves an orphaned column if the table already has it', () => {
    expect(dropField({ columns, drift: NO_DRIFT }, dropped, true).drift.orphaned).toEqual(['A']);
    expect(dropField({ columns, drift: NO_DRIFT }, dropped, false).drift.orphaned).toEqual([]);
  });

  test('is no longer reported as retyped', () => {
    const { drift } = settle([column('A', 'DATE')], [{ name: 'A', type: 'BOOL' }]);
    const settled = { columns: [{ ...dropped, name: 'A_date' }], drift: { ...NO_DRIFT, ...drift } };
    expect(dropField(settled, settled.columns[0]!, true)).toEqual({ columns: [], drift: { ...NO_DRIFT, orphaned: ['A'] } });
  });
});

test('a table that does not exist yet has no drift', () => {
  const wanted = [column('Id', 'STRING'), column('A', 'DATE')];
  expect(settle(wanted, undefined)).toEqual({ columns: wanted, drift: NO_DRIFT });
});
