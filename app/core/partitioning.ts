/** The field that never changes, so that by it a table can be partitioned. */
export const PARTITION_FIELD = 'CreatedDate';

/** A MERGE is billed by the whole target table, unless its partitions say what need not be looked at. Below this it hardly matters. */
const WORTH_BYTES = 1024 ** 3;

/** What a value takes in BigQuery, by and large: most columns of an object are empty or short. */
const VALUE_BYTES = 16;

/** Whether a table of so many rows and columns is worth being partitioned; not where the rows are unknown. */
export function isWorthPartitioning(rows: number | null, columns: number): boolean {
  return rows !== null && rows * columns * VALUE_BYTES >= WORTH_BYTES;
}
