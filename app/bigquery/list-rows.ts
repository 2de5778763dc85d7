import type { TableField } from './resources.ts';
import type { TableName } from './sql/quote.ts';
import { getTable } from './tables/table.ts';
import type { Warehouse } from './warehouse.ts';

/** Some rows of a table, with the value of each column as text; null: NULL. */
export interface ListedRows {
  columns: { name: string; type: string }[];
  rows: (string | null)[][];
  /** of the table */
  totalRows: number;
}

interface TableData {
  totalRows?: string;
  rows?: { f: { v: unknown }[] }[];
}

/**
 * Reads the first rows of a table, in no order. Costs nothing: it is not a query.
 * @returns undefined if the table does not exist
 * @throws AppError
 */
export async function listRows(warehouse: Warehouse, table: TableName, maxRows: number): Promise<ListedRows | undefined> {
  const found = await getTable(warehouse, table);
  if (!found) return undefined;
  const fields = (found.schema?.fields ?? []) as TableField[];
  const path = `datasets/${encodeURIComponent(table.dataset)}/tables/${encodeURIComponent(table.table)}/data`;
  const query = new URLSearchParams({ maxResults: String(maxRows), 'formatOptions.useInt64Timestamp': 'true' });
  const data = await warehouse.get<TableData>(`list rows of ${table.dataset}.${table.table}`, `${path}?${query}`);
  if (!data) return undefined;
  return {
    columns: fields.map(({ name, type }) => ({ name: name ?? '', type: type ?? '' })),
    rows: (data.rows ?? []).map(({ f }) => f.map(({ v }, index) => formatValue(v, fields[index]))),
    totalRows: Number(data.totalRows ?? 0),
  };
}

function formatValue(value: unknown, field: TableField | undefined): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value !== 'string') return JSON.stringify(value);
  // Microseconds, of which a Date has only the milliseconds.
  if (field?.type !== 'TIMESTAMP') return value;
  const [ms, rest] = [Number(value.slice(0, -3)), value.slice(-3)];
  const instant = new Date(ms);
  if (Number.isNaN(instant.getTime())) return value;
  return rest === '000' ? instant.toISOString().replace('.000Z', 'Z') : instant.toISOString();
}
