import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EVERY, type Every } from '../../../../app/core/jobs/every.ts';
import {
  type CostLimits,
  dailyCalls,
  type JobLoad,
  type PlannedJob,
  type RunningCost,
  runningCost,
  runningCostError,
} from '../../../../app/core/jobs/running-cost.ts';

const MIB = 1024 * 1024;
const WINDOWS: Record<Every, number> = {
  '15m': 96,
  '20m': 72,
  '30m': 48,
  '1h': 24,
  '2h': 12,
  '3h': 8,
  '4h': 6,
  '6h': 4,
  '8h': 3,
  '12h': 2,
  day: 1,
};

const load = (every: Every, weeklyChanges: number | null = null): JobLoad => ({ every, cursorNillable: false, weeklyChanges });
const SMALL = { bytes: 0, rowBytes: 500, partitioned: false };
const job = (every: Every, weeklyChanges: number | null = null, table: PlannedJob['table'] = SMALL): PlannedJob => ({
  objectName: 'Account',
  load: load(every, weeklyChanges),
  table,
});
const LIMITS: CostLimits = { orgCalls: 100_000, apiShare: 0.5, shareSetting: 'API_SHARE', bytesBilled: 1e12, overlapMinutes: 10 };

const intervals = fc.constantFrom(...EVERY);
const tables = fc.record({
  bytes: fc.option(fc.integer({ min: 0, max: 1e13 }), { nil: null }),
  rowBytes: fc.integer({ min: 16, max: 20_000 }),
  partitioned: fc.boolean(),
});
const loads = fc.record({
  every: intervals,
  cursorNillable: fc.boolean(),
  weeklyChanges: fc.option(fc.integer({ min: 0, max: 1e7 }), { nil: null }),
});
const jobs = fc.record({ objectName: fc.constant('Account'), load: loads, table: tables });
const overlaps = fc.constantFrom(0, 10, 60);

describe('what windows cost per day', () => {
  test.each(EVERY)('every %s: one call per window without changes, and three with changes in each', (every) => {
    expect(runningCost(job(every, 0), 10)).toEqual({ calls: WINDOWS[every], bytesBilled: 0 });
    expect(runningCost(job(every), 10)).toEqual({ calls: 3 * WINDOWS[every], bytesBilled: WINDOWS[every] * 20 * MIB });
  });

  test('few changes leave most windows empty', () => {
    // Two rows on each of five days, each read by its own window and, with a probability of two in three, by the next one.
    const { calls, bytesBilled } = runningCost(job('15m', 10), 10);
    expect(calls).toBeCloseTo(96 + (2 + 4 / 3) * 2);
    expect(bytesBilled).toBeCloseTo((2 + 4 / 3) * 20 * MIB);
  });

  test('many rows take more pages', () => {
    expect(runningCost(job('day', 500_000), 0).calls).toBe(3 + 50);
  });

  test('rows without a cursor need a query of their own', () => {
    expect(runningCost({ ...job('1h', 0), load: { ...load('1h', 0), cursorNillable: true } }, 10).calls).toBe(48);
  });

  test('a MERGE is billed for twice the table, or for the months that it touches', () => {
    const table = { bytes: 60e9, rowBytes: 500, partitioned: false };
    expect(runningCost(job('1h', null, table), 0).bytesBilled).toBe(24 * (10 * MIB + 120e9));
    // 24 windows with one row each touch one month of 60 each.
    expect(runningCost(job('1h', 120, { ...table, partitioned: true }), 0).bytesBilled).toBe(24 * (10 * MIB + 2e9));
    expect(runningCost(job('1h', null, { ...table, partitioned: true }), 0)).toEqual(runningCost(job('1h', null, table), 0));
  });

  test('a longer interval never costs more, and more changes never cost less', () => {
    fc.assert(
      fc.property(jobs, intervals, fc.nat(1e6), overlaps, (planned, other, more, overlap) => {
        const cost = runningCost(planned, overlap);
        const longer = WINDOWS[other] < WINDOWS[planned.load.every];
        const slower = runningCost({ ...planned, load: { ...planned.load, every: other } }, overlap);
        const [high, low] = longer ? [cost, slower] : [slower, cost];
        expectAtMost(low, high);
        if (planned.load.weeklyChanges === null) return;
        const weeklyChanges = planned.load.weeklyChanges + more;
        expectAtMost(cost, runningCost({ ...planned, load: { ...planned.load, weeklyChanges } }, overlap));
      }),
    );
  });

  test('the calls of several jobs add up', () => {
    expect(dailyCalls([load('15m'), load('day'), load('1h', 0)], 10)).toBe(288 + 3 + 24);
  });
});

/** Apart from rounding. */
function expectAtMost(low: RunningCost, high: RunningCost): void {
  expect(low.calls).toBeLessThanOrEqual(high.calls * (1 + 1e-9));
  expect(low.bytesBilled).toBeLessThanOrEqual(high.bytesBilled * (1 + 1e-9));
}

const quiet = (count: number): JobLoad[] => Array.from({ length: count }, () => load('15m', 0));

describe('a job is rejected', () => {
  test('if the calls of all jobs would exceed the share, with the numbers and the intervals that fit', () => {
    expect(runningCostError(job('15m', 0), quiet(519), LIMITS)).toBeUndefined();
    expect(runningCostError(job('15m'), quiet(519), LIMITS)).toMatchObject({
      code: 'salesforce_quota',
      status: 422,
      message:
        "With every=15m, Account needs about 288 Salesforce API calls a day, and all 520 active jobs of the org together 50,112. This service's share is 50,000 (API_SHARE 0.5 of the org's 100,000). Choose a longer every (30m fits), raise API_SHARE, or pause jobs of other objects.",
    });
    // 1,200 objects every 15 minutes.
    expect(runningCostError(job('15m', 0), quiet(1_199), { ...LIMITS, apiShare: 1 })?.message).toMatch(
      /all 1,200 active jobs of the org together 115,200\. This service's share is 100,000 .* No longer every fits: raise API_SHARE/,
    );
  });

  test('if it alone would exceed the share', () => {
    expect(runningCostError(job('15m'), [], { ...LIMITS, orgCalls: 500 })?.message).toMatch(
      /needs about 288 Salesforce API calls a day\. This service's share is 250 .* \(20m fits\)/,
    );
  });

  test('if a day exceeds its budget of bytes', () => {
    const table = { bytes: 10e9, rowBytes: 500, partitioned: false };
    expect(runningCostError(job('15m', 10_000, table), [], LIMITS)).toMatchObject({
      code: 'bigquery_budget',
      status: 422,
      message:
        'With every=15m, BigQuery bills up to about 1,921.01 GB a day for Account. Its daily budget is 1,000 GB. Choose a longer every (30m fits), or raise BIGQUERY_DAILY_GB_PER_JOB.',
    });
    const huge = { ...table, bytes: 1e12 };
    expect(runningCostError(job('day', null, huge), [], LIMITS)?.message).toMatch(
      /2,000\.01 GB a day for Account, if every window has changes\. .* No longer every fits: raise BIGQUERY_DAILY_GB_PER_JOB\.$/,
    );
  });

  test('not if the limit or the size is unknown', () => {
    expect(runningCostError(job('15m'), quiet(5_000), { ...LIMITS, orgCalls: undefined })).toBeUndefined();
    expect(runningCostError(job('15m', null, { ...SMALL, bytes: null }), [], LIMITS)).toBeUndefined();
  });

  test('exactly if a limit would be exceeded, and the interval that it names fits', () => {
    const limits = fc.record({
      orgCalls: fc.option(fc.integer({ min: 10, max: 200_000 }), { nil: undefined }),
      apiShare: fc.double({ min: 0.01, max: 1, noNaN: true }),
      shareSetting: fc.constantFrom('API_SHARE' as const, 'api_share' as const),
      bytesBilled: fc.integer({ min: 1e9, max: 1e13 }),
      overlapMinutes: overlaps,
    });
    fc.assert(
      fc.property(jobs, fc.array(loads, { maxLength: 300 }), limits, (planned, others, limit) => {
        const error = runningCostError(planned, others, limit);
        const cost = runningCost(planned, limit.overlapMinutes);
        const tooManyCalls =
          limit.orgCalls !== undefined &&
          dailyCalls(others, limit.overlapMinutes) + cost.calls > Math.floor(limit.orgCalls * limit.apiShare);
        const expected = tooManyCalls ? 'salesforce_quota' : cost.bytesBilled > limit.bytesBilled ? 'bigquery_budget' : undefined;
        expect(error?.code).toBe(expected);
        const [, fitting] = /\((\w+) fits\)/.exec(error?.message ?? '') ?? [];
        if (!fitting) return;
        expect(WINDOWS[fitting as Every]).toBeLessThan(WINDOWS[planned.load.every]);
        const changed = { ...planned, load: { ...planned.load, every: fitting as Every } };
        expect(runningCostError(changed, others, limit)).toBeUndefined();
      }),
    );
  });
});

test("the README's table is what the model computes", () => {
  const gb = (table: PlannedJob['table'], every: Every): string => {
    const billed = runningCost(job(every, null, table), 10).bytesBilled / 1e9;
    return billed.toFixed(billed < 1 ? 2 : billed < 100 ? 1 : 0);
  };
  const rows = EVERY.map((every) => {
    const [quietly, busily] = [runningCost(job(every, 0), 10).calls, runningCost(job(every), 10).calls];
    const objects = [quietly, busily].map((calls) => Math.floor(50_000 / calls).toLocaleString('en')).join(' – ');
    return `${quietly} – ${busily} | ${objects} | ${gb(SMALL, every)} | ${gb({ ...SMALL, bytes: 1e9 }, every)} |`;
  });
  const table = readFileSync('README.md', 'utf8').matchAll(/^\| `(?:\d+[mh]|day)` \| [^|]* \| (.*)$/gm);
  expect([...table].map(([, row]) => row)).toEqual(rows);
});
