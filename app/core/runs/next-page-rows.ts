import type { Limits } from '../connections/limits.ts';

/** Smaller pages do not justify a load job, and Salesforce returns at most MAX_ROWS rows per page. */
const MIN_ROWS = 1_000;
const MAX_ROWS = 1_000_000;

/** How many rows the next pages should have, given a page of `rows` rows and `textBytes` bytes of text. */
export function nextPageRows(limits: Limits, rows: number, textBytes: number): number {
  if (rows === 0 || textBytes === 0) return limits.firstPageRows;
  const fitting = Math.floor((limits.pageTextBytes * rows) / textBytes);
  return Math.min(MAX_ROWS, Math.max(Math.min(MIN_ROWS, limits.firstPageRows), fitting));
}
