import { describe, expect, test } from '@jest/globals';
import type { FieldColumn } from '../../../../app/core/fields/columns.ts';
import {
  columnsOfFields,
  emptiedColumns,
  fieldColumnsOf,
  markFilled,
  markUnfilled,
  settleBackfill,
} from '../../../../app/core/fields/field-columns.ts';
import { refreshedColumns, sweepColumns, sweepKeys } from '../../../../app/core/fields/sweep-fields.ts';

const column = (field: string, more: Partial<FieldColumn> = {}): FieldColumn => ({ field, name: field, type: 'STRING', ...more });

describe('a column that a run does not fill', () => {
  const recorded = fieldColumnsOf([column('Id'), column('Hidden__c'), column('Price__c', { name: 'Price__c_string' })]);

  test('becomes NULL if the job created it for a field', () => {
    const read = [column('Id'), column('Price__c', { name: 'Price__c_string' })];
    expect(emptiedColumns(recorded, read, ['HIDDEN__C', 'added_by_a_user', 'Price__c'])).toEqual(['HIDDEN__C']);
  });

  test('also if the field had been retyped before it was hidden: only its latest column', () => {
    expect(emptiedColumns(recorded, [column('Id')], ['Price__c', 'Price__c_string'])).toEqual(['Price__c_string']);
  });

  test('keeps its values if the job may not have created it', () => {
    expect(emptiedColumns({}, [column('Id')], ['Hidden__c'])).toEqual([]);
  });
});

describe('a field appears', () => {
  const recorded = fieldColumnsOf([column('Id'), column('A__c')]);
  const appeared = (state: typeof recorded, ...columns: FieldColumn[]) => markFilled(state, [column('Id'), ...columns]).appeared;

  test('when it is new, not while it stays', () => {
    expect(appeared(recorded, column('A__c'), column('B__c'))).toEqual(['B__c']);
  });

  test('when it returns after a run emptied its column', () => {
    const emptied = markUnfilled(recorded, ['a__C']);
    expect(appeared(emptied, column('A__c'))).toEqual(['A__c']);
    expect(appeared(markFilled(emptied, [column('A__c')]).recorded, column('A__c'))).toEqual([]);
  });

  test('when it gets another column', () => {
    expect(appeared(recorded, column('A__c', { name: 'A__c_date' }))).toEqual(['A__c']);
  });

  test('not if nothing is known about earlier runs', () => {
    expect(appeared({}, column('A__c'))).toEqual([]);
  });
});

describe('a sweep', () => {
  const startedAt = new Date('2023-03-20T10:00:00Z');
  const [before, after] = ['2023-03-20T09:00:00.000Z', '2023-03-20T11:00:00.000Z'];
  const recorded = fieldColumnsOf(['Id', 'A__c', 'B__c', 'C__c'].map((field) => column(field)));

  test('has filled the fields that it read, but not those that appeared since it started', () => {
    const settled = settleBackfill({ recorded, backfill: { A__c: before, B__c: after } }, [column('A__c'), column('B__c')], startedAt);
    expect(settled).toEqual({ recorded, backfill: { B__c: after } });
  });

  test('starts over when a field that it could not read appears again', () => {
    const settled = settleBackfill({ recorded, backfill: { C__c: before } }, [column('Id')], startedAt);
    expect(settled.backfill).toEqual({});
    expect(markFilled(settled.recorded, [column('C__c')]).appeared).toEqual(['C__c']);
  });

  const job = { cursorField: 'SystemModstamp', cursorNillable: false, partitioned: false };
  const all = [
    ...['Id', 'IsDeleted', 'CreatedDate', 'SystemModstamp', 'Name', 'New__c'].map((field) => column(field)),
    column('Formula__c', { calculated: true }),
    column('NewFormula__c', { calculated: true }),
    column('Wider__c', { calculated: true, type: 'BIGNUMERIC' }),
  ];
  const wider = { field: 'Wider__c', type: 'BIGNUMERIC', column: 'Wider__c', column_type: 'BIGNUMERIC', how: 'widened' } as const;
  const drift = { added: ['NewFormula__c'], retyped: [wider] };
  const fields = (columns: FieldColumn[]): string[] => columns.map(({ field }) => field);

  test('reads its keys, calculated fields and those to backfill, but none whose column the table lacks', () => {
    const keys = sweepKeys(job);
    const columns = sweepColumns(all, drift, keys, ['New__c', 'NewFormula__c', 'Missing__c']);
    expect(fields(columns)).toEqual(['Id', 'IsDeleted', 'SystemModstamp', 'New__c', 'Formula__c']);
    expect(fields(refreshedColumns(columns, keys))).toEqual(['New__c', 'Formula__c']);
  });

  test('of a partitioned table also reads what it is partitioned by', () => {
    expect(fields(sweepColumns(all, drift, sweepKeys({ ...job, partitioned: true }), []))).toContain('CreatedDate');
  });
});

test('a field has had the column of its name and those of its other types, but never the column of another field', () => {
  const existing = ['Id', 'price__c', 'Price__c_string', 'Price__c_float64_string', 'Price__c_usd', 'Cost__c', 'Price__c_date'];
  const recorded = fieldColumnsOf([column('Price__c', { name: 'Price__c_string' }), column('Price__c_date')]);
  expect(columnsOfFields(['Price__c'], existing, recorded)).toEqual(['price__c', 'Price__c_string', 'Price__c_float64_string']);
  expect(columnsOfFields(['Hidden__c'], existing, recorded)).toEqual([]);
});
