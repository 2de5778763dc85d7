/** The partitioning column: its values never change. */
export const PARTITION_FIELD = 'CreatedDate';

/** A MERGE is billed for the whole target table unless partitions are pruned. Below this size the cost is negligible. */
const MIN_BYTES = 1024 ** 3;

/** Estimated bytes per value in BigQuery: most columns of an object are empty or short. */
const VALUE_BYTES = 16;

/** The estimated size of a row in BigQuery. */
export function rowBytes(columns: number): number {
  return columns * VALUE_BYTES;
}

/** Whether a table of this many rows and columns is worth partitioning. False if the number of rows is unknown. */
export function isWorthPartitioning(rows: number | null, columns: number): boolean {
  return rows !== null && rows * rowBytes(columns) >= MIN_BYTES;
}
