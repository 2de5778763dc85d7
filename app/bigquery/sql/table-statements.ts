import type { Column } from '../../core/columns.ts';
import { quoteName, quoteTable, type TableName } from './quote.ts';

/** Columns that we add to every target table. */
export const SYSTEM_COLUMNS: readonly Column[] = [
  { name: '_synced_at', type: 'TIMESTAMP' },
  { name: '_run', type: 'STRING' },
  { name: '_deleted_at', type: 'TIMESTAMP' },
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
