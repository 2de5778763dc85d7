import { quoteName, quoteTable, quoteText, type TableName } from './quote.ts';

/** Which of these runs `_runs` contains. */
export function reportedRunsQuery(runs: TableName, runIds: readonly string[]): string {
  const run = quoteName('run');
  return `SELECT ${run} FROM ${quoteTable(runs)} WHERE ${run} IN (${runIds.map(quoteText).join(', ')})`;
}
