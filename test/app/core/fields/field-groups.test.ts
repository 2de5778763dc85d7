import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { FieldColumn } from '../../../../app/core/fields/columns.ts';
import {
  applyPlan,
  BASE_GROUP,
  EMPTY_PLAN,
  fieldsInGroup,
  groupOf,
  groupsOf,
  isJoinedByCursor,
  splitGroup,
  withGroups,
  withRefused,
} from '../../../../app/core/fields/field-groups.ts';

const CURSOR = 'SystemModstamp';
const KEYS = ['Id', 'IsDeleted', 'CreatedDate', CURSOR];

const column = (field: string, calculated = false): FieldColumn => ({
  field,
  name: field,
  type: 'STRING',
  ...(calculated && { calculated }),
});
const objects = fc
  .tuple(fc.nat(40), fc.nat(40))
  .map(([plain, calculated]) => [
    ...KEYS.map((field) => column(field)),
    ...Array.from({ length: plain }, (_, index) => column(`Plain_${index}`)),
    ...Array.from({ length: calculated }, (_, index) => column(`Formula_${index}`, true)),
  ]);

/** Splits groups until each fits, as a run does. @returns the columns, the skipped fields, and how many queries were refused */
function settle(
  columns: readonly FieldColumn[],
  fits: (fields: string[]) => boolean,
): { columns: FieldColumn[]; skipped: string[]; refused: number } {
  let current = [...columns];
  const skipped: string[] = [];
  for (let refused = 0; ; refused++) {
    const group = groupsOf(current).find((candidate) => !fits(fieldsInGroup(current, candidate, CURSOR)));
    if (group === undefined) return { columns: current, skipped, refused };
    const split = splitGroup(current, group, CURSOR);
    if (split.kind === 'indivisible') throw new Error('indivisible');
    if (split.kind === 'divided') current = split.columns;
    else {
      skipped.push(split.field);
      current = current.filter(({ field }) => field !== split.field);
    }
  }
}

describe('for any object', () => {
  test('each field is in exactly one group, and the base group has the key fields', () => {
    fc.assert(
      fc.property(objects, fc.integer({ min: 6, max: 60 }), (object, maxFields) => {
        const { columns, skipped } = settle(object, (fields) => fields.length <= maxFields);
        expect(skipped).toEqual([]);
        expect(columns.map(({ field }) => field)).toEqual(object.map(({ field }) => field));
        expect(columns.filter(({ field }) => KEYS.includes(field)).every((each) => groupOf(each) === BASE_GROUP)).toBe(true);
        for (const group of groupsOf(columns))
          expect(fieldsInGroup(columns, group, CURSOR)).toEqual(expect.arrayContaining(['Id', CURSOR]));
      }),
    );
  });

  test('calculated fields are never in a group that is joined by cursor', () => {
    fc.assert(
      fc.property(objects, fc.integer({ min: 6, max: 60 }), (object, maxFields) => {
        const { columns, refused } = settle(object, (fields) => fields.length <= maxFields);
        const mixed = columns.filter(
          (each) => each.calculated && (groupOf(each) === BASE_GROUP ? refused > 0 : isJoinedByCursor(columns, groupOf(each))),
        );
        expect(mixed).toEqual([]);
      }),
    );
  });

  test('the next run restores the same groups from the plan', () => {
    fc.assert(
      fc.property(objects, fc.integer({ min: 6, max: 60 }), (object, maxFields) => {
        const { columns } = settle(object, (fields) => fields.length <= maxFields);
        expect(applyPlan(object, withGroups(EMPTY_PLAN, columns), new Date()).columns).toEqual(columns);
      }),
    );
  });
});

test('a single formula that is too complicated is skipped after a few refusals', () => {
  const object = [...KEYS, ...'ABCDEFGHIJ'].map((field) => column(field, field.length === 1));
  const { columns, skipped, refused } = settle(object, (fields) => !fields.includes('G'));
  expect(skipped).toEqual(['G']);
  expect(columns).toHaveLength(object.length - 1);
  expect(refused).toBeLessThanOrEqual(6);
});

test('a group with only key fields cannot be divided', () => {
  const columns = KEYS.map((field) => column(field));
  expect(splitGroup(columns, BASE_GROUP, CURSOR)).toEqual({ kind: 'indivisible' });
});

test('a new formula joins the group of the existing formulas', () => {
  const plan = { ...EMPTY_PLAN, groups: { F: 2, A: 1 } };
  const { columns } = applyPlan([column('Id'), column('A'), column('B'), column('F', true), column('G', true)], plan, new Date());
  expect(columns.map(groupOf)).toEqual([0, 1, 0, 2, 2]);
});

test('a refused field is skipped for a day', () => {
  const now = new Date('2026-11-26T10:00:00Z');
  const plan = withRefused(EMPTY_PLAN, 'A', 'INVALID_FIELD', now);
  const fields = [column('Id'), column('A')];
  expect(applyPlan(fields, plan, new Date('2026-11-27T09:59:00Z'))).toMatchObject({
    columns: [{ field: 'Id' }],
    skipped: ['A (INVALID_FIELD)'],
  });
  expect(applyPlan(fields, plan, new Date('2026-11-27T10:01:00Z'))).toEqual({ columns: fields, skipped: [] });
});
