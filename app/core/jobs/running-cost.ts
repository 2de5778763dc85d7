import { AppError } from '../../errors.ts';
import type { ShareSetting } from '../connections/quota.ts';
import { sum } from '../sum.ts';
import { EVERY, type Every, intervalMs } from './every.ts';

/** What determines how many calls a job's windows make. */
export interface JobLoad {
  every: Every;
  /** whether rows without a cursor need a query of their own */
  cursorNillable: boolean;
  /** rows last changed within a week; null: unknown, so changes in every window are assumed */
  weeklyChanges: number | null;
}

/** What determines how many bytes BigQuery bills for a MERGE into a table. */
export interface TableSize {
  /** null: unknown, so a small table is assumed */
  bytes: number | null;
  rowBytes: number;
  /** by month of CreatedDate */
  partitioned: boolean;
  /** whether each version of a record is kept as well */
  history?: boolean;
}

/** What a job's windows cost per day. Excludes its first import. */
export interface RunningCost {
  calls: number;
  bytesBilled: number;
}

/** A job whose windows would start to close this often. */
export interface PlannedJob {
  objectName: string;
  load: JobLoad;
  table: TableSize;
}

export interface CostLimits {
  /** calls per day by all clients of the org; undefined: Salesforce has not reported the limit */
  orgCalls: number | undefined;
  /** the share of them that this service may use */
  apiShare: number;
  shareSetting: ShareSetting;
  /** bytes per day that BigQuery may bill for one job */
  bytesBilled: number;
  overlapMinutes: number;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Most orgs change on five days a week, and the estimate is for one of these. */
const BUSY_DAYS = 5;

/** Rows that one REST call returns. */
const REST_PAGE_ROWS = 2_000;

/** A window with rows is also described, and counted again. */
const EXTRA_CALLS = 2;

/** What BigQuery bills at least for each table that a statement references. */
const MIN_BILLED_BYTES = 10 * 1024 * 1024;

/**
 * What the other statements of a window of a job with history reference: it is typed, counted, added to the versions, and counted there, and
 * the versions are searched for records that were missing.
 */
const VERSIONS_STATEMENTS_BYTES = 8 * MIN_BILLED_BYTES;

/** A partitioned table is assumed to have its rows in this many months, as many in each. */
const MONTHS = 60;

/**
 * The calls and billed bytes of a day with usual changes. An upper bound of the calls: windows of a connection that are due together share
 * their first call, up to five at a time, but which are due together is not known in advance.
 */
export function runningCost({ load, table }: Pick<PlannedJob, 'load' | 'table'>, overlapMinutes: number): RunningCost {
  const { windows, changed, rows } = expectedWindows(load, overlapMinutes);
  const queries = windows * (load.cursorNillable ? 2 : 1);
  return {
    calls: queries + changed * EXTRA_CALLS + Math.floor((rows ?? 0) / REST_PAGE_ROWS),
    bytesBilled: changed === 0 ? 0 : changed * windowBytes(table, rows === null ? null : rows / changed),
  };
}

/** What BigQuery bills at most for one usual window with changes. */
export function bytesPerMerge({ load, table }: Pick<PlannedJob, 'load' | 'table'>, overlapMinutes: number): number {
  const { changed, rows } = expectedWindows(load, overlapMinutes);
  return windowBytes(table, rows === null || changed === 0 ? null : rows / changed);
}

/** The calls per day of several jobs. */
export function dailyCalls(loads: readonly JobLoad[], overlapMinutes: number): number {
  const table = { bytes: null, rowBytes: 0, partitioned: false };
  return sum(loads.map((load) => runningCost({ load, table }, overlapMinutes).calls));
}

/**
 * A day's windows, how many of them have rows (as many as possible, so never in the same window), and the rows that they read (null:
 * unknown). A row is read again by each window whose overlap reaches back to it.
 */
function expectedWindows({ every, weeklyChanges }: JobLoad, overlapMinutes: number) {
  const windows = DAY_MS / intervalMs(every);
  if (weeklyChanges === null) return { windows, changed: windows, rows: null };
  const rows = (weeklyChanges / BUSY_DAYS) * (1 + (overlapMinutes * 60_000) / intervalMs(every));
  return { windows, changed: Math.min(windows, rows), rows };
}

/**
 * What BigQuery usually bills at most for a window with this many rows (null: unknown, so few). Few rows are merged from their staging table,
 * unless a value is invalid. Many, and those of a job with history, are read there, counted there and in their delta table, and merged from that;
 * of the versions, the months of the rows' stamps are read, which are few and recent.
 */
export function windowBytes({ bytes, rowBytes, partitioned, history }: TableSize, rows: number | null): number {
  const touched = (bytes ?? 0) * (partitioned && rows !== null ? Math.min(1, rows / MONTHS) : 1);
  const versions = history ? VERSIONS_STATEMENTS_BYTES + 4 * (rows ?? 0) * rowBytes : 0;
  return billed(4 * (rows ?? 0) * rowBytes) + billed(2 * touched) + versions;
}

function billed(bytes: number): number {
  return Math.max(MIN_BILLED_BYTES, bytes);
}

/**
 * The error of a job whose windows would need more calls, together with those of the org's other active jobs, or more bytes than allowed;
 * undefined if they would not, or if the org's limit is unknown.
 * @returns salesforce_quota or bigquery_budget, with what to change
 */
export function runningCostError(job: PlannedJob, others: readonly JobLoad[], limits: CostLimits): AppError | undefined {
  const { every } = job.load;
  const share = Math.floor((limits.orgCalls ?? Number.POSITIVE_INFINITY) * limits.apiShare);
  const callsOfOthers = dailyCalls(others, limits.overlapMinutes);
  const costWith = (other: Every): RunningCost => runningCost({ ...job, load: { ...job.load, every: other } }, limits.overlapMinutes);
  const fits = ({ calls, bytesBilled }: RunningCost): boolean => callsOfOthers + calls <= share && bytesBilled <= limits.bytesBilled;
  const cost = costWith(every);
  if (fits(cost)) return undefined;
  const longer = EVERY.slice(EVERY.indexOf(every) + 1).find((other) => fits(costWith(other)));
  const advice = longer ? `Choose a longer every (${longer} fits), ` : 'No longer every fits: ';
  if (callsOfOthers + cost.calls <= share) return bytesError(job, cost, limits, `${advice}${longer ? 'or ' : ''}`);
  const all = { jobs: others.length + 1, calls: callsOfOthers + cost.calls, share };
  return callsError(job, cost, all, limits, advice);
}

function callsError(
  { objectName, load }: PlannedJob,
  { calls }: RunningCost,
  all: { jobs: number; calls: number; share: number },
  { apiShare, shareSetting, orgCalls }: CostLimits,
  advice: string,
): AppError {
  const together = all.jobs > 1 ? `, and all ${number(all.jobs)} active jobs of the org together ${number(all.calls)}` : '';
  const details = { object: objectName, every: load.every, calls, all_calls: all.calls, jobs: all.jobs, limit: orgCalls!, share: apiShare };
  return new AppError(
    'salesforce_quota',
    `With every=${load.every}, ${objectName} needs about ${number(calls)} Salesforce API calls a day${together}. This service's share is ${number(all.share)} (${shareSetting} ${apiShare} of the org's ${number(orgCalls!)}). ${advice}raise ${shareSetting}, or pause jobs of other objects.`,
    { status: 422, details },
  );
}

function bytesError({ objectName, load }: PlannedJob, { bytesBilled }: RunningCost, limits: CostLimits, advice: string): AppError {
  const assumed = load.weeklyChanges === null ? ', if every window has changes' : '';
  const details = { object: objectName, every: load.every, bytes: bytesBilled, budget: limits.bytesBilled };
  return new AppError(
    'bigquery_budget',
    `With every=${load.every}, BigQuery bills up to about ${gigabytes(bytesBilled)} a day for ${objectName}${assumed}. Its daily budget is ${gigabytes(limits.bytesBilled)}. ${advice}raise BIGQUERY_DAILY_GB_PER_JOB.`,
    { status: 422, details },
  );
}

function number(count: number): string {
  return Math.ceil(count).toLocaleString('en');
}

function gigabytes(bytes: number): string {
  return `${Number((bytes / 1e9).toFixed(2)).toLocaleString('en')} GB`;
}
