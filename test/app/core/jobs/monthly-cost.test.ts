import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EVERY } from '../../../../app/core/jobs/every.ts';
import { monthlyCost, PRICES, type Profile, queryDollars, runCost } from '../../../../app/core/jobs/monthly-cost.ts';
import { MEANINGS } from '../../../bench/meanings.ts';
import { monthlyCosts, PROFILES } from '../../../bench/monthly-costs.ts';

const MIB = 1024 ** 2;
const TIB = 1024 ** 4;
const EMPTY = { calls: 1, jobs: 0, bytesBilled: 0 };
const CHANGED = { calls: 3, jobs: 2, bytesBilled: 20 * MIB };
const SMALL: Profile = { objects: 10, every: 'day', rows: 0, rowBytes: 500, partitioned: false, changing: 0, changedRows: 100 };

describe('the cost of a month', () => {
  test('is a call per window if nothing changes', () => {
    expect(monthlyCost(SMALL, EMPTY, CHANGED)).toMatchObject({ windows: 300, calls: 300, callsPerDay: 10, jobs: 0, bytesBilled: 0 });
  });

  test('counts each changed window, and charges for what exceeds the free bytes', () => {
    const cost = monthlyCost({ ...SMALL, objects: 1_000, every: '15m', changing: 1 }, EMPTY, CHANGED);
    expect(cost).toMatchObject({ windows: 2_880_000, calls: 8_640_000, jobs: 5_760_000, bytesBilled: 2_880_000 * 20 * MIB });
    expect(cost.queryDollars).toBeCloseTo(((2_880_000 * 20 * MIB) / TIB - 1) * 6.25, 6);
  });

  test('grows with the tables: each MERGE is billed for twice the table, and what is stored is charged', () => {
    const cost = monthlyCost({ ...SMALL, rows: 2_000_000, changing: 1 }, EMPTY, CHANGED);
    expect(cost.bytesBilled).toBeCloseTo(300 * (10 * MIB + 2e9), 0);
    expect(cost.storageDollars).toBe(0);
    const stored = monthlyCost({ ...SMALL, rows: 20_000_000 }, EMPTY, CHANGED);
    expect(stored.storageDollars).toBeCloseTo((1e11 / 1024 ** 3 - 10) * PRICES.perGibStored, 6);
  });

  test('never falls if more changes', () => {
    const profiles = fc.record({
      objects: fc.integer({ min: 1, max: 5_000 }),
      every: fc.constantFrom(...EVERY),
      rows: fc.integer({ min: 0, max: 1e8 }),
      rowBytes: fc.integer({ min: 16, max: 20_000 }),
      partitioned: fc.boolean(),
      changing: fc.double({ min: 0, max: 0.5, noNaN: true }),
      changedRows: fc.integer({ min: 1, max: 10_000 }),
    });
    fc.assert(
      fc.property(profiles, (profile) => {
        const [low, high] = [profile, { ...profile, changing: profile.changing * 2 }].map((each) => monthlyCost(each, EMPTY, CHANGED));
        for (const name of ['calls', 'jobs', 'bytesBilled', 'queryDollars'] as const) expect(low![name]).toBeLessThanOrEqual(high![name]);
        expect(low!.storageDollars).toBe(high!.storageDollars);
      }),
    );
  });
});

test('a receipt states what its run cost, unless it is of a release that did not count it', () => {
  expect(runCost({ salesforce_calls: 1.2, bigquery_jobs: 2, bytes_billed: TIB })).toEqual({
    calls: 1.2,
    jobs: 2,
    bytesBilled: TIB,
    dollars: 6.25,
  });
  expect(runCost({ bytes_billed: 0 })).toEqual({ calls: null, jobs: null, bytesBilled: 0, dollars: queryDollars(0) });
  expect(runCost({})).toBeUndefined();
});

test("the README's table is what the benchmark computes at the limits of its figures", () => {
  const limit = (name: string): number => MEANINGS[name]!.max!;
  const costs = monthlyCosts({
    emptyCalls: limit('emptyCalls'),
    emptyJobs: limit('emptyJobs'),
    smallCalls: limit('smallCalls'),
    smallJobs: limit('smallJobs'),
    smallBilledMb: limit('smallBilledMb'),
  });
  const number = (amount: number): string => Math.round(amount).toLocaleString('en');
  const rows = Object.entries(costs).map(([name, cost]) => {
    const { objects, every, rows: each, changing } = PROFILES[name]!;
    const amounts = [cost.calls, cost.jobs, cost.bytesBilled / 1e9].map(number);
    const dollars = `$${(cost.queryDollars + cost.storageDollars).toFixed(2)}`;
    return `| ${[name, objects, `\`${every}\``, number(each), `${changing * 100}%`, ...amounts, dollars].join(' | ')} |`;
  });
  expect(readFileSync('README.md', 'utf8')).toContain(rows.join('\n'));
});
