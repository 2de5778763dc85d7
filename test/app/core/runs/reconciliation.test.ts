import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { weakestVerdict } from '../../../../app/core/runs/receipt.ts';
import {
  reconcileDelta,
  reconcileIds,
  reconcileMerge,
  reconcileSlice,
  reconcileTarget,
  type SliceCounts,
} from '../../../../app/core/runs/reconciliation.ts';

const all = (rows: number): SliceCounts => ({
  salesforceBefore: rows,
  salesforceAfter: rows,
  processed: rows,
  rowsInPages: rows,
  loaded: rows,
  staged: rows,
});

describe('the verdict on a slice', () => {
  test('is exact when every stage counts the same', () => {
    fc.assert(fc.property(fc.nat(), (rows) => expect(reconcileSlice(all(rows))).toEqual({ ok: true, salesforce: 'exact' })));
  });

  test('fails when any stage counts one row more or less', () => {
    const stages = ['processed', 'rowsInPages', 'loaded', 'staged'] as const;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), fc.constantFrom(...stages), fc.constantFrom(-1, 1), (rows, stage, difference) => {
        expect(reconcileSlice({ ...all(rows), [stage]: rows + difference }).ok).toBe(false);
      }),
    );
  });

  test('allows for rows that changed while the slice was read, and says how many', () => {
    expect(reconcileSlice({ ...all(10), salesforceAfter: 12 })).toEqual({ ok: true, salesforce: 'within 2' });
    expect(reconcileSlice({ ...all(10), salesforceBefore: 11, salesforceAfter: 12 }).ok).toBe(false);
    expect(reconcileSlice({ ...all(10), salesforceBefore: 8, salesforceAfter: 9 }).ok).toBe(false);
  });

  test('is "not counted" if Salesforce returned no count', () => {
    expect(reconcileSlice({ ...all(10), salesforceBefore: null })).toEqual({ ok: true, salesforce: 'not counted' });
    expect(reconcileSlice({ ...all(10), salesforceAfter: null })).toEqual({ ok: true, salesforce: 'not counted' });
  });
});

test("a run's verdict is the weakest of its slices", () => {
  expect(weakestVerdict(['exact', 'exact'])).toBe('exact');
  expect(weakestVerdict(['within 2', 'exact', 'within 3'])).toBe('within 5');
  expect(weakestVerdict(['within 2', 'not counted'])).toBe('not counted');
});

test('the delta table has one row per Id, each with an Id and a cursor', () => {
  expect(reconcileDelta({ stagedIds: 5, torn: 0, tornInWindow: 0, deltaRows: 5, unusable: 0 }).ok).toBe(true);
  expect(reconcileDelta({ stagedIds: 5, torn: 0, tornInWindow: 0, deltaRows: 4, unusable: 0 }).ok).toBe(false);
  expect(reconcileDelta({ stagedIds: 5, torn: 1, tornInWindow: 0, deltaRows: 4, unusable: 0 }).ok).toBe(true);
  expect(reconcileDelta({ stagedIds: 5, torn: 0, tornInWindow: 0, deltaRows: 5, unusable: 1 }).ok).toBe(false);
  expect(reconcileDelta({ stagedIds: Number.NaN, torn: 0, tornInWindow: 0, deltaRows: 5, unusable: 0 }).ok).toBe(false);
});

describe('the verdict on a MERGE', () => {
  const delta = {
    slices: [],
    counts: { stagedIds: 5, torn: 0, tornInWindow: 0, deltaRows: 5, unusable: 0 },
    invalidValues: {},
    deletedRows: 2,
    firstId: '001A',
    lastId: '001z',
  };
  const merged = { inserted: 5, updated: 0, deleted: 0, targetWasEmpty: true, deletes: 'keep' as const };

  test('into an empty table expects every delta row inserted, except deleted rows not kept', () => {
    expect(reconcileMerge(merged, delta).ok).toBe(true);
    expect(reconcileMerge({ ...merged, inserted: 4 }, delta).ok).toBe(false);
    expect(reconcileMerge({ ...merged, inserted: 6 }, delta).ok).toBe(false);
    expect(reconcileMerge({ ...merged, inserted: 3, deletes: 'remove' }, delta).ok).toBe(true);
    expect(reconcileMerge({ ...merged, deletes: 'remove' }, delta).ok).toBe(false);
  });

  test('into a non-empty table accepts at most one change per delta row', () => {
    const filled = { ...merged, targetWasEmpty: false };
    expect(reconcileMerge({ ...filled, inserted: 2, updated: 3 }, delta).ok).toBe(true);
    expect(reconcileMerge({ ...filled, inserted: 0 }, delta).ok).toBe(true);
    expect(reconcileMerge({ ...filled, inserted: 5, updated: 1 }, delta).ok).toBe(false);
  });
});

describe('the Ids of a slice', () => {
  const counted = (distinctIds: number, repeatedIds: string | null) => ({ distinctIds, repeatedIds, rowsBeforeEnd: null });

  test('are unique when there are as many Ids as rows', () => {
    expect(reconcileIds(10, counted(10, null), null)).toBe('unique');
    expect(reconcileIds(10, counted(10, null), '1 Ids from a to a')).toBe('unique');
  });

  test('are requested again if some repeat, and not unique if the same repeat again', () => {
    expect(reconcileIds(10, counted(9, '1 Ids from a to a'), null)).toBe('repeated');
    expect(reconcileIds(10, counted(9, '1 Ids from a to a'), '1 Ids from b to b')).toBe('repeated');
    expect(reconcileIds(10, counted(9, '1 Ids from a to a'), '1 Ids from a to a')).toBe('not unique');
  });
});

test('a target table has the rows of its first import, except deleted rows with deletes=remove', () => {
  const delta = {
    counts: { stagedIds: 10, torn: 0, tornInWindow: 0, deltaRows: 10, unusable: 0 },
    slices: [],
    invalidValues: {},
    deletedRows: 3,
    firstId: 'a',
    lastId: 'b',
  };
  expect(reconcileTarget(10, delta, 'keep').ok).toBe(true);
  expect(reconcileTarget(7, delta, 'remove').ok).toBe(true);
  expect(reconcileTarget(0, delta, 'keep')).toEqual({
    ok: false,
    reason: 'the target table has 0 rows after its first import; expected 10',
  });
});
