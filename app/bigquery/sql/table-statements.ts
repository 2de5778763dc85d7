import type { Column } from '../../core/fields/columns.ts';
import { quoteName, quoteTable, type TableName } from './quote.ts';

/** Columns that we add to every target table. */
export const SYSTEM_COLUMNS: readonly Column[] = [
  { name: '_synced_at', type: 'TIMESTAMP', description: 'When the service last wrote the row.' },
  { name: '_run', type: 'STRING', description: 'The run of the service that last wrote the row.' },
  {
    name: '_deleted_at',
    type: 'TIMESTAMP',
    description: 'When the record was deleted in Salesforce, or found to be missing there. NULL: it is not deleted.',
  },
  {
    name: '_deleted_reason',
    type: 'STRING',
    description:
      'recycle_bin: Salesforce reports the record as deleted. missing: Salesforce no longer returns it. NULL: it is not deleted.',
  },
];

/** Counts a target table's rows as `target_rows`. BigQuery uses the table's metadata and bills nothing. */
export function targetCountStatement(target: TableName): string {
  return `SELECT COUNT(*) AS \`target_rows\` FROM ${quoteTable(target)}`;
}

/** Widens a column. Idempotent. BigQuery accepts one column per statement. */
export function widenStatement(table: TableName, column: Column): string {
  return `ALTER TABLE ${quoteTable(table)} ALTER COLUMN ${quoteName(column.name)} SET DATA TYPE ${column.type}`;
}

/** The query of a live view: the rows of a target table that are not deleted. */
export function liveQuery(target: TableName): string {
  return `SELECT * FROM ${quoteTable(target)} WHERE \`_deleted_at\` IS NULL`;
}
