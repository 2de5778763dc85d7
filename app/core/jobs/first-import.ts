import type { Limits } from '../connections/limits.ts';
import { chooseMethod, type Method } from '../runs/method.ts';
import { nextPageRows } from '../runs/next-page-rows.ts';
import { windowBytes } from './running-cost.ts';

/** What determines the cost of a job's first import. */
export interface FirstRows {
  /** that it reads; null: unknown */
  rows: number | null;
  /** their estimated size, in bytes */
  rowBytes: number;
  /** whether rows without a cursor need a query of their own */
  cursorNillable: boolean;
  /** the error code with which Bulk refused the object; null: not refused so far */
  bulkRefused: string | null;
  /** whether each version of a record is kept as well */
  history: boolean;
}

/** What the first import of a job would do and cost, as an estimate. */
export interface FirstImport {
  method: Method;
  /** why, as a receipt says it */
  reason: string;
  slices: number;
  /** calls to Salesforce */
  calls: number;
  bytesBilled: number;
}

/** Rows that one REST call returns. */
const REST_PAGE_ROWS = 2_000;

/** How often the state of a Bulk job is requested, about: Salesforce needs minutes for a million rows, and the pauses grow to 30 seconds. */
const POLLS_PER_BULK_JOB = 15;

/** A Bulk job is created after a first page by REST, and deleted in the end; its rows are counted once more. */
const OTHER_CALLS_PER_BULK_JOB = 4;

/** Undefined: the number of rows is unknown. */
export function estimateFirstImport(first: FirstRows, limits: Limits): FirstImport | undefined {
  const { rows, rowBytes, cursorNillable, bulkRefused, history } = first;
  if (rows === null) return undefined;
  const { method, reason } = chooseMethod(rows, limits.restRows, bulkRefused);
  const slices = method === 'bulk' ? Math.ceil(rows / limits.sliceRows) : 1;
  return {
    method,
    reason,
    slices,
    calls: (cursorNillable ? 1 : 0) + (method === 'rest' ? restCalls(rows) : bulkCalls(rows, rowBytes, slices, limits)),
    bytesBilled: rows === 0 ? 0 : windowBytes({ bytes: null, rowBytes, partitioned: false, history }, rows),
  };
}

/** Rows are read page by page; the object is described, and its rows are counted again. */
function restCalls(rows: number): number {
  return rows === 0 ? 1 : Math.ceil(rows / REST_PAGE_ROWS) + 2;
}

function bulkCalls(rows: number, rowBytes: number, slices: number, limits: Limits): number {
  const perPage = nextPageRows(limits, 1, rowBytes);
  const pages = Math.max(slices, Math.ceil(rows / perPage)) + slices;
  const runs = Math.ceil(slices / limits.runSlices);
  // A slice that is too large is tried before it is cut, by the date of the oldest record.
  const cuts = slices > 1 ? 3 : 0;
  return runs + cuts + pages + slices * (POLLS_PER_BULK_JOB + OTHER_CALLS_PER_BULK_JOB);
}
