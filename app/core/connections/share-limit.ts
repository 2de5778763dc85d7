/** Maximum share of a table's live rows that may disappear at once without an operator's word, and what is always allowed. */
const MAX_SHARE = 0.05;
const ALWAYS_ALLOWED_ROWS = 100;

/** Above this share, even the allowed number of rows is too many: the table is small. */
const MAX_SHARE_OF_SMALL_TABLE = 0.5;

/**
 * Whether so many of a table's live rows are missing in Salesforce that lost permissions or a wrong org are likelier than deletions: more
 * than the larger of 5% and 100 rows, or more than half of them. If Salesforce returned no row at all, all live rows are missing.
 */
export function exceedsShare(missing: number, live: number): boolean {
  return missing > Math.max(live * MAX_SHARE, ALWAYS_ALLOWED_ROWS) || missing > live * MAX_SHARE_OF_SMALL_TABLE;
}
