const HOUR_MS = 60 * 60 * 1000;

/** After time travel, Google's support can restore a table for seven days (BigQuery docs, "Fail-safe"). It cannot be shortened. */
const FAIL_SAFE_MS = 7 * 24 * HOUR_MS;

/**
 * Until when BigQuery keeps what was erased from tables.
 * @param erasedAt at the latest
 * @param timeTravelHours of the tables' datasets
 */
export function recoverableUntil(erasedAt: Date, timeTravelHours: readonly number[]): Date {
  return new Date(erasedAt.getTime() + Math.max(...timeTravelHours) * HOUR_MS + FAIL_SAFE_MS);
}
