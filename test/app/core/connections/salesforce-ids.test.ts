import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { toLongId } from '../../../../app/core/connections/identity.ts';
import { MAX_IDS, parseIds } from '../../../../app/core/connections/salesforce-ids.ts';
import { sliceIds, splitIdList } from '../../../../app/core/runs/slices.ts';

const DIGITS = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'];
const shortIds = fc.array(fc.constantFrom(...DIGITS), { minLength: 12, maxLength: 12 }).map((digits) => `001${digits.join('')}`);
const idLists = fc.uniqueArray(shortIds.map(toLongId), { minLength: 1, maxLength: 60 }).map((ids) => ids.sort());

describe('a list of Ids', () => {
  test('gives each Id once, in order, whether it is written with 15 or 18 characters', () => {
    fc.assert(
      fc.property(idLists, fc.infiniteStream(fc.boolean()), (ids, isShort) => {
        const written = [...ids, ...ids].reverse().map((id) => (isShort.next().value ? id.slice(0, 15) : id));
        expect(parseIds('ids', written.join(', '), 'Account', '001')).toEqual(ids);
      }),
    );
  });

  test('is refused with a wrong checksum, with an Id of another object, and if it is too long', () => {
    const id = toLongId('001000000000Abc');
    expect(() => parseIds('ids', id.replace('Abc', 'abc'), 'Account', null)).toThrow('which is not a Salesforce Id');
    expect(() => parseIds('ids', id, 'Contact', '003')).toThrow('but the Ids of Contact start with 003');
    expect(parseIds('ids', Array(MAX_IDS).fill(id).join(), 'Account', null)).toEqual([id]);
    expect(() =>
      parseIds(
        'ids',
        Array(MAX_IDS + 1)
          .fill(id)
          .join(),
        'Account',
        null,
      ),
    ).toThrow('Reimport a range of Ids');
  });
});

describe('slices of Ids', () => {
  const window = { from: new Date('2023-03-01T00:00:00Z'), to: new Date('2023-03-20T00:00:00Z') };

  test('contain every Id once, in order, and no slice more than allowed', () => {
    fc.assert(
      fc.property(idLists, fc.integer({ min: 1, max: 70 }), (ids, perSlice) => {
        const slices = sliceIds(window, ids, perSlice);
        expect(slices.flatMap((slice) => slice.ids)).toEqual(ids);
        expect(Math.max(...slices.map((slice) => slice.ids!.length))).toBeLessThanOrEqual(perSlice);
        expect(slices.map(({ idTo }) => idTo)).toEqual([...slices.slice(1).map(({ idFrom }) => idFrom), null]);
      }),
    );
  });

  test('can be split until they have one Id', () => {
    fc.assert(
      fc.property(idLists, fc.integer({ min: 2, max: 5 }), (ids, parts) => {
        const [slice] = sliceIds(window, ids, ids.length);
        const split = splitIdList(slice!, parts);
        if (ids.length === 1) expect(split).toBeUndefined();
        else expect(split!.length).toBeGreaterThan(1);
        expect((split ?? [slice!]).flatMap((part) => part.ids)).toEqual(ids);
      }),
    );
  });
});
