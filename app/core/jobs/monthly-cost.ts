import type { Receipt } from '../runs/receipt.ts';
import { type Every, intervalMs } from './every.ts';
import { windowBytes } from './running-cost.ts';

/**
 * BigQuery's list prices in US dollars, on demand, in the US multi-region, from https://cloud.google.com/bigquery/pricing, read in 2026.
 * Other regions differ, and projects with reserved slots pay for these instead. Load jobs are free.
 */
export const PRICES = {
  /** of bytes that queries are billed for: at least 10 MiB per table and query */
  perTibBilled: 6.25,
  /** bytes that are free each month, of all queries of a billing account */
  freeBytesBilled: 1024 ** 4,
  /** of stored data that changed in the last 90 days, before compression, per month */
  perGibStored: 0.02,
  /** likewise free each month */
  freeBytesStored: 10 * 1024 ** 3,
};

const DAYS_PER_MONTH = 30;

const DAY_MS = 24 * 60 * 60 * 1000;

/** The price of billed bytes, without the free ones, in dollars. */
export function queryDollars(bytesBilled: number): number {
  return (bytesBilled / 1024 ** 4) * PRICES.perTibBilled;
}

/** What a run cost. */
export interface RunCost {
  /** to Salesforce, which windows may share; null: a receipt of an earlier release, which did not count them */
  calls: number | null;
  /** load jobs and statements; null likewise */
  jobs: number | null;
  bytesBilled: number;
  /** at list price, without the free bytes */
  dollars: number;
}

/** The cost that a receipt states; undefined if it states none. */
export function runCost({ salesforce_calls, bigquery_jobs, bytes_billed }: Partial<Receipt>): RunCost | undefined {
  if (bytes_billed === undefined) return undefined;
  return { calls: salesforce_calls ?? null, jobs: bigquery_jobs ?? null, bytesBilled: bytes_billed, dollars: queryDollars(bytes_billed) };
}

/** Jobs that are alike. */
export interface Profile {
  objects: number;
  every: Every;
  /** of each object's table, and the size of one, in bytes */
  rows: number;
  rowBytes: number;
  /** whether their tables are partitioned by month of CreatedDate */
  partitioned: boolean;
  /** the share of windows in which rows change */
  changing: number;
  /** that change in such a window */
  changedRows: number;
}

/** What one window costs; calls are fractions where windows share them. */
export interface WindowCost {
  calls: number;
  jobs: number;
  bytesBilled: number;
}

/** What all windows of a profile cost in a month of 30 days, and what the tables cost. */
export interface MonthlyCost extends WindowCost {
  windows: number;
  /** the highest calls per day, of an org's daily limit */
  callsPerDay: number;
  bytesStored: number;
  /** beyond the free bytes, at list price */
  queryDollars: number;
  storageDollars: number;
}

/**
 * The monthly cost of a profile. Excludes first imports, sweeps, and what the service itself runs on.
 * @param empty what a window without changes costs
 * @param changed what a window with changes costs in a small table; a larger table is billed as `runningCost` estimates
 */
export function monthlyCost(profile: Profile, empty: WindowCost, changed: WindowCost): MonthlyCost {
  const { objects, every, rows, rowBytes, partitioned, changing, changedRows } = profile;
  const windows = objects * (DAY_MS / intervalMs(every)) * DAYS_PER_MONTH;
  const tableBytes = rows * rowBytes;
  const billed = Math.max(changed.bytesBilled, windowBytes({ bytes: tableBytes, rowBytes, partitioned }, changedRows));
  const total = (ofEmpty: number, ofChanged: number): number => windows * ((1 - changing) * ofEmpty + changing * ofChanged);
  const calls = total(empty.calls, changed.calls);
  const bytesBilled = total(empty.bytesBilled, billed);
  const bytesStored = objects * tableBytes;
  return {
    windows,
    calls,
    callsPerDay: calls / DAYS_PER_MONTH,
    jobs: total(empty.jobs, changed.jobs),
    bytesBilled,
    bytesStored,
    queryDollars: queryDollars(Math.max(0, bytesBilled - PRICES.freeBytesBilled)),
    storageDollars: (Math.max(0, bytesStored - PRICES.freeBytesStored) / 1024 ** 3) * PRICES.perGibStored,
  };
}
