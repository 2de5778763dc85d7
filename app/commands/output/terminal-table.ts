import { styleText } from 'node:util';
import { formatTable, type TableColumn } from './table.ts';

/** Lines of a table that fits the terminal; in a pipe or a file, nothing is cut. */
export function terminalTable(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string[] {
  return formatTable(columns, rows, process.stdout.columns || Number.POSITIVE_INFINITY, (line) => styleText('bold', line));
}
