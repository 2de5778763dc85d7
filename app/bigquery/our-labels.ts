import type { Table } from './resources.ts';

/** Marks the tables and views that the service creates for a whole dataset: others with their names belong to the user. */
export const OUR_LABELS = { 'managed-by': 'salesforce-bigquery-sync' };

/** Whether the service created a table or view for its dataset. */
export function isOurs({ type, labels }: Table, kind: 'TABLE' | 'VIEW'): boolean {
  return type === kind && labels?.['managed-by'] === OUR_LABELS['managed-by'];
}
