import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { batchSlices } from '../../../../app/core/runs/batches.ts';
import { type SlicePlan, sharesRows } from '../../../../app/core/runs/slices.ts';

const columns = [0, 1, 2].map((group) => ({ field: `F${group}__c`, name: `F${group}__c`, type: 'STRING' as const, group }));
const day = (number: number): Date => new Date(Date.UTC(2023, 2, number));

/** Slices of up to three field groups, each group cut on its own. */
const plans: fc.Arbitrary<SlicePlan[]> = fc
  .array(fc.uniqueArray(fc.integer({ min: 2, max: 30 }), { maxLength: 6 }), { minLength: 1, maxLength: 3 })
  .map((cutsByGroup) => {
    const slices = cutsByGroup.flatMap((cuts, fieldGroup) => {
      const bounds = [1, ...cuts.sort((one, other) => one - other), 31];
      return bounds.slice(1).map((to, index) => ({
        fieldGroup,
        cursorFrom: day(bounds[index]!),
        cursorTo: day(to),
        open: false,
        idFrom: null,
        idTo: null,
        nullCursor: false,
      }));
    });
    return slices
      .sort((one, other) => one.cursorFrom.getTime() - other.cursorFrom.getTime() || one.fieldGroup - other.fieldGroup)
      .map((slice, ordinal) => ({ ...slice, ordinal }));
  });

test('batches contain every slice once, in order, and groups that share rows stay together', () => {
  fc.assert(
    fc.property(plans, fc.integer({ min: 1, max: 5 }), (slices, maxSlices) => {
      const batches = batchSlices(slices, columns, 'SystemModstamp', maxSlices);
      expect(batches.flat()).toEqual(slices);
      for (const [index, batch] of batches.entries()) {
        const others = batches.slice(index + 1).flat();
        const torn = batch.some((one) => others.some((other) => one.fieldGroup !== other.fieldGroup && sharesRows(one, other)));
        expect(torn).toBe(false);
      }
    }),
  );
});

test('slices of a single group are cut at the limit', () => {
  const slices = [1, 2, 3, 4, 5].map((number, ordinal) => ({
    ordinal,
    fieldGroup: 0,
    cursorFrom: day(number),
    cursorTo: day(number + 1),
    open: false,
    idFrom: null,
    idTo: null,
    nullCursor: false,
  }));
  expect(batchSlices(slices, columns.slice(0, 1), 'SystemModstamp', 2).map((batch) => batch.length)).toEqual([2, 2, 1]);
});
