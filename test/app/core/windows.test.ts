import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EVERY, type Every, intervalMs, parseEvery } from '../../../app/core/jobs/every.ts';
import { formatBound, formatLastDate, formatStartDate, parseStartDate } from '../../../app/core/jobs/start-date.ts';
import { type SliceRange, sliceWindow, splitById, splitByTime, splitOpenSlice } from '../../../app/core/runs/slices.ts';
import { nextWindowEnd, remainingLagMs, type Window, windowEnd, windowEnds } from '../../../app/core/runs/window.ts';

const instants = fc.date({ min: new Date('1700-01-01'), max: new Date('2300-01-01'), noInvalidDate: true });
const ID_DIGITS = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'];
const byCode = (one: string, other: string): number => (one < other ? -1 : 1);

describe('windows', () => {
  test('end at the last midnight UTC', () => {
    fc.assert(
      fc.property(instants, (now) => {
        const end = windowEnd(now, 'day');
        expect(end.toISOString()).toMatch(/T00:00:00\.000Z$/);
        expect(now.getTime() - end.getTime()).toBeGreaterThanOrEqual(0);
        expect(now.getTime() - end.getTime()).toBeLessThan(86_400_000);
      }),
    );
  });

  test.each(EVERY)('of every %s close at the same times each day, counted from midnight UTC', (every) => {
    expect(86_400_000 % intervalMs(every)).toBe(0);
    fc.assert(
      fc.property(instants, (now) => {
        const end = windowEnd(now, every);
        const midnight = Date.parse(`${end.toISOString().slice(0, 10)}T00:00:00Z`);
        // Not -0 before 1970.
        expect(Math.abs((end.getTime() - midnight) % intervalMs(every))).toBe(0);
        expect(now.getTime() - end.getTime()).toBeGreaterThanOrEqual(0);
        expect(now.getTime() - end.getTime()).toBeLessThan(intervalMs(every));
        expect(nextWindowEnd(now, every).getTime()).toBe(end.getTime() + intervalMs(every));
      }),
    );
  });

  test('chain without gap or overlap, whenever the ticks come', () => {
    const ticks = fc.array(fc.date({ min: new Date('2023-03-25'), max: new Date('2023-03-28'), noInvalidDate: true }), { minLength: 2 });
    fc.assert(
      fc.property(
        fc.constantFrom(...EVERY),
        ticks,
        fc.date({ min: new Date('2023-03-24'), max: new Date('2023-03-29') }),
        (every, at, stamp) => {
          const sorted = at.toSorted((one, other) => one.getTime() - other.getTime());
          const ends = [new Date('2023-03-25'), ...sorted.map((now) => windowEnd(now, every))];
          // Of two ticks before a window closes, the second imports nothing.
          const windows: Window[] = ends.slice(1).map((to, index) => ({ from: ends[index]!, to }));
          for (const { from, to } of windows) expect(to.getTime()).toBeGreaterThanOrEqual(from.getTime());
          const imported = stamp >= new Date('2023-03-25') && stamp < ends.at(-1)!;
          expect(windows.filter(({ from, to }) => stamp >= from && stamp < to)).toHaveLength(imported ? 1 : 0);
        },
      ),
    );
  });

  test('close at their own times for each interval', () => {
    const ends = new Map(windowEnds(new Date('2023-03-20T23:59:59.999Z')).map(({ every, to }) => [every, to.toISOString().slice(11, 16)]));
    expect(Object.fromEntries(ends)).toEqual({
      ...{ '15m': '23:45', '20m': '23:40', '30m': '23:30', '1h': '23:00', '2h': '22:00', '3h': '21:00', '4h': '20:00' },
      ...{ '6h': '18:00', '8h': '16:00', '12h': '12:00', day: '00:00' },
    });
  });

  test('are not read before the commit lag has passed', () => {
    const to = new Date('2023-03-20T00:00:00Z');
    expect(remainingLagMs(to, new Date('2023-03-20T00:01:00Z'), 5)).toBe(4 * 60_000);
    expect(remainingLagMs(to, new Date('2023-03-20T00:05:00Z'), 5)).toBe(0);
    expect(remainingLagMs(to, new Date('2023-03-21T00:00:00Z'), 5)).toBe(0);
  });

  test('overlap the previous window, start no earlier than the start date, and end open', () => {
    const startDate = new Date('2023-03-01');
    fc.assert(
      fc.property(instants, instants, fc.nat(100_000), (one, other, overlap) => {
        fc.pre(one < other && one >= startDate);
        const slices = sliceWindow(
          { from: one, to: other },
          { startDate, overlapMinutes: overlap, rereadFrom: null, cursorNillable: false },
        );
        expect(slices[0]!.cursorFrom.getTime()).toBe(Math.max(startDate.getTime(), one.getTime() - overlap * 60_000));
        expect(slices.at(-1)!.cursorTo).toEqual(other);
        expect(slices.map((slice) => slice.open)).toEqual(slices.map((_, index) => index === slices.length - 1));
      }),
    );
  });

  test('reach back to rows committed too late for an earlier window', () => {
    const options = { startDate: new Date('2023-03-01'), overlapMinutes: 10, cursorNillable: false };
    const lowerBound = (rereadFrom: string): Date =>
      sliceWindow({ from: new Date('2023-03-20'), to: new Date('2023-03-21') }, { ...options, rereadFrom: new Date(rereadFrom) })[0]!
        .cursorFrom;
    expect(lowerBound('2023-03-15T12:00:00Z')).toEqual(new Date('2023-03-15T11:50:00Z'));
    expect(lowerBound('2023-03-20T12:00:00Z')).toEqual(new Date('2023-03-19T23:50:00Z'));
    expect(lowerBound('2023-03-01T00:05:00Z')).toEqual(new Date('2023-03-01'));
  });

  test('have an extra closed slice if the cursor can be null', () => {
    const window = { from: new Date('2023-03-20'), to: new Date('2023-03-21') };
    const slices = sliceWindow(window, { startDate: window.from, overlapMinutes: 10, rereadFrom: null, cursorNillable: true });
    expect(slices.map(({ open, nullCursor }) => [open, nullCursor])).toEqual([
      [true, false],
      [false, true],
    ]);
  });
});

describe('a slice that is too large', () => {
  const unbounded = { open: false, idFrom: null, idTo: null, nullCursor: false };
  const rows = fc.array(
    fc.record({ stamp: instants, created: instants, id: fc.string({ unit: fc.constantFrom(...ID_DIGITS), minLength: 15, maxLength: 15 }) }),
  );

  function covers({ cursorFrom, cursorTo, open, idFrom, idTo }: SliceRange, row: { stamp: Date; created: Date; id: string }): boolean {
    const within = row.stamp < cursorTo || (open && row.created < cursorTo);
    return row.stamp >= cursorFrom && within && row.id >= (idFrom ?? '') && (idTo === null || row.id < idTo);
  }

  test('is divided by time in whole seconds, with each row in exactly one part', () => {
    fc.assert(
      fc.property(instants, instants, fc.integer({ min: 2, max: 40 }), fc.option(instants), rows, (one, other, parts, first, found) => {
        const [cursorFrom, cursorTo] = one < other ? [one, other] : [other, one];
        const slice = { ...unbounded, cursorFrom, cursorTo };
        const divided = splitByTime(slice, parts, first) ?? [slice];
        expect(divided.length).toBeLessThanOrEqual(parts);
        for (const part of divided.slice(1)) expect(Math.abs(part.cursorFrom.getTime() % 1000)).toBe(0);
        for (const part of divided.slice(1)) expect(part.cursorFrom.getTime()).toBeGreaterThan(cursorFrom.getTime());
        for (const row of found) expect(divided.filter((part) => covers(part, row))).toHaveLength(covers(slice, row) ? 1 : 0);
      }),
    );
  });

  test('is divided between its first record and its end, not in the centuries before', () => {
    const slice = { ...unbounded, cursorFrom: new Date('1700-01-01'), cursorTo: new Date('2023-01-01') };
    expect(splitByTime(slice, 2, new Date('2021-01-01'))![1]!.cursorFrom).toEqual(new Date('2022-01-01'));
  });

  test('is divided by Id, with each row in exactly one part', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 2, max: 40 }), (found, parts) => {
        fc.pre(found.length > 0);
        const slice = { ...unbounded, cursorFrom: new Date('1700-01-01'), cursorTo: new Date('2300-01-02') };
        const ids = found.map(({ id }) => id).sort(byCode);
        const divided = splitById(slice, `${ids[0]}AAA`, `${ids.at(-1)}AAA`, parts) ?? [slice];
        expect(divided.length).toBeLessThanOrEqual(parts);
        if (new Set(ids).size > 1) expect(divided.length).toBeGreaterThan(1);
        for (const row of found) expect(divided.filter((part) => covers(part, row))).toHaveLength(1);
      }),
    );
  });

  test('and open is divided once, into rows cursorCondition before its end and after it', () => {
    fc.assert(
      fc.property(instants, instants, rows, (one, other, found) => {
        fc.pre(one < other);
        const slice = { ...unbounded, open: true, cursorFrom: one, cursorTo: other };
        const divided = splitOpenSlice(slice)!;
        for (const row of found) expect(divided.filter((part) => covers(part, row))).toHaveLength(covers(slice, row) ? 1 : 0);
        for (const part of divided) expect(splitOpenSlice(part)).toBeUndefined();
      }),
    );
  });
});

describe('a start date', () => {
  const today = new Date('2024-03-10');

  test('is a date no later than today, or all', () => {
    expect(parseStartDate('2024-03-10', today)).toEqual(today);
    expect(parseStartDate('all', today)).toEqual(new Date('1700-01-01'));
    expect(formatStartDate(parseStartDate('all', today))).toBe('all');
    expect(formatStartDate(parseStartDate('2023-03-01', today))).toBe('2023-03-01');
  });

  test.each(['2024-03-11', '1699-12-31', '2024-02-30', '2024-13-01', '10.3.2024', '2024-3-1', '', 'today', '2024-03-10T00:00:00Z'])(
    'is refused as %j',
    (text) => {
      expect(() => parseStartDate(text, today)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
    },
  );
});

describe('every', () => {
  test('is one of the intervals, by default day', () => {
    expect(EVERY.map(parseEvery)).toEqual(EVERY);
    expect(parseEvery(undefined)).toBe('day');
  });

  test.each(['', '10m', '45m', '5h', '24h', '15', '15M', 'DAY', 'hour', 'toString'])(
    'is refused as %j, with the values that are allowed',
    (text) => {
      const message = 'every must be 15m, 20m, 30m, 1h, 2h, 3h, 4h, 6h, 8h, 12h, or day.';
      expect(() => parseEvery(text)).toThrow(expect.objectContaining({ code: 'invalid_request', message }));
    },
  );
});

describe('last_date', () => {
  const [midnight, morning] = [new Date('2023-03-20'), new Date('2023-03-20T10:15:00Z')];

  test.each<[Every, Date, string]>([
    ['day', midnight, '2023-03-20'],
    ['day', morning, '2023-03-20'],
    ['15m', midnight, '2023-03-20'],
    ['15m', morning, '2023-03-20T10:15:00.000Z'],
    ['6h', new Date('1700-01-01'), 'all'],
  ])('of every %s at %j is %s', (every, syncedTo, shown) => {
    expect(formatLastDate(syncedTo, every)).toBe(shown);
  });

  test("is like a run's bounds, which are exact for every job", () => {
    expect([midnight, morning, new Date('1969-12-31')].map(formatBound)).toEqual(['2023-03-20', '2023-03-20T10:15:00.000Z', '1969-12-31']);
  });
});
