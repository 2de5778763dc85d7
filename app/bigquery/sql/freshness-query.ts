import { JOB_COLUMNS, LAG_COLUMN } from '../../core/fields/metadata-tables.ts';
import { quoteName, quoteTable, quoteText, type TableName } from './quote.ts';

/** The columns of the view `_freshness`: the lag beside the date that it is counted from. */
export const FRESHNESS_COLUMNS = JOB_COLUMNS.flatMap((column) => (column.name === 'last_date' ? [column, LAG_COLUMN] : [column]));

/** The query of the view `_freshness`. The lag is computed when the view is read, so it grows while nothing is written. */
export function freshnessQuery(jobs: TableName): string {
  const lag = `TIMESTAMP_DIFF(CURRENT_TIMESTAMP(), \`last_date\`, MINUTE) AS ${quoteName(LAG_COLUMN.name)}`;
  const columns = FRESHNESS_COLUMNS.map((column) => (column === LAG_COLUMN ? lag : quoteName(column.name)));
  return `SELECT ${columns.join(', ')} FROM ${quoteTable(jobs)}`;
}

/** For other tools: until when a target table is complete, as one TIMESTAMP. Unlike the latest `_synced_at`, it moves while nothing changes. */
export function tableFreshnessQuery({ project, dataset, table }: TableName): string {
  const freshness = quoteTable({ project, dataset, table: '_freshness' });
  return `SELECT \`last_date\` FROM ${freshness} WHERE \`table_name\` = ${quoteText(table)}`;
}
