import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ColumnType, FieldColumn } from '../../../app/core/columns.ts';
import { dropField, type ExistingColumn, isWidened, NO_DRIFT, settleDrift } from '../../../app/core/drift.ts';

const TYPES: readonly ColumnType[] = ['STRING', 'BOOL', 'INT64', 'FLOAT64', 'NUMERIC', 'BIGNUMERIC', 'DATE', 'TIMESTAMP', 'TIME'];

const column = (field: string, type: ColumnType): FieldColumn => ({ field, name: field, type });
const settle = (wanted: FieldColumn[], table: ExistingColumn[] | undefined) => settleDrift(wanted, table, 'SystemModstamp');

/** The table as it is after a run with these columns. */
function applied(table: ExistingColumn[], columns: FieldColumn[]): ExistingColumn[] {
  const wanted = new Map(columns.map(({ name, type }) => [name.toLowerCase(), { name, type }]));
  const known = new Set(table.map(({ name }) => name.toLowerCase()));
  const kept = table.map(({ name, type }) => ({ name, type: wanted.get(name.toLowerCase())?.type ?? type }));
  return [...kept, ...[...wanted.values()].filter(({ name }) => !known.has(name.toLowerCase()))];
}

/** Few names, some of which look like the columns of retyped ones, so that they meet. */
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

describe('whatever an object and its table look like', () => {
  test('each field gets a column of its own', () => {
    fc.assert(
      fc.property(objects, tables, (wanted, table) => {
        const { columns } = settle(wanted, table);
        expect(columns.map(({ field }) => field)).toEqual(wanted.map(({ field }) => field));
        expect(new Set(columns.map(({ name }) => name.toLowerCase())).size).toBe(columns.length);
      }),
    );
  });

  test('a column of the table keeps its type, or is widened', () => {
    fc.assert(
      fc.property(objects, tables, (wanted, table) => {
        const after = applied(table, settle(wanted, table).columns);
        for (const [index, { name, type }] of table.entries()) {
          expect(after[index]!.name).toBe(name);
          if (after[index]!.type !== type) expect(isWidened(type, after[index]!.type as ColumnType)).toBe(true);
        }
      }),
    );
  });

  test('the next run finds each field where this one put it, and has nothing more to change', () => {
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

  test('types that come back find the columns that they had', () => {
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

  test('what nothing fills any more is told, but our own columns', () => {
    fc.assert(
      fc.property(objects, tables, (wanted, table) => {
        const { columns, drift } = settle(wanted, [...table, { name: '_run', type: 'STRING' }]);
        const filled = new Set(columns.map(({ name }) => name.toLowerCase()));
        expect(drift.orphaned).toEqual(table.map(({ name }) => name).filter((name) => !filled.has(name.toLowerCase())));
      }),
    );
  });
});

describe('a field that is of another type than its column', () => {
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
  ])('%s that becomes %s is %s', (was, type, expected) => {
    const { drift } = settle([column('F', type)], [{ name: 'f', type: was }]);
    const [told] = drift.retyped;
    expect(`${told!.how} as ${told!.column_type}`).toBe(expected);
    expect(told).toMatchObject({ field: 'F', type, column: told!.how === 'new_column' ? `F_${type.toLowerCase()}` : 'F' });
  });

  test('is refused where rows are matched, ordered or found by it', () => {
    for (const name of ['Id', 'IsDeleted', 'CreatedDate', 'SystemModstamp']) {
      expect(() => settle([column(name, 'TIMESTAMP')], [{ name, type: 'DATE' }])).toThrow(/is now TIMESTAMP, but its column is DATE/);
    }
  });
});

describe('a field that leaves a run', () => {
  const dropped = column('A', 'DATE');
  const columns = [column('Id', 'STRING'), dropped];

  test('takes its column along where the run would have added it', () => {
    const drift = { ...NO_DRIFT, added: ['A', 'B'], retyped: [] };
    expect(dropField({ columns, drift }, dropped, true)).toEqual({
      columns: [column('Id', 'STRING')],
      drift: { ...NO_DRIFT, added: ['B'] },
    });
  });

  test('leaves a column behind that nothing fills, where the table had it', () => {
    expect(dropField({ columns, drift: NO_DRIFT }, dropped, true).drift.orphaned).toEqual(['A']);
    expect(dropField({ columns, drift: NO_DRIFT }, dropped, false).drift.orphaned).toEqual([]);
  });

  test('is no longer reported as retyped', () => {
    const { drift } = settle([column('A', 'DATE')], [{ name: 'A', type: 'BOOL' }]);
    const settled = { columns: [{ ...dropped, name: 'A_date' }], drift: { ...drift, skipped: [] } };
    expect(dropField(settled, settled.columns[0]!, true)).toEqual({ columns: [], drift: { ...NO_DRIFT, orphaned: ['A'] } });
  });
});

test('a table that is yet to be made has no drift', () => {
  const wanted = [column('Id', 'STRING'), column('A', 'DATE')];
  expect(settle(wanted, undefined)).toEqual({ columns: wanted, drift: NO_DRIFT });
});
